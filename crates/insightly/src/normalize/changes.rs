//! What changed between two versions of a record: by the path of each field its value before and after.
//!
//! Objects are gone into, dots between the names; a dot or backslash of a name itself is preceded by a backslash. Custom
//! fields are told by their name. Every other list is told as a whole, since its entries have no identity that all of
//! Insightly's lists share. `from` is absent where the field was not there, `to` where it is not there any more.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::{CUSTOM_FIELDS, custom_fields, steps};

/// What changed from one content of a record to the next, without the updated date, which moves every time.
///
/// Nothing changed where [`super::digest_without`] is the same, and the other way round.
pub fn changes(before: &Value, after: &Value, updated_path: &str) -> Map<String, Value> {
    let mut changes = Changes(Map::new());
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let without = steps(after, updated_path);
            changes.fields(None, (before, after), &without);
        }
        _ => changes.value(String::new(), Some(before), Some(after)),
    }
    changes.0
}

struct Changes(Map<String, Value>);

impl Changes {
    /// Compares two objects that stand at `path`, none for the record itself; the names in `without` lead to what does not count.
    fn fields(
        &mut self,
        path: Option<&str>,
        (before, after): (&Map<String, Value>, &Map<String, Value>),
        without: &[&str],
    ) {
        let new = after.keys().filter(|name| !before.contains_key(*name));
        for name in before.keys().chain(new) {
            let rest = match without.split_first() {
                Some((first, [])) if first == name => continue,
                Some((first, rest)) if first == name => rest,
                _ => &[],
            };
            let (was, is) = (before.get(name), after.get(name));
            let at = join(path, name);
            match (was, is) {
                (Some(Value::Object(was)), Some(Value::Object(is))) => {
                    self.fields(Some(&at), (was, is), rest);
                }
                (Some(was), Some(is)) if path.is_none() && name == CUSTOM_FIELDS => {
                    self.custom_fields(at, was, is);
                }
                _ => self.value(at, was, is),
            }
        }
    }

    fn custom_fields(&mut self, path: String, was: &Value, is: &Value) {
        let (Some(before), Some(after)) = (custom_fields(was), custom_fields(is)) else {
            return self.value(path, Some(was), Some(is));
        };
        let new = after.keys().filter(|name| !before.contains_key(*name));
        for name in before.keys().chain(new) {
            let value =
                |fields: &BTreeMap<&str, &Value>| fields.get(name).map(|value| (*value).clone());
            let (was, is) = (value(&before), value(&after));
            self.value(join(Some(&path), name), was.as_ref(), is.as_ref());
        }
    }

    fn value(&mut self, path: String, was: Option<&Value>, is: Option<&Value>) {
        let change = match (was, is) {
            (Some(was), Some(is)) if was == is => return,
            (Some(was), Some(is)) => json!({"from": was, "to": is}),
            (Some(was), None) => json!({"from": was}),
            (None, Some(is)) => json!({"to": is}),
            (None, None) => return,
        };
        self.0.insert(path, change);
    }
}

fn join(path: Option<&str>, name: &str) -> String {
    let name = name.replace('\\', r"\\").replace('.', r"\.");
    match path {
        Some(path) => format!("{path}.{name}"),
        None => name,
    }
}

#[cfg(test)]
mod tests;
