//! Which changes are events: an object, or a string that holds one.

use ie_model::{Condition, EventFilter, EventType};
use serde_json::{Map, Value};

use super::super::Resource;
use super::super::problem::{Path, Problems, shown};
use super::super::reader::Reader;

pub(super) const FILTER: &str = "event.filter";

const EVENT_TYPES: &str = "eventTypes";
const OBJECT_TYPES: &str = "objectTypes";
const WHERE: &str = "where";
const PATH: &str = "path";
const EQUALS: &str = "equals";

/// More conditions than anybody reads.
const MAX_CONDITIONS: usize = 50;
/// The same for the values of one.
const MAX_VALUES: usize = 200;

/// The filter; none when there is none, or when it lets everything through.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<EventFilter> {
    let map = reader.object(FILTER)?;
    let path = reader.path(FILTER);
    let problems = reader.problems();
    known(&map, &[EVENT_TYPES, OBJECT_TYPES, WHERE], &path, problems);
    let mut filter = EventFilter::default();
    for (place, name) in names(&map, EVENT_TYPES, &path, problems) {
        match event_type(&name) {
            Some(event_type) => filter.event_types.push(event_type),
            None => {
                let got = shown(&Value::from(name));
                let expected = "expected CREATED, UPDATED or DELETED";
                problems.add(&place, format!("{expected}, got {got}"));
            }
        }
    }
    let objects = names(&map, OBJECT_TYPES, &path, problems);
    filter.object_types = objects.into_iter().map(|(_, name)| name).collect();
    filter.conditions = conditions(map.get(WHERE), &path.key(WHERE), problems);
    (filter != EventFilter::default()).then_some(filter)
}

/// A name that is not polled would silence everything, so it is a mistake.
pub(crate) fn check_objects(
    filter: Option<&EventFilter>,
    resources: &[Resource],
    reader: &mut Reader<'_>,
) {
    let polled: Vec<&str> = resources
        .iter()
        .map(|resource| resource.name.as_str())
        .collect();
    let path = reader.path(FILTER).key(OBJECT_TYPES);
    let named = filter.iter().flat_map(|filter| &filter.object_types);
    for (index, name) in named.enumerate() {
        if !polled.contains(&name.as_str()) {
            let (got, polled) = (shown(&Value::from(name.as_str())), polled.join(", "));
            reader.problems().add(
                &path.index(index),
                format!("expected a resource that this instance polls ({polled}), got {got}"),
            );
        }
    }
}

fn event_type(name: &str) -> Option<EventType> {
    [EventType::Created, EventType::Updated, EventType::Deleted]
        .into_iter()
        .find(|event_type| event_type.as_str().eq_ignore_ascii_case(name))
}

/// A member that means nothing is most likely misspelt, and what it was to exclude would be told of.
fn known(map: &Map<String, Value>, names: &[&str], path: &Path, problems: &mut Problems) {
    for name in map.keys().filter(|name| !names.contains(&name.as_str())) {
        let names = names.join(", ");
        problems.add(
            &path.key(name),
            format!("is not known here; expected only {names}"),
        );
    }
}

/// The texts of a list, each with its place.
fn names(
    map: &Map<String, Value>,
    key: &str,
    path: &Path,
    problems: &mut Problems,
) -> Vec<(Path, String)> {
    let path = path.key(key);
    let mut names = Vec::new();
    match map.get(key) {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) if !list.is_empty() => {
            for (index, entry) in list.iter().enumerate() {
                let place = path.index(index);
                match entry {
                    Value::String(text) => names.push((place, text.trim().to_owned())),
                    other => {
                        problems.add(&place, format!("expected a string, got {}", shown(other)));
                    }
                }
            }
        }
        Some(Value::Array(_)) => problems.add(
            &path,
            "expected at least one name, as an empty list lets nothing through; leave it out to let everything through",
        ),
        Some(other) => {
            let got = shown(other);
            problems.add(&path, format!("expected a list of strings, got {got}"));
        }
    }
    names
}

fn conditions(value: Option<&Value>, path: &Path, problems: &mut Problems) -> Vec<Condition> {
    let list = match value {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) if list.len() <= MAX_CONDITIONS => list,
        Some(other) => {
            let got = match other {
                Value::Array(list) => format!("{} conditions", list.len()),
                other => shown(other),
            };
            problems.add(
                path,
                format!(
                    "expected a list of at most {MAX_CONDITIONS} conditions such as [{{\"path\": \"$.LEAD_SOURCE\", \"equals\": \"Web\"}}], got {got}"
                ),
            );
            return Vec::new();
        }
    };
    let read = |(index, entry): (usize, &Value)| condition(entry, &path.index(index), problems);
    list.iter().enumerate().filter_map(read).collect()
}

fn condition(entry: &Value, place: &Path, problems: &mut Problems) -> Option<Condition> {
    let Value::Object(map) = entry else {
        let got = shown(entry);
        problems.add(
            place,
            format!("expected an object with {PATH} and {EQUALS}, got {got}"),
        );
        return None;
    };
    known(map, &[PATH, EQUALS], place, problems);
    let equals = values(map.get(EQUALS), &place.key(EQUALS), problems);
    let path = place.key(PATH);
    let Some(Value::String(text)) = map.get(PATH) else {
        let got = map.get(PATH).map_or("nothing".to_owned(), shown);
        problems.add(
            &path,
            format!("expected a JSONPath such as \"$.LEAD_SOURCE\", got {got}"),
        );
        return None;
    };
    match Condition::new(text.trim(), equals?) {
        Ok(condition) => Some(condition),
        Err(error) => {
            let got = shown(&Value::from(text.as_str()));
            problems.add(
                &path,
                format!(
                    "expected a JSONPath such as \"$.LEAD_SOURCE\" (RFC 9535), got {got}: {error}"
                ),
            );
            None
        }
    }
}

/// One value, or a list of which any will do.
fn values(value: Option<&Value>, path: &Path, problems: &mut Problems) -> Option<Vec<Value>> {
    let expected = format!(
        "expected a string, a number, true, false or null, or a list of 1 to {MAX_VALUES} of them"
    );
    match value {
        Some(Value::Array(list)) if (1..=MAX_VALUES).contains(&list.len()) => {
            let wrong = list
                .iter()
                .position(|value| value.is_array() || value.is_object());
            if let Some(index) = wrong {
                let got = shown(&list[index]);
                problems.add(&path.index(index), format!("{expected}, got {got} in it"));
                return None;
            }
            Some(list.clone())
        }
        Some(scalar) if !scalar.is_array() && !scalar.is_object() => Some(vec![scalar.clone()]),
        other => {
            let got = match other {
                None => "nothing".to_owned(),
                Some(Value::Array(list)) => format!("{} of them", list.len()),
                Some(other) => shown(other),
            };
            problems.add(path, format!("{expected}, got {got}"));
            None
        }
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
