//! Events, attempts and dead letters.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ie_model::{ErrorClass, NotificationStatus};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// One attempt at delivering an event.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Attempt {
    /// From 1 on.
    #[schema(example = 1)]
    attempt: u32,
    date: DateTime<Utc>,
    /// How long it took, in milliseconds.
    #[schema(example = 182)]
    duration_ms: u64,
    /// The status that the callback answered.
    #[schema(required, example = 200)]
    status_code: Option<u16>,
    /// Why it failed.
    #[schema(required)]
    error: Option<String>,
    /// What kind of failure it was.
    #[schema(required)]
    error_class: Option<ErrorClassName>,
    /// The beginning of the body that the callback answered.
    #[schema(required)]
    response: Option<String>,
    /// Some headers that the callback answered.
    #[schema(required, schema_with = headers)]
    response_headers: Option<BTreeMap<String, String>>,
}

/// A notification, which Open Connectors calls an event: changes of one resource of one instance.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Event {
    #[schema(example = "1042")]
    id: String,
    /// When it was stored.
    event_date: DateTime<Utc>,
    status: StatusName,
    /// The raw records as JSON.
    provider_data: String,
    /// Each attempt, and what the callback answered.
    notified_data: Vec<Attempt>,
}

/// An event that could not be delivered.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct DeadLetter {
    #[schema(example = "1042")]
    id: String,
    /// When it was stored.
    event_date: DateTime<Utc>,
    status: StatusName,
    /// The raw records as JSON.
    provider_data: String,
    /// Each attempt, and what the callback answered.
    notified_data: Vec<Attempt>,
    #[schema(example = 17)]
    instance_id: i64,
    #[schema(example = "contacts")]
    object_type: String,
    /// How many attempts there were.
    attempts: u32,
    /// Why the last one failed.
    #[schema(required)]
    last_error: Option<String>,
    /// The body as it was posted; not in lists.
    #[schema(nullable = false)]
    body: Option<String>,
}

/// What became of an event.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Disposition {
    #[schema(example = "1042")]
    event_id: String,
    #[schema(example = 17)]
    element_instance_id: i64,
    status: StatusName,
    /// Each attempt in a sentence, which begins with "Error delivering event" where it failed.
    notification_data: Vec<ToldAttempt>,
}

/// An attempt, and what it came to.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ToldAttempt {
    /// From 1 on.
    #[schema(example = 1)]
    attempt: u32,
    date: DateTime<Utc>,
    /// How long it took, in milliseconds.
    #[schema(example = 182)]
    duration_ms: u64,
    /// The status that the callback answered.
    #[schema(required, example = 200)]
    status_code: Option<u16>,
    /// Why it failed.
    #[schema(required)]
    error: Option<String>,
    /// What kind of failure it was.
    #[schema(required)]
    error_class: Option<ErrorClassName>,
    /// The beginning of the body that the callback answered.
    #[schema(required)]
    response: Option<String>,
    /// Some headers that the callback answered.
    #[schema(required, schema_with = headers)]
    response_headers: Option<BTreeMap<String, String>>,
    /// What it came to.
    #[schema(example = "Error delivering event: answered 503, expected 2xx")]
    message: String,
}

/// What became of a test of the callback.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct TestOutcome {
    #[schema(example = "1042")]
    event_id: String,
    /// Whether the callback accepted it.
    delivered: bool,
    /// The status that the callback answered.
    #[schema(required, example = 200)]
    status_code: Option<u16>,
    /// How long it took, in milliseconds.
    #[schema(required, example = 182)]
    duration_ms: Option<u64>,
    /// The beginning of the body that the callback answered.
    #[schema(required)]
    response: Option<String>,
    /// Why it failed.
    #[schema(required)]
    error: Option<String>,
}

/// Where an event stands.
pub(crate) struct StatusName;

impl PartialSchema for StatusName {
    fn schema() -> RefOr<Schema> {
        let text = "`NEW` is stored, `RECEIVED` in the queue, `DISPATCHED` refused and waiting for the next attempt, \
             `CONSUMED` taken in another way, `NOTIFIED` accepted, `FAILED` a dead letter, `DISCARDED` given up.";
        words(
            text,
            NotificationStatus::ALL.map(NotificationStatus::as_str),
        )
    }
}

impl ToSchema for StatusName {}

/// What kind of failure an attempt was.
pub(crate) struct ErrorClassName;

impl PartialSchema for ErrorClassName {
    fn schema() -> RefOr<Schema> {
        words(
            "What kind of failure it was.",
            ErrorClass::ALL.map(ErrorClass::as_str),
        )
    }
}

impl ToSchema for ErrorClassName {}

fn words<const N: usize>(text: &str, words: [&'static str; N]) -> RefOr<Schema> {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words));
    RefOr::T(schema.description(Some(text)).into())
}

fn headers() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .additional_properties(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some("Some headers that the callback answered."))
}
