//! What is wrong with a request's body: all of it at once, each with its JSON path.

use std::fmt;

use serde_json::Value;

/// The longest part of a client's value that an error repeats.
const SHOWN: usize = 60;

/// One thing wrong: where, what was expected, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where in the body.
    pub(crate) path: Path,
    /// What was expected and how to mend it.
    pub(crate) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

/// Everything wrong with a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub(crate) fn add(&mut self, path: &Path, text: impl Into<String>) {
        self.0.push(Problem {
            path: path.clone(),
            text: text.into(),
        });
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return only.fmt(f);
        }
        write!(f, "{} problems:", self.0.len())?;
        for (index, problem) in self.0.iter().enumerate() {
            let end = if index + 1 < self.0.len() { ";" } else { "" };
            write!(f, " ({}) {problem}{end}", index + 1)?;
        }
        Ok(())
    }
}

/// A JSONPath, such as `$.configuration['event.vendor.type']`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(String);

impl Path {
    /// The whole body.
    pub(crate) fn root() -> Self {
        Self("$".to_owned())
    }

    /// The member of that name.
    pub(crate) fn key(&self, name: &str) -> Self {
        let plain = !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain {
            return Self(format!("{}.{name}", self.0));
        }
        let escaped = name.replace('\\', "\\\\").replace('\'', "\\'");
        Self(format!("{}['{escaped}']", self.0))
    }

    /// The element of that position.
    pub(crate) fn index(&self, position: usize) -> Self {
        Self(format!("{}[{position}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A client's value as an error repeats it: short, and never the inside of an object.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        scalar => {
            let text = scalar.to_string();
            if text.chars().count() <= SHOWN {
                return text;
            }
            text.chars().take(SHOWN).chain(['…']).collect()
        }
    }
}

/// What kind of value it is, for values that an error must not repeat.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_quotes_what_is_not_an_identifier() {
        let path = Path::root()
            .key("configuration")
            .key("event.vendor.type")
            .key("it's")
            .index(3);

        assert_eq!(
            path.to_string(),
            r"$.configuration['event.vendor.type']['it\'s'][3]"
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        let value = Value::String("x".repeat(500));

        let text = shown(&value);

        assert_eq!(text.chars().count(), SHOWN + 1);
    }

    #[test]
    fn several_problems_are_numbered() {
        let mut problems = Problems::default();

        problems.add(&Path::root().key("name"), "expected a name");
        assert_eq!(problems.to_string(), "$.name: expected a name");

        problems.add(&Path::root().key("tags"), "expected a list");
        assert_eq!(
            problems.to_string(),
            "2 problems: (1) $.name: expected a name; (2) $.tags: expected a list"
        );
    }
}
