//! What goes on beside an instance's polls, as its event-poller records tell it.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use ie_model::{Initial, Poller, PollerStatus, Settings};
use ie_store::{Walk, WalkKind};
use serde_json::{Value, json};

/// Adds how far a poller's snapshot is, and its last and next sweep for deleted records; null for what it has not.
pub(super) fn tell(record: &mut Value, poller: &Poller, walks: &[&Walk], settings: &Settings) {
    let of_kind = |kind| walks.iter().copied().find(|walk| walk.kind == kind);
    let snapshot = of_kind(WalkKind::Snapshot);
    // One that was begun is told of, also when the instance does not want it any more.
    record["snapshot"] = match (snapshot, settings.initial) {
        (None, Initial::None) => Value::Null,
        (walk, _) => snapshot_of(poller, walk),
    };
    record["deletes"] = if settings.deletes_interval == 0 {
        Value::Null
    } else {
        sweep_of(poller, of_kind(WalkKind::Sweep), settings.deletes_interval)
    };
}

fn snapshot_of(poller: &Poller, walk: Option<&Walk>) -> Value {
    let Some(walk) = walk else {
        return json!({ "status": "waiting" });
    };
    let is_complete = walk.due_at.is_none();
    json!({
        "status": status(walk, if is_complete { "complete" } else { "waiting" }),
        "records": walk.records,
        "total": walk.total,
        "events": walk.events,
        "startedDate": walk.started_at.map(date),
        "finishedDate": walk.finished_at.map(date),
        "nextDate": next(poller, walk.due_at),
        "lastError": walk.last_error,
    })
}

fn sweep_of(poller: &Poller, walk: Option<&Walk>, minutes: u32) -> Value {
    let Some(walk) = walk else {
        return json!({ "interval": minutes, "status": "waiting", "nextSweepDate": next(poller, Some(poller.due_at)) });
    };
    let due_at = walk.due_at_interval(TimeDelta::minutes(i64::from(minutes)));
    json!({
        "interval": minutes,
        "status": status(walk, "waiting"),
        "records": walk.records,
        "total": walk.total,
        "deleted": walk.events,
        "lastSweepDate": walk.finished_at.map(date),
        "nextSweepDate": next(poller, due_at),
        "lastError": walk.last_error,
    })
}

fn status(walk: &Walk, otherwise: &'static str) -> &'static str {
    match walk {
        Walk {
            last_error: Some(_),
            ..
        } => "failing",
        Walk { state: Some(_), .. } => "running",
        _ => otherwise,
    }
}

/// A walk goes on after a poll: never before the next one.
fn next(poller: &Poller, due_at: Option<DateTime<Utc>>) -> Option<String> {
    let due_at = due_at.filter(|_| poller.status == PollerStatus::Active)?;
    Some(date(due_at.max(poller.due_at)))
}

fn date(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
