//! In which form events travel.

use ie_model::EventFormat;
use serde_json::Value;

use super::super::problem::shown;
use super::super::reader::Reader;

pub(super) const FORMAT: &str = "event.notification.format";
pub(super) const GZIP: &str = "event.notification.gzip";

/// The form of notifications.
pub(super) fn format(reader: &mut Reader<'_>) -> EventFormat {
    let expected = "\"openconnectors\" or \"cloudevents\"";
    let Some(text) = reader.text(FORMAT, expected) else {
        return EventFormat::default();
    };
    let named = EventFormat::ALL
        .into_iter()
        .find(|format| format.as_str() == text);
    named.unwrap_or_else(|| {
        let got = shown(&Value::from(text));
        reader.refuse(FORMAT, format!("expected {expected}, got {got}"));
        EventFormat::default()
    })
}

/// Whether bodies are compressed.
pub(super) fn gzip(reader: &mut Reader<'_>) -> bool {
    reader.boolean(GZIP).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::super::test_bodies::{draft, minimal, refusal, with};
    use super::*;

    #[test]
    fn without_a_word_it_is_open_connectors_and_not_compressed() {
        let delivery = draft(&minimal()).settings.delivery;

        assert_eq!(delivery.format, EventFormat::OpenConnectors);
        assert!(!delivery.gzip);
    }

    #[test]
    fn both_are_read() {
        let draft = draft(&with(json!({FORMAT: " cloudevents ", GZIP: "true"})));

        assert_eq!(draft.settings.delivery.format, EventFormat::CloudEvents);
        assert!(draft.settings.delivery.gzip);
        assert_eq!(draft.warnings, Vec::<String>::new());
    }

    #[rstest]
    #[case(json!("CloudEvent"), "got \"CloudEvent\"")]
    #[case(json!(true), "got true")]
    fn another_format_is_refused_with_those_that_there_are(
        #[case] value: Value,
        #[case] got: &str,
    ) {
        let problem = refusal(&with(json!({FORMAT: value})));

        assert!(problem.contains(FORMAT), "{problem}");
        assert!(problem.contains("\"cloudevents\""), "{problem}");
        assert!(problem.contains(got), "{problem}");
    }
}
