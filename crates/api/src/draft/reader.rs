//! Reads typed values out of an object whose values may be JSON types or strings.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::problem::{Path, Problems, shown};

/// An object of the body, where it stands, and the list that takes what is wrong with it.
///
/// A value that is absent, null or a blank string is "not given"; a wrong one is noted and then
/// counts as not given, so that the rest of the body is read as well.
pub(crate) struct Reader<'a> {
    map: &'a Map<String, Value>,
    path: Path,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    /// Reads `map`, which stands at `path`.
    pub(crate) fn new(map: &'a Map<String, Value>, path: Path, problems: &'a mut Problems) -> Self {
        Self {
            map,
            path,
            problems,
        }
    }

    /// Where the member of that name stands.
    pub(crate) fn path(&self, key: &str) -> Path {
        self.path.key(key)
    }

    /// Notes what is wrong with a member.
    pub(crate) fn refuse(&mut self, key: &str, text: impl Into<String>) {
        let path = self.path(key);
        self.problems.add(&path, text);
    }

    /// The list that takes what is wrong.
    pub(crate) fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// The member, when it is given.
    pub(crate) fn given(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        })
    }

    /// A text without the blanks around it. `expected` says what it is: `the name of a zone`.
    pub(crate) fn text(&mut self, key: &str, expected: &str) -> Option<&'a str> {
        match self.given(key)? {
            Value::String(text) => Some(text.trim()),
            other => {
                let got = shown(other);
                self.refuse(key, format!("expected {expected} as a string, got {got}"));
                None
            }
        }
    }

    /// `true` or `false`, also as strings.
    pub(crate) fn boolean(&mut self, key: &str) -> Option<bool> {
        let value = self.given(key)?;
        let read = match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if read.is_none() {
            let got = shown(value);
            self.refuse(
                key,
                format!("expected true or false (or \"true\" or \"false\"), got {got}"),
            );
        }
        read
    }

    /// A whole number in a range, also as a string. `unit` says of what: `minutes`.
    pub(crate) fn whole(
        &mut self,
        key: &str,
        range: RangeInclusive<u32>,
        unit: &str,
    ) -> Option<u32> {
        let value = self.given(key)?;
        let read = match value {
            Value::Number(number) => whole_number(&number.to_string()),
            Value::String(text) => whole_number(text.trim()),
            _ => None,
        };
        let read = read
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| range.contains(number));
        if read.is_none() {
            let (low, high, got) = (range.start(), range.end(), shown(value));
            self.refuse(
                key,
                format!("expected a whole number of {unit} from {low} to {high}, got {got}"),
            );
        }
        read
    }

    /// An object, also as a string that holds its JSON.
    pub(crate) fn object(&mut self, key: &str) -> Option<Map<String, Value>> {
        let value = self.given(key)?;
        match value {
            Value::Object(map) => Some(map.clone()),
            Value::String(text) => match serde_json::from_str(text) {
                Ok(map) => Some(map),
                Err(error) => {
                    self.refuse(
                        key,
                        format!("expected an object, or a string holding one as JSON; the string is not one: {error}"),
                    );
                    None
                }
            },
            other => {
                let got = shown(other);
                self.refuse(
                    key,
                    format!("expected an object, or a string holding one as JSON, got {got}"),
                );
                None
            }
        }
    }
}

/// Digits, or digits with a fraction of nothing: `15`, `15.0`.
fn whole_number(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = fraction.bytes().all(|byte| byte == b'0');
    (digits(whole) && digits(fraction) && zeros).then(|| whole.parse().ok())?
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn read<T>(value: Value, read: impl FnOnce(&mut Reader<'_>) -> T) -> (T, String) {
        let map = Map::from_iter([("x".to_owned(), value)]);
        let mut problems = Problems::default();
        let result = read(&mut Reader::new(&map, Path::root(), &mut problems));
        (
            result,
            if problems.is_empty() {
                String::new()
            } else {
                problems.to_string()
            },
        )
    }

    #[rstest]
    #[case(json!(15), Some(15))]
    #[case(json!("15"), Some(15))]
    #[case(json!(" 15 "), Some(15))]
    #[case(json!(15.0), Some(15))]
    #[case(json!(""), None)]
    #[case(json!(null), None)]
    fn a_whole_number_is_read_in_every_spelling(
        #[case] value: Value,
        #[case] expected: Option<u32>,
    ) {
        let (number, problems) = read(value, |r| r.whole("x", 1..=100, "minutes"));

        assert_eq!(number, expected);
        assert_eq!(problems, "");
    }

    #[rstest]
    #[case(json!(1.5), "1.5")]
    #[case(json!("1.5"), "\"1.5\"")]
    #[case(json!(0), "0")]
    #[case(json!(-1), "-1")]
    #[case(json!(101), "101")]
    #[case(json!(1e30), "1e+30")]
    #[case(json!("99999999999999999999999"), "\"99999999999999999999999\"")]
    #[case(json!("1."), "\"1.\"")]
    #[case(json!(true), "true")]
    #[case(json!({}), "an object")]
    fn what_is_no_whole_number_in_the_range_is_refused(#[case] value: Value, #[case] got: &str) {
        let (number, problems) = read(value, |r| r.whole("x", 1..=100, "minutes"));

        assert_eq!(number, None);
        assert_eq!(
            problems,
            format!("$.x: expected a whole number of minutes from 1 to 100, got {got}")
        );
    }

    #[rstest]
    #[case(json!(true), Some(true))]
    #[case(json!("true"), Some(true))]
    #[case(json!("FALSE"), Some(false))]
    #[case(json!(" "), None)]
    fn a_boolean_is_read_in_every_spelling(#[case] value: Value, #[case] expected: Option<bool>) {
        let (flag, problems) = read(value, |r| r.boolean("x"));

        assert_eq!(flag, expected);
        assert_eq!(problems, "");
    }

    #[test]
    fn a_string_of_broken_json_is_refused_with_its_line_and_column() {
        let (map, problems) = read(json!("{\n  \"a\": }"), |r| r.object("x"));

        assert_eq!(map, None);
        assert_eq!(
            problems,
            "$.x: expected an object, or a string holding one as JSON; the string is not one: \
             expected value at line 2 column 8"
        );
    }
}
