//! From the bytes of an answer to records; one that cannot be read does not take the others with it.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Error, Value};

use crate::answer::AccountInfo;

/// What the body of an answer is read into.
pub(crate) trait Body: Sized {
    /// Reads it.
    fn parse(body: &[u8]) -> Result<Self, Error>;
}

impl Body for AccountInfo {
    fn parse(body: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(body)
    }
}

/// One record. If JSON it is, but beyond what can be read, it is its own text.
impl Body for Value {
    fn parse(body: &[u8]) -> Result<Self, Error> {
        leniently(body, |raw: Box<RawValue>| record(&raw))
    }
}

/// A page. A record of it that cannot be read stands there as its text.
impl Body for Vec<Value> {
    fn parse(body: &[u8]) -> Result<Self, Error> {
        leniently(body, |raw: Vec<Box<RawValue>>| {
            raw.iter().map(|raw| record(raw)).collect()
        })
    }
}

/// Numbers that are too big, text that is none and nesting without end are errors of the whole body to the parser,
/// though it finds where each record ends. Only a body with such an error is read twice.
fn leniently<T: DeserializeOwned, R: DeserializeOwned>(
    body: &[u8],
    read: impl FnOnce(R) -> T,
) -> Result<T, Error> {
    let error = match serde_json::from_slice(body) {
        Ok(whole) => return Ok(whole),
        Err(error) => error,
    };
    if !error.is_syntax() {
        return Err(error);
    }
    let text = String::from_utf8_lossy(body);
    serde_json::from_str(&text).map(read).map_err(|_| error)
}

fn record(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| Value::String(raw.get().to_owned()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::a_number_too_big(r#"{"A": 1e999}"#)]
    #[case::half_a_character(r#"{"A": "\ud800"}"#)]
    fn a_record_that_cannot_be_read_stands_as_its_text(#[case] bad: &str) {
        let page = format!(r#"[{{"A": 1}}, {bad}, {{"A": 2}}]"#);

        let records = Vec::<Value>::parse(page.as_bytes()).unwrap();

        assert_eq!(records, [json!({"A": 1}), json!(bad), json!({"A": 2})]);
        assert_eq!(Value::parse(bad.as_bytes()).unwrap(), json!(bad));
    }

    #[test]
    fn nesting_without_end_is_one_records_matter() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));

        let records = Vec::<Value>::parse(format!("[{deep}, {{}}]").as_bytes()).unwrap();

        assert_eq!(records, [json!(deep), json!({})]);
    }

    #[test]
    fn bytes_that_are_no_text_become_marks() {
        let records = Vec::<Value>::parse(b"[{\"A\": \"a\xffb\"}, {}]").unwrap();

        assert_eq!(records, [json!({"A": "a\u{fffd}b"}), json!({})]);
    }

    #[rstest]
    #[case::cut_off(r#"[{"A": 1}, {"A""#)]
    #[case::broken(r#"[{"A": 1}, {"A" 1}]"#)]
    #[case::no_list(r#"{"Message": "no"}"#)]
    #[case::html("<html>")]
    #[case::empty("")]
    fn a_body_that_is_no_page_is_an_error(#[case] body: &str) {
        assert!(Vec::<Value>::parse(body.as_bytes()).is_err());
    }
}
