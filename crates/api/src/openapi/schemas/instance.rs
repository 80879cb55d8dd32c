//! Connector instances.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use utoipa::openapi::{ArrayBuilder, OneOfBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::configuration::{changes, entries, kept};

/// The connector of an instance, by its key or its id.
#[derive(ToSchema)]
pub(crate) struct ElementName {
    /// `insightly`.
    #[schema(nullable = false, pattern = "^insightly$", example = "insightly")]
    key: Option<String>,
    /// `1`; needed when there is no key, and not looked at when there is one.
    #[schema(required = false, example = 1)]
    id: Value,
}

/// A new instance, or what takes the place of one.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewInstance {
    element: ElementName,
    /// What Open Connectors takes for connectors with OAuth; nothing of it is needed here.
    #[schema(required = false, example = json!({"code": ""}))]
    provider_data: Value,
    #[schema(schema_with = entries)]
    configuration: Value,
    /// Words by which it is found.
    tags: Option<Vec<String>>,
    /// Its name, for people.
    #[schema(min_length = 1, max_length = 255, pattern = "\\S")]
    name: String,
}

/// What is to be changed of an instance; the rest stays.
#[derive(ToSchema)]
#[schema(
    example = json!({"configuration": {"event.poller.refresh_interval": "5", "event.notification.rate": null}})
)]
pub(crate) struct InstanceChange {
    /// Its name, for people.
    #[schema(nullable = false, min_length = 1, max_length = 255, pattern = "\\S")]
    name: Option<String>,
    /// Words by which it is found.
    tags: Option<Vec<String>>,
    #[schema(schema_with = changes, required = false)]
    configuration: Option<Value>,
}

/// The connector of an instance.
#[derive(ToSchema)]
pub(crate) struct InstanceElement {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "insightly")]
    key: String,
    #[schema(example = "Insightly")]
    name: String,
    #[schema(example = "crm")]
    hub: String,
}

/// The user of an instance.
#[derive(ToSchema)]
pub(crate) struct InstanceUser {
    /// Who created it.
    #[schema(example = 1)]
    id: i64,
}

/// A connector instance.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Instance {
    /// Its id, for paths.
    #[schema(example = 17)]
    id: i64,
    #[schema(example = "API Instance with Polling")]
    name: String,
    /// Its token, for `Authorization: …, Element <token>`.
    token: String,
    element: InstanceElement,
    #[schema(example = 1)]
    element_id: i64,
    #[schema(example = json!(["Docs"]))]
    tags: Vec<String>,
    /// Always empty; Open Connectors answers it.
    provision_interactions: Vec<Value>,
    /// Whether Insightly accepts its key.
    valid: bool,
    /// Whether it was turned off.
    disabled: bool,
    /// Always 0; Open Connectors answers it.
    max_cache_size: i64,
    /// Always 0; Open Connectors answers it.
    cache_time_to_live: i64,
    #[schema(schema_with = kept)]
    configuration: BTreeMap<String, Value>,
    /// Whether changes are polled and notified.
    events_enabled: bool,
    /// Where events are sent to.
    #[schema(required)]
    events_notification_callback_url: Option<String>,
    /// Always false; Open Connectors answers it.
    trace_logging_enabled: bool,
    /// Always false; Open Connectors answers it.
    caching_enabled: bool,
    /// Always `none`; Open Connectors answers it.
    #[schema(example = "none")]
    external_authentication: String,
    user: InstanceUser,
    created_date: DateTime<Utc>,
    updated_date: DateTime<Utc>,
    /// A secret address: what calls it makes the pollers due at once.
    hint_url: String,
    /// Why it is not valid, or who turned it off.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// Since when its callback has only failed.
    #[schema(nullable = false)]
    failing_since: Option<DateTime<Utc>>,
    /// What was kept without effect; only when it is created or changed.
    #[schema(nullable = false)]
    warnings: Option<Vec<String>>,
    /// The secret of the `webhook-signature` header; told once, when the instance is created.
    #[schema(nullable = false, example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    webhook_secret: Option<String>,
}

/// Instances in a list, or the one of an Element token.
pub(crate) struct OneOrMany;

impl PartialSchema for OneOrMany {
    fn schema() -> RefOr<Schema> {
        let one = Ref::from_schema_name(Instance::name());
        let many = ArrayBuilder::new().items(one.clone());
        RefOr::T(OneOfBuilder::new().item(many).item(one).into())
    }
}

impl ToSchema for OneOrMany {}

/// The hint URL of an instance.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct HintUrl {
    /// What calls it makes the pollers due at once.
    hint_url: String,
}
