//! The mark of a notification that is sent again on request.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// What is put at the beginning of each object of a body; the rest stays as it is, byte for byte.
const MARK: &str = r#"{"replayed":true"#;

/// The body with `"replayed": true` in it; in each of several when it is a list. A body that has the mark stays as it is.
///
/// # Errors
/// None in practice: the body is JSON, an object or a list of them.
pub fn mark_replayed(body: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
    let text = body.get().trim();
    let marked = if text.starts_with('[') {
        let several: Vec<&RawValue> = serde_json::from_str(text)?;
        let marked: Result<Vec<_>, _> = several.into_iter().map(|one| mark(one.get())).collect();
        format!("[{}]", marked?.join(","))
    } else {
        mark(text)?
    };
    RawValue::from_string(marked)
}

fn mark(text: &str) -> Result<String, serde_json::Error> {
    #[derive(Deserialize)]
    struct Marked {
        replayed: Option<IgnoredAny>,
    }
    let Marked { replayed } = serde_json::from_str(text)?;
    let Some(rest) = text.strip_prefix('{').filter(|_| replayed.is_none()) else {
        return Ok(text.to_owned());
    };
    let comma = if rest.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    Ok(format!("{MARK}{comma}{rest}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one(
        r#"{"id":7,"b":1.50,"a":9007199254740993}"#,
        r#"{"replayed":true,"id":7,"b":1.50,"a":9007199254740993}"#
    )]
    #[case::several(
        r#"[{"id":"1"},{"id":"2"}]"#,
        r#"[{"replayed":true,"id":"1"},{"replayed":true,"id":"2"}]"#
    )]
    #[case::nothing("{ }", r#"{"replayed":true }"#)]
    #[case::again(r#"{"replayed":true,"id":7}"#, r#"{"replayed":true,"id":7}"#)]
    fn the_mark_is_added_once_and_nothing_else_moves(#[case] body: &str, #[case] marked: &str) {
        let body: Box<RawValue> = serde_json::from_str(body).unwrap();

        let found = mark_replayed(&body).unwrap();

        assert_eq!(found.get(), marked);
    }
}
