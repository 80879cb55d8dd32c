//! What is asked for of events, dead letters, polls and secrets, and what was done.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use super::{ErrorClassName, forms};

/// Which dead letters: those that all of it lets through, the oldest first.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({"objectType": "contacts", "errorClass": "timeout", "limit": 100}))]
pub(crate) struct DeadLettersWanted {
    /// Only of this instance.
    #[schema(schema_with = forms::id, required = false)]
    instance_id: Option<i64>,
    /// Only these.
    #[schema(schema_with = forms::ids, required = false)]
    ids: Option<Vec<String>>,
    /// Only of this resource.
    object_type: Option<String>,
    /// Only those whose last attempt failed like this.
    error_class: Option<ErrorClassName>,
    #[schema(schema_with = forms::from, required = false)]
    from: Option<String>,
    #[schema(schema_with = forms::to, required = false)]
    to: Option<String>,
    #[schema(schema_with = forms::after, required = false)]
    after: Option<i64>,
    /// So many at the most; `api.redrive_limit` without it.
    #[schema(minimum = 1)]
    limit: Option<u32>,
}

/// What a redrive did.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Redriven {
    /// How many are tried again.
    redriven: u64,
    /// How many of them are in the queue already.
    queued: u64,
    /// When the last of them goes out.
    until: DateTime<Utc>,
    /// Milliseconds to wait before the next call, so that the rate is kept over all of them.
    wait_ms: u64,
    /// The id after which the next call goes on; null when there was nothing.
    #[schema(required)]
    last: Option<String>,
    /// How many the limit has left for the next call.
    remaining: u64,
    /// Whether there are any.
    more: bool,
}

/// What a discard did.
#[derive(ToSchema)]
pub(crate) struct Discarded {
    /// How many were given up.
    discarded: u64,
    /// The id after which the next call goes on; null when there was nothing.
    #[schema(required)]
    last: Option<String>,
    /// How many the limit has left for the next call.
    remaining: u64,
    /// Whether there are any.
    more: bool,
}

/// Which events are sent again; without a body, all that ended.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    rename_all = "camelCase",
    example = json!({"from": "2026-11-24T10:00:00Z", "objectTypes": ["contacts"], "dryRun": true})
)]
pub(crate) struct ReplayRequest {
    #[schema(schema_with = forms::from, required = false)]
    from: Option<String>,
    #[schema(schema_with = forms::to, required = false)]
    to: Option<String>,
    #[schema(schema_with = forms::resources, required = false)]
    object_types: Option<Vec<String>>,
    #[schema(schema_with = forms::ended, required = false)]
    status: Option<Vec<String>>,
    /// So many at the most; `api.replay_limit` without it.
    #[schema(minimum = 1)]
    limit: Option<u32>,
    /// Whether they are only counted.
    dry_run: Option<bool>,
}

/// What a replay does.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Replayed {
    /// How many are sent again.
    events: u64,
    /// Whether they were only counted.
    dry_run: bool,
    /// When the last of them goes out.
    until: DateTime<Utc>,
    /// Whether there are more than the limit.
    more: bool,
}

/// The resources that are polled now.
#[derive(ToSchema)]
pub(crate) struct Due {
    /// How many.
    #[schema(example = 4)]
    due: u64,
}

/// Which secret gives way to another one, and when.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"secret": "webhook", "grace": "24h"}))]
pub(crate) struct RotationRequest {
    /// `webhook`, the secret of the `webhook-signature` header.
    secret: RotatedSecret,
    /// How long the secret before goes on signing, 30 days at the most; `24h` without it.
    #[schema(pattern = "^(\\s*|[0-9]{1,2}[smh]|[12]?[0-9]d)$", example = "24h")]
    grace: Option<String>,
}

/// A secret that can be rotated.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum RotatedSecret {
    Webhook,
}

/// The secret that holds from this time on.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Rotated {
    /// `webhook`.
    secret: String,
    /// The secret, told this once.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    webhook_secret: String,
    /// Until when the secret before signs as well.
    #[schema(required)]
    previous_until: Option<DateTime<Utc>>,
}
