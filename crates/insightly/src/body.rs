//! From the bytes of an answer to records; one that cannot be read does not take the others with it.

use serde::de::DeserializeOwned;
use serde_json::{Error, Value};

use crate::Record;
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
        leniently(body).map(|record: Record| record.value())
    }
}

/// A page. Whether a record of it can be read is seen when somebody does.
impl Body for Vec<Record> {
    fn parse(body: &[u8]) -> Result<Self, Error> {
        leniently(body)
    }
}

/// Bytes that are no text are an error of the whole body to the parser, though it finds where each record ends. Only a
/// body with such an error is read twice.
fn leniently<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let error = match serde_json::from_slice(body) {
        Ok(whole) => return Ok(whole),
        Err(error) => error,
    };
    if !error.is_syntax() {
        return Err(error);
    }
    let text = String::from_utf8_lossy(body);
    serde_json::from_str(&text).map_err(|_| error)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn values(body: &[u8]) -> Vec<Value> {
        let records = Vec::<Record>::parse(body).unwrap();
        records.iter().map(Record::value).collect()
    }

    #[rstest]
    #[case::a_number_too_big(r#"{"A": 1e999}"#)]
    #[case::half_a_character(r#"{"A": "\ud800"}"#)]
    fn a_record_that_cannot_be_read_stands_as_its_text(#[case] bad: &str) {
        let page = format!(r#"[{{"A": 1}}, {bad}, {{"A": 2}}]"#);

        let records = values(page.as_bytes());

        assert_eq!(records, [json!({"A": 1}), json!(bad), json!({"A": 2})]);
        assert_eq!(Value::parse(bad.as_bytes()).unwrap(), json!(bad));
    }

    #[test]
    fn nesting_without_end_is_one_records_matter() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));

        let records = values(format!("[{deep}, {{}}]").as_bytes());

        assert_eq!(records, [json!(deep), json!({})]);
    }

    #[test]
    fn bytes_that_are_no_text_become_marks() {
        let records = values(b"[{\"A\": \"a\xffb\"}, {}]");

        assert_eq!(records, [json!({"A": "a\u{fffd}b"}), json!({})]);
    }

    #[rstest]
    #[case::cut_off(r#"[{"A": 1}, {"A""#)]
    #[case::broken(r#"[{"A": 1}, {"A" 1}]"#)]
    #[case::no_list(r#"{"Message": "no"}"#)]
    #[case::html("<html>")]
    #[case::empty("")]
    fn a_body_that_is_no_page_is_an_error(#[case] body: &str) {
        assert!(Vec::<Record>::parse(body.as_bytes()).is_err());
    }
}
