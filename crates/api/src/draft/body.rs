//! The body of `POST`, `PUT` and `PATCH /instances`.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::problem::{Path, Problems, kind, shown};
use super::reader::Reader;
use super::{Draft, Rejection, Rules, delivery, resources, secrets, settings};
use crate::connector;

/// The longest name of an instance.
const MAX_NAME: usize = 255;
/// What a body is made of.
const KNOWN: [&str; 5] = ["element", "providerData", "configuration", "tags", "name"];
/// What an answer has beside it: sent back by clients that change what they were given.
const ANSWERED: [&str; 21] = [
    "id",
    "token",
    "elementId",
    "provisionInteractions",
    "valid",
    "disabled",
    "maxCacheSize",
    "cacheTimeToLive",
    "eventsEnabled",
    "eventsNotificationCallbackUrl",
    "traceLoggingEnabled",
    "cachingEnabled",
    "externalAuthentication",
    "user",
    "createdDate",
    "updatedDate",
    "warnings",
    "webhookSecret",
    "hintUrl",
    "reason",
    "providerMessage",
];

/// Reads the body of an instance. `stored` names the secrets that stars may keep.
///
/// # Errors
/// Another connector, or everything that is wrong.
pub(crate) fn parse(body: &Value, stored: &[String], rules: &Rules) -> Result<Draft, Rejection> {
    let mut problems = Problems::default();
    let root = Path::root();
    let Value::Object(map) = body else {
        problems.add(&root, format!("expected an object, got {}", kind(body)));
        return Err(Rejection::Problems(problems));
    };
    element(map, stored, &mut problems)?;
    let mut warnings: Vec<String> = map
        .keys()
        .filter(|key| !KNOWN.contains(&key.as_str()) && !ANSWERED.contains(&key.as_str()))
        .map(|key| format!("{} is not known and was ignored", root.key(key)))
        .collect();
    let name = name(map, &mut problems);
    let tags = tags(map, &mut problems);
    let mut configuration = Reader::new(map, root.clone(), &mut problems)
        .object("configuration")
        .unwrap_or_default();
    let path = root.key("configuration");
    let secrets = secrets::take(&mut configuration, &path, stored, &mut problems);
    warn_of_unknown(&configuration, &path, &mut warnings);
    let mut reader = Reader::new(&configuration, path, &mut problems);
    secrets::require_key(&mut reader, &secrets);
    let settings = settings::read(&mut reader, rules);
    delivery::check_key(&mut reader, &secrets);
    let resources = resources::read(&mut reader, &mut warnings);
    delivery::check_objects(settings.delivery.filter.as_ref(), &resources, &mut reader);
    if !problems.is_empty() {
        return Err(Rejection::Problems(problems));
    }
    Ok(Draft {
        name,
        tags,
        configuration,
        secrets,
        settings,
        resources,
        warnings,
    })
}

/// The body that a `PATCH` of a stored instance amounts to: entries of `configuration` are replaced
/// one by one, and removed by null.
///
/// # Errors
/// The patch is no object, or its configuration is none.
pub(crate) fn merge(
    patch: &Value,
    name: &str,
    tags: &[String],
    configuration: &Map<String, Value>,
) -> Result<Value, Rejection> {
    let mut problems = Problems::default();
    let Value::Object(patch) = patch else {
        problems.add(
            &Path::root(),
            format!("expected an object, got {}", kind(patch)),
        );
        return Err(Rejection::Problems(problems));
    };
    let changes = Reader::new(patch, Path::root(), &mut problems)
        .object("configuration")
        .unwrap_or_default();
    if !problems.is_empty() {
        return Err(Rejection::Problems(problems));
    }
    let mut merged = configuration.clone();
    for (key, value) in changes {
        match value {
            Value::Null => merged.shift_remove(&key),
            value => merged.insert(key, value),
        };
    }
    let mut body = patch.clone();
    body.entry("name").or_insert_with(|| Value::from(name));
    body.entry("tags").or_insert_with(|| Value::from(tags));
    body.insert("configuration".to_owned(), Value::Object(merged));
    Ok(Value::Object(body))
}

/// Whether it is our connector. What is stored already has one, and need not say so again.
fn element(
    map: &Map<String, Value>,
    stored: &[String],
    problems: &mut Problems,
) -> Result<(), Rejection> {
    let path = Path::root().key("element");
    let element = match map.get("element") {
        Some(Value::Object(element)) => element,
        None if !stored.is_empty() => return Ok(()),
        other => {
            let got = other.map_or("nothing".to_owned(), shown);
            problems.add(
                &path,
                format!("expected {{\"key\": \"insightly\"}}, got {got}"),
            );
            return Ok(());
        }
    };
    match (element.get("key"), element.get("id")) {
        (Some(Value::String(key)), _) if key == connector::KEY => Ok(()),
        (Some(Value::String(key)), _) => Err(Rejection::UnknownConnector(shown(&Value::from(
            key.as_str(),
        )))),
        (None, Some(Value::Number(id))) if id.as_i64() == Some(connector::ID) => Ok(()),
        (None, Some(Value::Number(id))) => Err(Rejection::UnknownConnector(id.to_string())),
        (key, _) => {
            let got = key.map_or("nothing".to_owned(), shown);
            problems.add(
                &path.key("key"),
                format!("expected \"insightly\", got {got}"),
            );
            Ok(())
        }
    }
}

fn name(map: &Map<String, Value>, problems: &mut Problems) -> String {
    let mut reader = Reader::new(map, Path::root(), problems);
    let given = reader.given("name").is_some();
    let name = reader.text("name", "a name for the instance");
    if !given {
        reader.refuse(
            "name",
            "expected a name for the instance, which is not blank",
        );
    }
    if name.is_some_and(|name| name.chars().count() > MAX_NAME) {
        reader.refuse(
            "name",
            format!("expected a name of at most {MAX_NAME} characters"),
        );
    }
    name.unwrap_or_default().to_owned()
}

fn tags(map: &Map<String, Value>, problems: &mut Problems) -> Vec<String> {
    let path = Path::root().key("tags");
    let entries = match map.get("tags") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(other) => {
            problems.add(
                &path,
                format!("expected a list of strings, got {}", shown(other)),
            );
            return Vec::new();
        }
    };
    let mut tags = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match entry {
            Value::String(tag) => tags.push(tag.clone()),
            other => problems.add(
                &path.index(index),
                format!("expected a string, got {}", shown(other)),
            ),
        }
    }
    tags
}

/// The entries of `configuration` that mean something.
pub(crate) fn known_keys() -> HashSet<&'static str> {
    settings::KEYS
        .iter()
        .chain(delivery::KEYS)
        .copied()
        .chain(resources::KEYS)
        .chain(secrets::KNOWN)
        .collect()
}

fn warn_of_unknown(configuration: &Map<String, Value>, path: &Path, warnings: &mut Vec<String>) {
    let known = known_keys();
    let unknown = configuration
        .keys()
        .filter(|key| !known.contains(key.as_str()));
    warnings.extend(unknown.map(|key| {
        format!(
            "{} is not known: it is kept and has no effect",
            path.key(key)
        )
    }));
}
