//! Polls: how they stand, what is put aside, what is left of the account's requests.

use chrono::{DateTime, NaiveDate, Utc};
use utoipa::ToSchema;

/// Why a poll is late.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Late {
    /// When it was due.
    due_at: DateTime<Utc>,
    /// What it waits for: `budget`, `rate`, `refused key`, `skipped`, `lease`, `failing` or `queue`.
    #[schema(example = "rate")]
    reason: String,
}

/// A late poll of a resource.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct LatePoll {
    /// When it was due.
    due_at: DateTime<Utc>,
    /// What it waits for.
    #[schema(example = "rate")]
    reason: String,
    #[schema(example = "contacts")]
    resource: String,
}

/// How far the notification of existing records is.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    /// `waiting`, `running`, `failing` or `complete`.
    status: String,
    /// Records that were read.
    #[schema(nullable = false)]
    records: Option<u64>,
    /// Records that there are, as Insightly counts them.
    total: Option<u64>,
    /// Events that were made.
    #[schema(nullable = false)]
    events: Option<u64>,
    started_date: Option<DateTime<Utc>>,
    finished_date: Option<DateTime<Utc>>,
    /// When it goes on.
    next_date: Option<DateTime<Utc>>,
    last_error: Option<String>,
}

/// The last and the next search for deleted records.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Sweep {
    /// Minutes between two of them.
    interval: u32,
    /// `waiting`, `running` or `failing`.
    status: String,
    /// Records that were listed.
    #[schema(nullable = false)]
    records: Option<u64>,
    /// Records that there are, as Insightly counts them.
    total: Option<u64>,
    /// Records that were found deleted.
    #[schema(nullable = false)]
    deleted: Option<u64>,
    last_sweep_date: Option<DateTime<Utc>>,
    next_sweep_date: Option<DateTime<Utc>>,
    last_error: Option<String>,
}

/// How the polls of a resource stand.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PollerRecord {
    #[schema(example = 3)]
    id: i64,
    #[schema(example = "contacts")]
    name: String,
    /// The object's name in Insightly.
    #[schema(example = "Contacts")]
    object: String,
    /// The template of its requests.
    url: String,
    /// `active`, `polling`, `waiting`, `skipped`, `failing` or `paused`.
    #[schema(example = "active")]
    status: String,
    /// Minutes between two polls.
    refresh_interval: u32,
    #[schema(required)]
    last_poll_date: Option<DateTime<Utc>>,
    /// What was changed until then has been read, by Insightly's clock.
    cursor: DateTime<Utc>,
    #[schema(required)]
    next_poll_date: Option<DateTime<Utc>>,
    #[schema(required)]
    last_error: Option<String>,
    #[schema(required)]
    late: Option<Late>,
    /// Failures in a row.
    failures: u32,
    /// Records that cannot be read.
    quarantined: u64,
    #[schema(required)]
    snapshot: Option<Snapshot>,
    #[schema(required)]
    deletes: Option<Sweep>,
}

/// A record that cannot be read.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Quarantined {
    id: String,
    #[schema(example = "contacts")]
    object_type: String,
    /// The record's id, when it has one that can be read.
    #[schema(required)]
    object_id: Option<String>,
    /// Why it cannot be read.
    reason: String,
    first_seen_date: DateTime<Utc>,
    last_seen_date: DateTime<Utc>,
    /// How often it was seen.
    count: u64,
    /// When it is read again.
    #[schema(required)]
    next_read_date: Option<DateTime<Utc>>,
    /// Its JSON as Insightly sent it, up to 64 KiB.
    #[schema(required)]
    provider_data: Option<String>,
}

/// What is left of an Insightly account's requests.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Budget {
    /// The account; its key stands for it while it is not known.
    account: String,
    #[schema(required)]
    day: Option<NaiveDate>,
    /// Requests of a day.
    #[schema(required)]
    limit: Option<u64>,
    /// Requests of this day so far.
    used: u64,
    #[schema(required)]
    remaining: Option<u64>,
    /// Requests per second.
    #[schema(required)]
    per_second: Option<f64>,
    /// Until when nothing is asked.
    #[schema(required)]
    held_until: Option<DateTime<Utc>>,
    /// When the day turns.
    #[schema(required)]
    resets_at: Option<DateTime<Utc>>,
    late_polls: Vec<LatePoll>,
    /// By what all intervals of the account are multiplied, as requests are short.
    #[schema(example = 1.0)]
    stretched_by: f64,
}
