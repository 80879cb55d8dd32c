//! A record as it came: its text, which is parsed where somebody looks into it and not kept so.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// One record in Insightly's own words, on one line.
///
/// Parsed, the records of a page take eight times the memory of their text.
#[derive(Clone, Deserialize)]
#[serde(from = "Box<RawValue>")]
pub struct Record(Box<RawValue>);

impl Record {
    /// Its JSON.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Its JSON, to be put into other JSON as it is.
    pub fn raw(&self) -> &RawValue {
        &self.0
    }

    /// What it says; its own text, where that is JSON but beyond what can be read.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_else(|_| Value::String(self.text().to_owned()))
    }
}

impl From<Box<RawValue>> for Record {
    fn from(raw: Box<RawValue>) -> Self {
        // JSON that was laid out for people would break what has a record in each line.
        let bytes = raw.get().as_bytes();
        let laid_out = bytes.contains(&b'\n') || bytes.contains(&b'\r');
        let parsed = laid_out.then(|| serde_json::from_str::<Value>(raw.get()));
        let compact = parsed.and_then(|value| to_raw_value(&value.ok()?).ok());
        Self(compact.unwrap_or(raw))
    }
}

/// The reverse of [`Record::value`].
impl From<Value> for Record {
    fn from(value: Value) -> Self {
        let text = match value {
            Value::String(text) if serde_json::from_str::<Value>(&text).is_err() => {
                match RawValue::from_string(text.clone()) {
                    Ok(raw) => return Self(raw),
                    Err(_) => Value::String(text).to_string(),
                }
            }
            other => other.to_string(),
        };
        // What was printed from a value is JSON.
        Self(RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// Without the content: it is somebody's data.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} bytes)", self.text().len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn record(text: &str) -> Record {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_record_keeps_its_words() {
        let text = r#"{"B": 12.50, "A": "\u00e9"}"#;

        assert_eq!(record(text).text(), text);
        assert_eq!(record(text).value(), json!({"B": 12.5, "A": "é"}));
    }

    #[test]
    fn a_record_stands_on_one_line() {
        assert_eq!(
            record("{\n  \"A\": 1,\r\n \"B\": \"x\\ny\"}").text(),
            r#"{"A":1,"B":"x\ny"}"#
        );
    }

    #[rstest]
    #[case::a_number_too_big(r#"{"A": 1e999}"#)]
    #[case::half_a_character(r#"{"A": "\ud800"}"#)]
    fn what_cannot_be_read_is_its_own_text(#[case] text: &str) {
        assert_eq!(record(text).value(), json!(text));
        assert_eq!(Record::from(json!(text)), record(text));
    }

    proptest! {
        #[test]
        fn a_text_that_is_no_record_stays_a_text(text: String) {
            let value = Value::String(text);

            prop_assert_eq!(Record::from(value.clone()).value(), value);
        }
    }
}
