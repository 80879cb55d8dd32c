//! Which resources are polled: `event.poller.configuration`, or a subset of the defaults by name.

use ie_model::catalog;
use serde_json::{Map, Value};

use super::Resource;
use super::problem::{Path, shown};
use super::reader::Reader;
use super::resource;
use crate::connector;

/// How each resource is polled.
pub(super) const CONFIGURATION: &str = "event.poller.configuration";
/// The two keys that name the resources to poll.
const NAMES: [&str; 2] = ["event.poller.urls", "event.objects"];

/// The entries read here.
pub(super) const KEYS: [&str; 3] = [CONFIGURATION, NAMES[0], NAMES[1]];

/// The polled resources, in the order of the body; unknown keys inside are added to `warnings`.
pub(super) fn read(reader: &mut Reader<'_>, warnings: &mut Vec<String>) -> Vec<Resource> {
    let configured = configured(reader, warnings);
    let named: Vec<(Path, String)> = NAMES.iter().flat_map(|key| names(reader, key)).collect();
    if named.is_empty() {
        return configured.unwrap_or_else(|| {
            let defaults = connector::DEFAULT_RESOURCES.into_iter();
            defaults.filter_map(default_resource).collect()
        });
    }
    let configured = configured.unwrap_or_default();
    let mut resources: Vec<Resource> = Vec::new();
    for (path, name) in named {
        if resources.iter().any(|resource| resource.name == name) {
            continue;
        }
        let own = configured.iter().find(|resource| resource.name == name);
        match own.cloned().or_else(|| default_resource(&name)) {
            Some(resource) => resources.push(resource),
            None => reader.problems().add(&path, unknown(&name)),
        }
    }
    resources
}

/// The entries of `event.poller.configuration`; none when it is not given.
fn configured(reader: &mut Reader<'_>, warnings: &mut Vec<String>) -> Option<Vec<Resource>> {
    reader.given(CONFIGURATION)?;
    let path = reader.path(CONFIGURATION);
    let entries = reader.object(CONFIGURATION).unwrap_or_default();
    let mut resources = Vec::new();
    for (name, entry) in &entries {
        let path = path.key(name);
        let Some(entry) = entry_map(entry, &path, reader) else {
            continue;
        };
        resources.extend(resource::read(
            name,
            &entry,
            &path,
            (reader.problems(), warnings),
        ));
    }
    Some(resources)
}

/// An entry's members; `null` and `{}` both mean the connector's default.
fn entry_map(entry: &Value, path: &Path, reader: &mut Reader<'_>) -> Option<Map<String, Value>> {
    match entry {
        Value::Object(map) => Some(map.clone()),
        Value::Null => Some(Map::new()),
        other => {
            let got = shown(other);
            reader.problems().add(
                path,
                format!("expected an object such as {{}}, which takes the connector's default, got {got}"),
            );
            None
        }
    }
}

/// The names in one of the keys: a list, or a string separated by `|`, `,` or newlines.
fn names(reader: &mut Reader<'_>, key: &str) -> Vec<(Path, String)> {
    let path = reader.path(key);
    match reader.given(key) {
        None => Vec::new(),
        Some(Value::String(text)) => text
            .split(['|', ',', '\n'])
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| (path.clone(), name.to_owned()))
            .collect(),
        Some(Value::Array(entries)) if entries.iter().all(Value::is_string) => entries
            .iter()
            .filter_map(Value::as_str)
            .map(str::trim)
            .enumerate()
            .filter(|(_, name)| !name.is_empty())
            .map(|(index, name)| (path.index(index), name.to_owned()))
            .collect(),
        Some(other) => {
            let got = shown(other);
            reader.refuse(
                key,
                format!("expected names of resources separated by | or commas or newlines, such as \"contacts|leads\", got {got}"),
            );
            Vec::new()
        }
    }
}

fn default_resource(name: &str) -> Option<Resource> {
    let object = catalog::resource(name)?;
    Some(Resource {
        name: name.to_owned(),
        config: connector::default_config(&object)?,
        object: object.into_owned().object,
    })
}

/// What to say of a name that cannot be polled.
pub(super) fn unknown(name: &str) -> String {
    let got = shown(&Value::from(name));
    if catalog::resource(name).is_some() {
        return format!(
            "expected a resource that can be polled, got {got}: Insightly does not tell when its records were updated; leave it out"
        );
    }
    let names = connector::pollable_objects().map(|object| object.hub_resource.as_str());
    let nearest = catalog::nearest(name, names)
        .map(|near| format!("; did you mean {near}?"))
        .unwrap_or_default();
    format!("expected the name of a resource that can be polled, got {got}{nearest}")
}
