//! The connector that this service offers, and what it polls by default.

mod description;
mod entries;

use ie_model::catalog::{self, Object};
use ie_model::{DateField, ResourceConfig};
use serde_json::{Value, json};

pub(crate) use description::{configuration, described, entry, metadata, summary};
pub(crate) use entries::{ENTRIES, Entry, Kind};

/// The connector's number in Open Connectors' answers.
pub(crate) const ID: i64 = 1;
/// The connector's key.
pub(crate) const KEY: &str = "insightly";
/// The connector's hub.
pub(crate) const HUB: &str = "crm";
/// Where the hub's resources stand.
pub(crate) const HUB_PATH: &str = "/hubs/crm/";
/// What an instance polls that names nothing: the resources of the Insightly Events page.
pub(crate) const DEFAULT_RESOURCES: [&str; 4] = ["contacts", "accounts", "leads", "opportunities"];
/// Insightly writes its dates like this, and they are UTC.
const DATE_FORMAT: &str = "yyyy-MM-dd HH:mm:ss";
/// The seed's word for UTC.
const DATE_ZONE: &str = "GMT";
/// Seconds between creation and update within which a record counts as created.
const CREATED_CHECK_TOLERANCE: u32 = 10;

/// The connector, as it stands in an instance.
pub(crate) fn element() -> Value {
    json!({ "id": ID, "key": KEY, "name": "Insightly", "hub": HUB })
}

/// Whether a key or a number names the connector.
pub(crate) fn is(key_or_id: &str) -> bool {
    key_or_id == KEY || key_or_id == ID.to_string()
}

/// How an object is polled unless the client says otherwise; none when it cannot be polled by time.
pub(crate) fn default_config(object: &Object) -> Option<ResourceConfig> {
    if !object.pollable() {
        return None;
    }
    Some(ResourceConfig {
        url: format!(
            "{HUB_PATH}{}?where=updated_after_utc='${{gmtDate:{DATE_FORMAT}}}'",
            object.hub_resource
        ),
        id_field: object.id_field.clone(),
        updated: date_field(object.updated_field.as_deref()?),
        created: object.created_field.as_deref().map(date_field),
        filter_by_updated_date: true,
        created_check_tolerance: CREATED_CHECK_TOLERANCE,
        page_size: None,
        poll_delay: 0,
    })
}

/// A date as Insightly writes it.
pub(crate) fn date_field(path: &str) -> DateField {
    DateField {
        path: path.to_owned(),
        format: DATE_FORMAT.to_owned(),
        zone: DATE_ZONE.to_owned(),
    }
}

/// The objects that can be polled, without custom ones.
pub(crate) fn pollable_objects() -> impl Iterator<Item = &'static Object> {
    catalog::catalog().iter().filter(|object| object.pollable())
}

/// The names of the hub's resources, without custom ones.
pub(crate) fn resource_names() -> impl Iterator<Item = &'static str> {
    catalog::catalog()
        .iter()
        .map(|object| object.hub_resource.as_str())
}

/// What an instance polls that names nothing.
fn default_objects() -> impl Iterator<Item = &'static Object> {
    DEFAULT_RESOURCES.into_iter().filter_map(catalog::by_hub)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_resource_can_be_polled() {
        for name in DEFAULT_RESOURCES {
            let object = catalog::by_hub(name).unwrap();
            assert!(default_config(object).is_some(), "{name}");
        }
    }

    #[test]
    fn an_object_without_an_updated_date_has_no_default() {
        let emails = catalog::by_hub("emails").unwrap();
        assert_eq!(default_config(emails), None);
    }
}
