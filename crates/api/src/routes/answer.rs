//! How things look to a client.

use chrono::{DateTime, SecondsFormat, Utc};
use ie_model::{Attempt, Instance, Poller, PollerStatus, StoredNotification, Waiting};
use ie_platform::secret::ExposeSecret as _;
use ie_store::Quarantined;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::app::App;
use crate::connector;
use crate::error::Result;
use crate::instances;

/// An instance, as Open Connectors answers it. The stored configuration has stars for its secrets.
pub(crate) fn instance(app: &App, instance: &Instance) -> Result<Value> {
    let token = instances::token(app, instance)?;
    let mut answer = json!({
        "id": instance.id,
        "name": instance.name,
        "token": token.expose_secret(),
        "element": connector::element(),
        "elementId": connector::ID,
        "tags": instance.tags,
        "provisionInteractions": [],
        "valid": instance.valid,
        "disabled": instance.disabled,
        "maxCacheSize": 0,
        "cacheTimeToLive": 0,
        "configuration": instance.configuration,
        "eventsEnabled": instance.settings.events_enabled,
        "eventsNotificationCallbackUrl": instance.settings.callback_url,
        "traceLoggingEnabled": false,
        "cachingEnabled": false,
        "externalAuthentication": "none",
        "user": { "id": instance.user },
        "createdDate": date(instance.created_at),
        "updatedDate": date(instance.updated_at),
        "hintUrl": instances::hint_url(app, instance)?,
    });
    if let Some(reason) = &instance.reason {
        answer["reason"] = json!(reason);
    }
    if let Some(since) = instance.failing_since {
        answer["failingSince"] = json!(date(since));
    }
    Ok(answer)
}

/// A poller, as an event-poller record.
pub(crate) fn poller_record(poller: &Poller, now: DateTime<Utc>) -> Value {
    let under_way = poller.lease_until.is_some_and(|until| until > now);
    let status = match poller.status {
        PollerStatus::Paused => "paused",
        PollerStatus::Active if under_way => "polling",
        PollerStatus::Active => match poller.waiting {
            Some(Waiting::Skipped) => "skipped",
            Some(Waiting::Budget | Waiting::Rate) => "waiting",
            _ if poller.last_error.is_some() => "failing",
            _ => "active",
        },
    };
    json!({
        "id": poller.id,
        "name": poller.resource,
        "object": poller.object,
        "url": poller.config.url,
        "status": status,
        "refreshInterval": poller.interval_minutes,
        "lastPollDate": poller.last_poll_at.map(date),
        "cursor": date(poller.cursor),
        "nextPollDate": (poller.status == PollerStatus::Active && !under_way).then(|| date(poller.due_at)),
        "lastError": poller.last_error,
        "late": late(poller, now),
        "failures": poller.failures,
        "quarantined": poller.quarantined,
    })
}

/// Why a poll is late; none when it is not.
pub(crate) fn late(poller: &Poller, now: DateTime<Utc>) -> Option<Value> {
    let late = poller.late(now)?;
    Some(json!({ "dueAt": date(late.due_at), "reason": late.reason.as_str() }))
}

/// A notification, which Open Connectors calls an event.
pub(crate) fn event(stored: &StoredNotification, attempts: &[Attempt]) -> Value {
    let notified: Vec<Value> = attempts
        .iter()
        .filter(|attempt| attempt.notification == stored.notification.id)
        .map(attempt)
        .collect();
    json!({
        "id": stored.notification.id.to_string(),
        "eventDate": date(stored.notification.created_at),
        "status": stored.status.as_str(),
        "providerData": raw(stored.notification.body.get()),
        "notifiedData": notified,
    })
}

/// What became of a notification: an entry for each attempt.
pub(super) fn disposition(stored: &StoredNotification, attempts: &[Attempt]) -> Value {
    let told: Vec<Value> = attempts
        .iter()
        .filter(|attempt| attempt.notification == stored.notification.id)
        .map(|one| {
            let mut told = attempt(one);
            told["message"] = json!(message(one));
            told
        })
        .collect();
    json!({
        "eventId": stored.notification.id.to_string(),
        "elementInstanceId": stored.notification.instance,
        "status": stored.status.as_str(),
        "notificationData": told,
    })
}

/// An attempt in one sentence. The beginning of a failure's is Open Connectors'.
fn message(attempt: &Attempt) -> String {
    match (&attempt.error, attempt.status_code) {
        (Some(error), _) => format!("Error delivering event: {error}"),
        (None, Some(status)) => format!("Event delivered: the callback answered {status}"),
        (None, None) => "Event delivered".to_owned(),
    }
}

/// A notification whose every attempt failed.
pub(super) fn dead_letter(stored: &StoredNotification, attempts: &[Attempt]) -> Value {
    let mut answer = event(stored, attempts);
    answer["instanceId"] = json!(stored.notification.instance);
    answer["objectType"] = json!(stored.notification.resource);
    answer["attempts"] = json!(stored.attempts);
    answer["lastError"] = json!(stored.last_error);
    answer
}

/// A dead letter in full: with the body as it was posted.
pub(super) fn whole_dead_letter(stored: &StoredNotification, attempts: &[Attempt]) -> Value {
    let mut answer = dead_letter(stored, attempts);
    answer["body"] = json!(stored.notification.body.get());
    answer
}

/// A record that cannot be read. `providerData` is its JSON as Insightly sent it, up to 64 KiB.
pub(super) fn quarantined(record: &Quarantined) -> Value {
    json!({
        "id": record.id.to_string(),
        "objectType": record.resource,
        "objectId": record.object_id,
        "reason": record.reason,
        "firstSeenDate": date(record.first_seen),
        "lastSeenDate": date(record.last_seen),
        "count": record.times,
        "nextReadDate": record.retry_at.map(date),
        "providerData": record.content,
    })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "attempt": attempt.number,
        "date": date(attempt.at),
        "durationMs": attempt.duration_ms,
        "statusCode": attempt.status_code,
        "error": attempt.error,
        "errorClass": attempt.error_class,
        "response": attempt.response,
        "responseHeaders": attempt.headers.as_deref().and_then(|headers| serde_json::from_str::<Value>(headers).ok()),
    })
}

/// The raw records of a notification's body; without them (`event.raw.enabled` is false) its message.
fn raw(body: &str) -> String {
    #[derive(Deserialize)]
    struct Body {
        message: Box<RawValue>,
    }
    #[derive(Deserialize)]
    struct Message {
        raw: Option<Box<RawValue>>,
    }
    let Ok(Body { message }) = serde_json::from_str(body) else {
        return body.to_owned();
    };
    match serde_json::from_str(message.get()) {
        Ok(Message { raw: Some(raw) }) => raw.get().to_owned(),
        _ => message.get().to_owned(),
    }
}

pub(crate) fn date(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
