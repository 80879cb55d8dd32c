//! The connector and what it can be told.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use super::ConfigurationEntry;

/// How the connector authenticates.
#[derive(ToSchema)]
pub(crate) struct Authentication {
    /// `basic`.
    r#type: String,
}

/// A line of the list of connectors.
#[derive(ToSchema)]
pub(crate) struct ConnectorSummary {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "insightly")]
    key: String,
    #[schema(example = "Insightly")]
    name: String,
    description: String,
    #[schema(example = "crm")]
    hub: String,
    active: bool,
    authentication: Authentication,
}

/// A connector, with every entry of its configuration.
#[derive(ToSchema)]
pub(crate) struct Connector {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "insightly")]
    key: String,
    #[schema(example = "Insightly")]
    name: String,
    description: String,
    #[schema(example = "crm")]
    hub: String,
    active: bool,
    authentication: Authentication,
    configuration: Vec<ConfigurationEntry>,
    /// Names of the resources that can be polled.
    objects: Vec<String>,
}

/// How the connector's events are found.
#[derive(ToSchema)]
pub(crate) struct EventSupport {
    supported: bool,
    #[schema(example = json!(["polling"]))]
    methods: Vec<String>,
}

/// Custom objects of Insightly.
#[derive(ToSchema)]
pub(crate) struct CustomObjects {
    supported: bool,
    /// What their names look like.
    name: String,
}

/// Bulk jobs.
#[derive(ToSchema)]
pub(crate) struct Bulk {
    supported: bool,
}

/// What a connector can do.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Metadata {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "insightly")]
    key: String,
    #[schema(example = "Insightly")]
    name: String,
    #[schema(example = "crm")]
    hub: String,
    events: EventSupport,
    /// Names of the resources that can be polled.
    objects: Vec<String>,
    custom_objects: CustomObjects,
    bulk: Bulk,
}

/// Insightly has answered.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Pong {
    #[schema(example = "insightly")]
    endpoint: String,
    /// Insightly's time.
    date_time: DateTime<Utc>,
}
