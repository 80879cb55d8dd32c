//! Where things stand in a record.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The list of a record's custom fields.
pub(super) const CUSTOM_FIELDS: &str = "CUSTOMFIELDS";
const FIELD_NAME: &str = "FIELD_NAME";
const FIELD_VALUE: &str = "FIELD_VALUE";

/// The value at a dotted path; a field whose own name holds the dots wins.
pub(super) fn at<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    let found = record.get(path).or_else(|| {
        path.split('.')
            .try_fold(record, |value, name| value.get(name))
    });
    found.filter(|value| !value.is_null())
}

/// The names that lead to the value at a path, as [`at`] goes.
pub(super) fn steps<'a>(record: &Map<String, Value>, path: &'a str) -> Vec<&'a str> {
    if record.contains_key(path) {
        vec![path]
    } else {
        path.split('.').collect()
    }
}

/// Custom fields by name, whatever their order; none when the list is not made of a name and a value each, or names one
/// twice.
pub(super) fn custom_fields(list: &Value) -> Option<BTreeMap<&str, &Value>> {
    let list = list.as_array()?;
    let mut fields = BTreeMap::new();
    for entry in list {
        let entry = entry.as_object().filter(|entry| entry.len() == 2)?;
        let (name, value) = (entry.get(FIELD_NAME)?.as_str()?, entry.get(FIELD_VALUE)?);
        if fields.insert(name, value).is_some() {
            return None;
        }
    }
    Some(fields)
}
