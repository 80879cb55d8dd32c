//! The environment as a layer of the configuration.

use std::path::Path;

use figment::value::{Dict, Value};

const PREFIX: &str = "IE__";
const SEPARATOR: &str = "__";

/// What a field's name ends with when it names a file that holds the value.
pub(super) const FILE_SUFFIX: &str = "_file";

/// One variable that sets a field.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    /// The name, as it was set.
    pub(super) name: String,
    /// Section and field, in lower case.
    pub(super) path: Vec<String>,
    /// The value, as it was set.
    pub(super) raw: String,
    /// What the value is taken for.
    reading: Reading,
}

/// What a variable's value is taken for: it has no type of its own, the field decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// A number, a truth value, a list or a table when it looks like one, else text.
    Guess,
    /// Text, whatever it looks like.
    Text,
    /// A list, with commas between its elements.
    List,
}

impl Variable {
    /// The variable as a setting; `None` when it is not one.
    pub(super) fn parse(name: String, raw: String) -> Option<Self> {
        let path: Vec<_> = name
            .strip_prefix(PREFIX)?
            .split(SEPARATOR)
            .map(str::to_lowercase)
            .collect();
        let is_setting = path.len() >= 2 && path.iter().all(|part| !part.is_empty());
        is_setting.then_some(Self {
            name,
            path,
            raw,
            reading: Reading::Guess,
        })
    }

    /// The value, as it is read now.
    pub(super) fn value(&self) -> Value {
        match self.reading {
            Reading::Guess => guess(&self.raw),
            Reading::Text => Value::from(self.raw.as_str()),
            Reading::List => list(&self.raw),
        }
    }

    /// Reads the value another way, after the field `expected` another type; false when there is no other way.
    pub(super) fn read_otherwise(&mut self, expected: &str) -> bool {
        let is_text = self.value().as_str().is_some();
        self.reading = match self.reading {
            Reading::Guess if !is_text => Reading::Text,
            Reading::Guess | Reading::Text if expected == "a sequence" => Reading::List,
            _ => return false,
        };
        true
    }

    /// Where the value of the field comes from when this variable names a file.
    pub(super) fn read_file(&self) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(Path::new(&self.raw))?;
        let mut path = self.path.clone();
        if let Some(field) = path.last_mut() {
            field.truncate(field.len().saturating_sub(FILE_SUFFIX.len()));
        }
        Ok(Self {
            name: self.name.clone(),
            path,
            raw: text.trim_end_matches(['\r', '\n']).to_owned(),
            reading: Reading::Guess,
        })
    }
}

fn guess(raw: &str) -> Value {
    let text = raw.trim();
    match text.chars().next() {
        Some('[') => toml_value(text).unwrap_or_else(|| {
            // Durations and names without quotes, as in [5s, 30s], are no TOML.
            let inner = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'));
            inner.map_or_else(|| Value::from(raw), list)
        }),
        Some('{') => toml_value(text).unwrap_or_else(|| Value::from(raw)),
        _ => scalar(text).unwrap_or_else(|| Value::from(raw)),
    }
}

fn list(raw: &str) -> Value {
    let elements = raw
        .split(',')
        .map(str::trim)
        .filter(|element| !element.is_empty());
    elements
        .map(|element| scalar(element).unwrap_or_else(|| Value::from(element)))
        .collect::<Vec<_>>()
        .into()
}

fn scalar(text: &str) -> Option<Value> {
    let whole = || text.parse::<i64>().ok().map(Value::from);
    let fraction = || text.parse::<f64>().ok().map(Value::from);
    let truth = || text.parse::<bool>().ok().map(Value::from);
    whole().or_else(fraction).or_else(truth)
}

fn toml_value(text: &str) -> Option<Value> {
    let mut table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    Value::serialize(table.remove("value")?).ok()
}

/// Sets the value at `path`, with the tables on the way to it.
pub(super) fn insert(root: &mut Dict, path: &[String], value: Value) {
    match path {
        [] => {}
        [field] => {
            root.insert(field.clone(), value);
        }
        [table, rest @ ..] => {
            let entry = root
                .entry(table.clone())
                .or_insert_with(|| Value::from(Dict::new()));
            if !matches!(entry, Value::Dict(..)) {
                *entry = Value::from(Dict::new());
            }
            if let Value::Dict(_, dict) = entry {
                insert(dict, rest, value);
            }
        }
    }
}

/// Removes the value at `path`.
pub(super) fn remove(root: &mut Dict, path: &[String]) {
    match path {
        [] => {}
        [field] => {
            root.remove(field);
        }
        [table, rest @ ..] => {
            if let Some(Value::Dict(_, dict)) = root.get_mut(table) {
                remove(dict, rest);
            }
        }
    }
}
