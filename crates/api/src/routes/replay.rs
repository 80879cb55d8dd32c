//! `POST /instances/{id}/events/replay`: stored events again.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use ie_model::NotificationStatus::{Failed, Notified};
use ie_model::{InstanceId, NotificationStatus, StoredNotification};
use ie_store::{Pace, Replay, Store};
use serde_json::{Value, json};

use super::answer;
use super::body::{OptionalBody, members};
use super::narrowing::span;
use super::subject::Subject;
use crate::app::App;
use crate::draft::{Problems, Reader};
use crate::error::{ApiError, Result};
use crate::openapi::parameters::OneInstance;
use crate::openapi::schemas::{ReplayRequest, Replayed};
use crate::openapi::tags;

/// Events in one transaction.
const STEP: u32 = 500;

/// The members of the body.
const KEYS: [&str; 6] = ["from", "to", "objectTypes", "status", "limit", "dryRun"];

/// What a replay is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    resources: Vec<String>,
    statuses: Vec<NotificationStatus>,
    limit: u32,
    dry_run: bool,
}

/// Sends stored events of an instance again.
///
/// Those that ended go out under the same webhook id, the oldest first, at `api.redrive_rate`. What is under way is left
/// alone.
#[utoipa::path(
    post, path = "/instances/{id}/events/replay", tag = tags::EVENTS, operation_id = "replayEvents",
    params(OneInstance), request_body = Option<ReplayRequest>,
    responses((status = 200, description = "How many, and until when.", body = Replayed))
)]
pub(super) async fn replay(
    State(app): State<App>,
    Subject(instance): Subject,
    OptionalBody(body): OptionalBody,
) -> Result<Json<Value>> {
    let wanted = parse(body.as_ref(), app.config.replay_limit).map_err(ApiError::from)?;
    let now = app.clock.now();
    let gap = app.config.redrive_gap();
    let done = run(&app.store, instance.id, &wanted, (now, gap)).await?;
    let until = Pace::spread(now, gap).time(done.events.saturating_sub(1));
    if !wanted.dry_run {
        tracing::info!(instance.id = %instance.id, events = done.events, "events are replayed");
    }
    Ok(Json(json!({
        "events": done.events,
        "dryRun": wanted.dry_run,
        "until": answer::date(until),
        "more": done.more,
    })))
}

/// Sends one event again that has ended; whether it had.
pub(crate) async fn one(app: &App, stored: &StoredNotification) -> Result<bool> {
    let (now, id) = (app.clock.now(), stored.notification.id);
    let replay = Replay {
        instance: stored.notification.instance,
        from: None,
        to: None,
        resources: Vec::new(),
        statuses: vec![Notified, Failed],
        ended_by: now,
        only: Some(id),
    };
    let pace = Pace::spread(now, app.config.redrive_gap());
    let done = app.store.replay(&replay, None, 1, pace).await?;
    tracing::info!(event.id = %id, events = done.events, "an event is sent again");
    Ok(done.events > 0)
}

struct Done {
    events: u32,
    more: bool,
}

/// Step by step, so that no transaction is long. Dying in between leaves a replay that is done in part; the same request
/// again would send that part twice, so its client asks for the time after it.
async fn run(
    store: &Store,
    instance: InstanceId,
    wanted: &Wanted,
    (now, gap): (DateTime<Utc>, Duration),
) -> Result<Done> {
    let replay = Replay {
        instance,
        from: wanted.from,
        to: wanted.to,
        resources: wanted.resources.clone(),
        statuses: wanted.statuses.clone(),
        ended_by: now,
        only: None,
    };
    let (mut events, mut after) = (0, None);
    while events < wanted.limit {
        let limit = STEP.min(wanted.limit - events);
        let step = if wanted.dry_run {
            store.count_replay(&replay, after, limit).await?
        } else {
            let start = Pace::spread(now, gap).time(events);
            let pace = Pace::spread(start, gap);
            store.replay(&replay, after, limit, pace).await?
        };
        events += step.events;
        let Some(last) = step.last else {
            return Ok(Done {
                events,
                more: false,
            });
        };
        after = Some(last);
    }
    let more = store.count_replay(&replay, after, 1).await?.events > 0;
    Ok(Done { events, more })
}

fn parse(body: Option<&Value>, most: u32) -> Result<Wanted, Problems> {
    members(body, &KEYS, |reader| {
        let (from, to) = span(reader);
        Wanted {
            from,
            to,
            resources: texts(
                reader,
                "objectTypes",
                "names of resources, such as [\"contacts\"]",
            ),
            statuses: statuses(reader),
            limit: reader.whole("limit", 1..=most, "events").unwrap_or(most),
            dry_run: reader.boolean("dryRun").unwrap_or(false),
        }
    })
}

fn statuses(reader: &mut Reader<'_>) -> Vec<NotificationStatus> {
    let ended = [Notified, Failed];
    let mut statuses = Vec::new();
    for text in texts(reader, "status", "NOTIFIED, FAILED or both") {
        match text.parse::<NotificationStatus>() {
            Ok(status) if ended.contains(&status) => statuses.push(status),
            _ => reader.refuse(
                "status",
                format!("expected NOTIFIED, FAILED or both: others are under way, got {text:?}"),
            ),
        }
    }
    if statuses.is_empty() {
        return ended.to_vec();
    }
    statuses
}

/// A text, or a list of texts.
fn texts(reader: &mut Reader<'_>, key: &str, expected: &str) -> Vec<String> {
    let read = match reader.given(key) {
        None => return Vec::new(),
        Some(Value::String(text)) => Some(vec![text.trim().to_owned()]),
        Some(Value::Array(texts)) => texts
            .iter()
            .map(|text| text.as_str().map(|text| text.trim().to_owned()))
            .collect(),
        Some(_) => None,
    };
    read.unwrap_or_else(|| {
        reader.refuse(key, format!("expected {expected}"));
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_not_needed() {
        let wanted = parse(None, 10).unwrap();

        assert_eq!((wanted.limit, wanted.dry_run), (10, false));
        assert_eq!(wanted.statuses, [Notified, Failed]);
    }

    #[test]
    fn every_member_is_read() {
        let body = json!({"from": "2026-11-24T10:00:00Z", "to": 1_795_600_000_000_i64, "objectTypes": ["contacts"],
            "status": "failed", "limit": 3, "dryRun": "true"});

        let wanted = parse(Some(&body), 10).unwrap();

        assert_eq!(wanted.from, Some("2026-11-24T10:00:00Z".parse().unwrap()));
        assert_eq!(
            wanted.to,
            DateTime::from_timestamp_millis(1_795_600_000_000)
        );
        assert_eq!(wanted.resources, ["contacts"]);
        assert_eq!(
            (wanted.statuses, wanted.limit, wanted.dry_run),
            (vec![Failed], 3, true)
        );
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let body = json!({"from": "soon", "objectTypes": 7, "status": ["NEW"], "limit": 0, "dryRun": "perhaps", "more": 1});

        let text = parse(Some(&body), 10).unwrap_err().to_string();

        for word in ["from", "objectTypes", "status", "limit", "dryRun", "more"] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }
}
