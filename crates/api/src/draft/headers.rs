//! `event.notification.callback.headers`: a JSON object, or lines of `Name: value`.

use axum::http::{HeaderName, HeaderValue};
use ie_model::is_reserved_header;
use serde_json::{Map, Value};

use super::problem::{Path, Problems, kind};

/// Reads the headers; what they hold may be a secret, so that no error repeats a value.
pub(super) fn read(value: &Value, path: &Path, problems: &mut Problems) -> Map<String, Value> {
    let pairs = match value {
        Value::Object(map) => Ok(map.clone()),
        Value::String(text) if text.trim_start().starts_with('{') => serde_json::from_str(text)
            .map_err(|error| format!("the string is not a JSON object: {error}")),
        Value::String(text) => lines(text),
        other => Err(format!("got {}", kind(other))),
    };
    match pairs {
        Ok(pairs) => pairs
            .into_iter()
            .filter(|(name, value)| check(name, value, path, problems))
            .collect(),
        Err(found) => {
            problems.add(
                path,
                format!(
                    "expected headers as a JSON object, or as lines of \"Name: value\"; {found}"
                ),
            );
            Map::new()
        }
    }
}

fn lines(text: &str) -> Result<Map<String, Value>, String> {
    let mut pairs = Map::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("line {} has no colon", index + 1))?;
        pairs.insert(name.trim().to_owned(), Value::from(value.trim()));
    }
    Ok(pairs)
}

fn check(name: &str, value: &Value, path: &Path, problems: &mut Problems) -> bool {
    let path = path.key(name);
    let text = match value {
        Value::String(text) => HeaderValue::from_str(text).is_ok(),
        _ => false,
    };
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        problems.add(
            &path,
            "expected the name of an HTTP header: letters, digits and dashes",
        );
    } else if is_reserved_header(name) {
        problems.add(
            &path,
            "is set by this service on every notification; leave it out",
        );
    } else if !text {
        problems.add(
            &path,
            match value {
                Value::String(_) => {
                    "expected a value of visible ASCII characters on one line".to_owned()
                }
                other => format!("expected the value as a string, got {}", kind(other)),
            },
        );
    } else {
        return true;
    }
    false
}
