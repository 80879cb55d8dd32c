//! In which order events arrive.

use ie_model::{DeadLetterOrder, EventOrder};

use super::super::problem::shown;
use super::super::reader::Reader;

pub(super) const ORDER: &str = "event.notification.order";
pub(super) const DEAD_LETTER: &str = "event.notification.order.dead_letter";

/// Whether the events of one object wait for each other.
pub(super) fn order(reader: &mut Reader<'_>) -> EventOrder {
    let choices = [
        ("none", EventOrder::None),
        ("per-object", EventOrder::PerObject),
    ];
    choice(reader, ORDER, choices)
}

/// What a dead letter does to those that wait for it.
pub(super) fn dead_letter(reader: &mut Reader<'_>) -> DeadLetterOrder {
    let choices = [
        ("block", DeadLetterOrder::Block),
        ("skip", DeadLetterOrder::Skip),
    ];
    choice(reader, DEAD_LETTER, choices)
}

fn choice<T: Default>(reader: &mut Reader<'_>, key: &str, choices: [(&str, T); 2]) -> T {
    let expected = format!("{} or {}", choices[0].0, choices[1].0);
    let Some(text) = reader.text(key, &expected) else {
        return T::default();
    };
    let chosen = text.trim().to_lowercase();
    let mut choices = choices.into_iter();
    if let Some((_, value)) = choices.find(|(name, _)| *name == chosen) {
        return value;
    }
    let got = shown(&serde_json::Value::from(text));
    reader.refuse(key, format!("expected {expected}, got {got}"));
    T::default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::super::test_bodies::{draft, refusal, with};
    use super::*;

    #[test]
    fn an_order_is_none_unless_it_is_asked_for_and_then_blocks() {
        let plain = draft(&with(json!({}))).settings.delivery;
        let asked = draft(&with(json!({ ORDER: "Per-Object" })))
            .settings
            .delivery;
        let skips = json!({ ORDER: "per-object", DEAD_LETTER: "skip" });
        let skips = draft(&with(skips)).settings.delivery;

        assert_eq!(plain.order, EventOrder::None);
        assert_eq!(asked.order, EventOrder::PerObject);
        assert_eq!(asked.dead_letter_order, DeadLetterOrder::Block);
        assert_eq!(skips.dead_letter_order, DeadLetterOrder::Skip);
    }

    #[rstest]
    #[case(ORDER, json!("global"), "expected none or per-object, got \"global\"")]
    #[case(DEAD_LETTER, json!("drop"), "expected block or skip, got \"drop\"")]
    #[case(ORDER, json!(true), "none or per-object")]
    fn another_word_is_refused_with_those_that_there_are(
        #[case] key: &str,
        #[case] value: Value,
        #[case] expected: &str,
    ) {
        let problem = refusal(&with(json!({ key: value })));

        assert!(problem.contains(key), "{problem}");
        assert!(problem.contains(expected), "{problem}");
    }
}
