//! `/instances/{id}/test-event`: one signed sample goes the way of every notification, and its outcome is told.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use ie_broker::Outgoing;
use ie_model::{
    ChangeEvent, EventType, Instance, Notification, NotificationBody, NotificationId, Purpose,
    ResourceConfig, StoredNotification,
};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use super::subject::Subject;
use crate::app::App;
use crate::connector;
use crate::error::{ApiError, Result};
use crate::openapi::parameters::OneInstance;
use crate::openapi::schemas::{self, TestOutcome};
use crate::openapi::tags;

/// How often the outcome is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The record of a sample; no record of Insightly has this id.
const SAMPLE_ID: &str = "0";

/// Sends a signed sample to an instance's callback and tells its outcome.
///
/// Also while the instance is disabled or its events are off. A test has one attempt, which neither breaker nor rate holds
/// back, and is never a dead letter.
#[utoipa::path(
    post, path = "/instances/{id}/test-event", tag = tags::INSTANCES, operation_id = "testCallback",
    params(OneInstance),
    responses((status = 200, description = "What became of it.", body = TestOutcome),
        (status = 400, description = "The instance has no callback.", body = schemas::Error))
)]
pub(super) async fn send(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<Json<Value>> {
    try_callback(&app, &instance).await.map(Json)
}

/// Sends a sample to an instance's callback and waits for its outcome.
pub(crate) async fn try_callback(app: &App, instance: &Instance) -> Result<Value> {
    if instance.settings.callback_url.is_none() {
        return Err(ApiError::bad_request(
            "the instance has no callback to test: set event.notification.callback.url",
        ));
    }
    let pollers = app.store.pollers(instance.id).await?;
    let about = pollers
        .first()
        .map(|poller| (poller.resource.as_str(), &poller.config));
    call(app, instance, about).await
}

/// Sends a sample to a callback, about a record of this resource, and waits for its outcome; `instance` is one that a
/// dispatcher finds, or a trial.
pub(crate) async fn call(
    app: &App,
    instance: &Instance,
    about: Option<(&str, &ResourceConfig)>,
) -> Result<Value> {
    let ids = app.store.reserve_notification_ids(1).await?;
    let id = ids.first().copied();
    let id = id.ok_or_else(|| ApiError::internal(anyhow::anyhow!("no id was reserved")))?;
    let notification = sample(id, instance, about, app.clock.now())?;
    app.store.store_test(&notification).await?;
    // A dispatcher that comes too late looks up that the test is over.
    let message = Outgoing {
        republished: true,
        ..Outgoing::new(&notification)
    };
    if let Err(error) = app.broker.publish_one(message).await {
        tracing::warn!(%error, event.id = %id, "a test does not reach the queue");
        return over(app, id, "the queue cannot be reached, nothing was sent").await;
    }
    // Whoever asks is to have an answer of this request, not the time limit's.
    let patience = app
        .config
        .test_timeout
        .min(app.config.request_timeout / 4 * 3);
    let until = Instant::now() + patience;
    loop {
        let stored = app.store.notification(id).await?;
        if let Some(stored) = stored.filter(|stored| stored.status.is_final()) {
            return told(app, &stored).await;
        }
        if Instant::now() >= until {
            let text = "no dispatcher has answered in time (api.test_timeout): check that one runs and reaches the queue and the store";
            return over(app, id, text).await;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Ends a test that nobody has answered; if somebody just has, that counts.
async fn over(app: &App, id: NotificationId, reason: &str) -> Result<Value> {
    let now = app.clock.now();
    app.store.fail_notifications(&[id], reason, now).await?;
    let stored = app.store.notification(id).await?;
    let stored = stored.ok_or_else(|| ApiError::internal(anyhow::anyhow!("a test is gone")))?;
    told(app, &stored).await
}

async fn told(app: &App, stored: &StoredNotification) -> Result<Value> {
    let attempts = app.store.attempts(&[stored.notification.id]).await?;
    let attempt = attempts.first();
    let error = attempt.and_then(|attempt| attempt.error.as_ref());
    Ok(json!({
        "eventId": stored.notification.id.to_string(),
        "delivered": stored.status == ie_model::NotificationStatus::Notified,
        "statusCode": attempt.and_then(|attempt| attempt.status_code),
        "durationMs": attempt.map(|attempt| attempt.duration_ms),
        "response": attempt.and_then(|attempt| attempt.response.as_ref()),
        "error": error.or(stored.last_error.as_ref()),
    }))
}

/// One event of the first polled resource, marked as a test.
fn sample(
    id: NotificationId,
    instance: &Instance,
    about: Option<(&str, &ResourceConfig)>,
    now: DateTime<Utc>,
) -> Result<Notification> {
    let resource = about.map_or(connector::DEFAULT_RESOURCES[0], |(resource, _)| resource);
    let id_field = about.map_or("CONTACT_ID", |(_, config)| config.id_field.as_str());
    let event = ChangeEvent {
        object_type: resource.to_owned(),
        object_id: SAMPLE_ID.to_owned(),
        event_type: EventType::Updated,
        date: now,
        poll_date: now,
        element_key: connector::KEY.to_owned(),
        hub_key: connector::HUB.to_owned(),
        sequence: now.timestamp_millis(),
        snapshot: false,
        test: true,
        changes: None,
    };
    let record = to_raw_value(&json!({ id_field: 0 })).map_err(ApiError::internal)?;
    let body = NotificationBody {
        id,
        instance,
        resource,
        created_at: now,
        events: &[event],
        records: &[&record],
    };
    Ok(Notification {
        id,
        instance: instance.id,
        resource: resource.to_owned(),
        created_at: now,
        media_type: body.media_type(),
        body: body.to_raw().map_err(ApiError::internal)?,
        purpose: Purpose::Test,
    })
}
