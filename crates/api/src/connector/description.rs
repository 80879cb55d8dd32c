//! The connector as Open Connectors describes it: what can be configured, and what is polled by default.

use ie_model::catalog::{self, Object};
use ie_model::{DateField, ResourceConfig};
use serde_json::{Map, Value, json};

use super::entries::ENTRIES;
use super::{HUB, ID, KEY, default_config};

/// The key of the default polling configuration.
const CONFIGURATION: &str = "event.poller.configuration";
/// The key of what can be polled at all, in Open Connectors' description only.
const METADATA: &str = "event.metadata";

/// An entry by its key, as `GET /elements/insightly` shows it.
pub(crate) fn entry(key: &str) -> Option<Value> {
    let mut entries = ENTRIES.iter().enumerate();
    let (position, entry) = entries.find(|(_, entry)| entry.key == key)?;
    Some(entry.described(position))
}

/// A line of `GET /elements`.
pub(crate) fn summary() -> Value {
    json!({
        "id": ID,
        "key": KEY,
        "name": "Insightly",
        "description": "Polls an Insightly account and notifies a callback of every change.",
        "hub": HUB,
        "active": true,
        "authentication": { "type": "basic" },
    })
}

/// `GET /elements/insightly`.
pub(crate) fn described() -> Value {
    let mut element = summary();
    let mut entries: Vec<Value> = ENTRIES
        .iter()
        .enumerate()
        .map(|(position, entry)| entry.described(position))
        .collect();
    for entry in &mut entries {
        if entry["key"] == CONFIGURATION {
            entry["defaultValue"] =
                Value::from(Value::from(polling(super::default_objects())).to_string());
        }
    }
    let metadata = json!({ "polling": polling(super::pollable_objects()) });
    entries.push(json!({
        "id": entries.len() + 1,
        "key": METADATA,
        "name": "Event metadata",
        "description": "Every resource that can be polled and its default configuration, as a JSON string; not an entry of an instance.",
        "type": "TEXTAREA",
        "required": false,
        "defaultValue": metadata.to_string(),
        "hideFromConsole": true,
        "active": true,
    }));
    element["configuration"] = Value::from(entries);
    element["objects"] = Value::from(names().collect::<Vec<_>>());
    element
}

/// `GET /elements/insightly/metadata`.
pub(crate) fn metadata() -> Value {
    json!({
        "id": ID,
        "key": KEY,
        "name": "Insightly",
        "hub": HUB,
        "events": { "supported": true, "methods": ["polling"] },
        "objects": names().collect::<Vec<_>>(),
        "customObjects": { "supported": true, "name": catalog::any_custom().hub_resource },
        "bulk": { "supported": false },
    })
}

/// The names of the resources that can be polled, without custom objects.
fn names() -> impl Iterator<Item = &'static str> {
    super::pollable_objects().map(|object| object.hub_resource.as_str())
}

/// The default polling configuration of these objects, in the seed's spelling.
fn polling(objects: impl Iterator<Item = &'static Object>) -> Map<String, Value> {
    let entry = |object: &Object| {
        let config = default_config(object)?;
        Some((object.hub_resource.clone(), configuration(&config)))
    };
    objects.filter_map(entry).collect()
}

/// How a resource is polled, in the seed's spelling.
pub(crate) fn configuration(config: &ResourceConfig) -> Value {
    let mut dates = Map::new();
    let mut spell = |name: &str, field: &DateField| {
        dates.insert(format!("{name}Field"), json!(field.path));
        dates.insert(format!("{name}Format"), json!(field.format));
        dates.insert(format!("{name}Timezone"), json!(field.zone));
    };
    spell("updatedDate", &config.updated);
    if let Some(created) = &config.created {
        spell("createdDate", created);
    }
    json!({
        "url": config.url,
        "idField": config.id_field,
        "datesConfiguration": dates,
        "filterByUpdatedDate": config.filter_by_updated_date,
        "createdCheckTolerance": config.created_check_tolerance,
        "pollDelay": config.poll_delay,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::draft::{known_keys, test_bodies};

    #[test]
    fn every_entry_that_is_read_is_described_and_the_other_way_round() {
        let described: Vec<&str> = ENTRIES.iter().map(|entry| entry.key).collect();
        let once: HashSet<&str> = described.iter().copied().collect();

        assert_eq!(once.len(), described.len(), "a key stands twice");
        assert_eq!(once, known_keys());
    }

    #[test]
    fn the_form_of_an_entry_stays() {
        let element = described();
        let entries = element["configuration"].as_array().unwrap();
        let of = |key| entries.iter().find(|entry| entry["key"] == key).unwrap();
        let default = of(CONFIGURATION)["defaultValue"].as_str().unwrap();
        let default: Value = serde_json::from_str(default).unwrap();

        insta::assert_json_snapshot!(json!({
            "entry": of("event.poller.refresh_interval"),
            "contacts": default["contacts"],
        }));
    }

    #[test]
    fn the_default_of_each_resource_is_one_that_an_instance_may_have() {
        for object in super::super::pollable_objects() {
            let config = default_config(object).unwrap();
            let entries = json!({ object.hub_resource.as_str(): configuration(&config) });

            let draft = test_bodies::draft(&test_bodies::with(json!({ CONFIGURATION: entries })));

            assert_eq!(draft.resources.len(), 1);
            assert_eq!(draft.resources[0].config, config, "{}", object.hub_resource);
        }
    }
}
