//! An instance's configuration, made of the table of its entries.

use ie_model::instance::secret;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::connector::{ENTRIES, Entry, Kind};

/// One entry of an instance's configuration.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ConfigurationEntry {
    /// Its place in the connector's description; absent for an entry that the connector does not know.
    #[schema(nullable = false)]
    id: Option<i64>,
    #[schema(example = "event.poller.refresh_interval")]
    key: String,
    #[schema(example = "Refresh interval")]
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    /// What a form shows for it.
    #[schema(nullable = false, example = "NUMBER")]
    r#type: Option<String>,
    /// Whether an instance cannot do without.
    #[schema(nullable = false)]
    required: Option<bool>,
    /// What holds without it.
    #[schema(example = "15")]
    default_value: Option<String>,
    #[schema(nullable = false)]
    hide_from_console: Option<bool>,
    #[schema(nullable = false)]
    active: Option<bool>,
    /// What the instance has; stars for a secret. Absent in the connector's description.
    #[schema(required = false)]
    property_value: Value,
}

/// Another value of an entry.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", example = json!({"propertyValue": "5"}))]
pub(crate) struct EntryChange {
    /// The key, as in the path.
    #[schema(nullable = false)]
    key: Option<String>,
    /// The new value; null removes the entry.
    property_value: Value,
}

/// What a client sends of a new instance.
pub(super) fn entries() -> ObjectBuilder {
    with_properties("The entries; `GET /elements/insightly` describes them as well. Others are kept without effect.")
        .required("password")
}

/// What a client changes: null removes an entry, and in place of all it is as if it were not there.
pub(super) fn changes() -> ObjectBuilder {
    with_properties("The entries to change; null removes one, the others stay.")
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
}

/// What is answered.
pub(super) fn kept() -> ObjectBuilder {
    with_properties("The entries as they were sent, with stars for secrets.")
}

fn with_properties(text: &str) -> ObjectBuilder {
    let builder = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(text))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)));
    ENTRIES.iter().fold(builder, |builder, entry| {
        let mut property = Object::with_type(types(entry));
        property.description = Some(entry.description.to_owned());
        property.default = entry.default.map(Value::from);
        builder.property(entry.key, property)
    })
}

/// JSON's types, or strings that say the same; null is as if the entry were not there.
fn types(entry: &Entry) -> SchemaType {
    let beside = match (entry.kind, entry.key) {
        (Kind::Boolean, _) => Some(Type::Boolean),
        (Kind::Number, _) | (_, "event.notification.rate") => Some(Type::Number),
        (_, "event.poller.urls" | "event.objects" | "event.notification.retry.schedule") => {
            Some(Type::Array)
        }
        (_, "event.poller.configuration" | "event.filter" | secret::CALLBACK_HEADERS) => {
            Some(Type::Object)
        }
        _ => None,
    };
    let missing = (!entry.required).then_some(Type::Null);
    SchemaType::from_iter(beside.into_iter().chain([Type::String]).chain(missing))
}
