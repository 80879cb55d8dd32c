//! What clients decide about deliveries, and tests of callbacks.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use ie_broker::{ConsumerSettings, Delivery, Failure, Handler};
use ie_model::{Attempt, InstanceId, Notification, NotificationId, NotificationStatus, Purpose};
use ie_store::{AttemptRecord, NotificationFilter, Page, Store};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{Rig, id, path};

/// A dispatcher whose callback says this.
struct Dispatcher {
    store: Store,
    answers: u16,
}

#[async_trait::async_trait]
impl Handler<Notification> for Dispatcher {
    async fn handle(&self, message: Notification, _: &Delivery) -> Result<(), Failure> {
        assert_eq!(message.purpose, Purpose::Test);
        let accepted = self.answers == 200;
        let record = AttemptRecord {
            attempt: Attempt {
                notification: message.id,
                number: 1,
                at: message.created_at,
                duration_ms: 41,
                status_code: Some(self.answers),
                error: (!accepted).then(|| "answered 500, expected 2xx".to_owned()),
                response: Some("hello".to_owned()),
                error_class: None,
                headers: None,
            },
            status: match accepted {
                true => NotificationStatus::Notified,
                false => NotificationStatus::Failed,
            },
            due_at: None,
        };
        self.store.record_attempts(&[record]).await.unwrap();
        Ok(())
    }
}

fn dispatch(rig: &Rig, answers: u16) {
    let (broker, lifecycle) = (rig.broker.clone(), rig.context.lifecycle.clone());
    let store = rig.store.clone();
    rig.context.lifecycle.spawn("dispatcher", async move {
        let settings = ConsumerSettings { prefetch: 10 };
        let handler = Arc::new(Dispatcher { store, answers });
        broker.consume(settings, handler, &lifecycle).await
    });
}

async fn test(rig: &Rig, instance: &Value) -> Value {
    let path = format!("{}/test-event", path(instance));
    rig.call(Method::POST, &path, None).await.ok()
}

async fn events(rig: &Rig, instance: &Value) -> Vec<ie_model::StoredNotification> {
    let filter = NotificationFilter {
        instance: Some(InstanceId(id(instance))),
        ..NotificationFilter::default()
    };
    let page = Page {
        after: None,
        limit: 10,
    };
    rig.store.notifications(&filter, page).await.unwrap()
}

#[tokio::test]
async fn a_test_tells_what_the_callback_said() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "leads"})).await;
    dispatch(&rig, 200);

    let told = test(&rig, &instance).await;

    let stored = events(&rig, &instance).await.remove(0).notification;
    assert_eq!(
        told,
        json!({
            "eventId": stored.id.to_string(), "delivered": true, "statusCode": 200,
            "durationMs": 41, "response": "hello", "error": null,
        })
    );
    let body: Value = serde_json::from_str(stored.body.get()).unwrap();
    let event = &body["message"]["events"][0];
    assert_eq!(
        (&event["test"], &event["objectType"]),
        (&json!(true), &json!("leads"))
    );
    assert_eq!(body["message"]["raw"]["leads"][0]["LEAD_ID"], 0);
}

#[tokio::test]
async fn a_test_that_is_refused_is_no_dead_letter() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    rig.call(
        Method::DELETE,
        &format!("{}/enabled", path(&instance)),
        None,
    )
    .await
    .ok();
    dispatch(&rig, 500);

    let told = test(&rig, &instance).await;

    assert_eq!(
        (&told["delivered"], &told["statusCode"]),
        (&json!(false), &json!(500))
    );
    assert_eq!(told["error"], "answered 500, expected 2xx");
    assert_eq!(rig.get("/dead-letters").await.ok(), json!([]));
}

#[tokio::test]
async fn a_test_that_no_dispatcher_takes_says_so_and_is_over() {
    let rig = Rig::with(&[("TEST_TIMEOUT", "100ms")]).await;
    let instance = rig.instance(&json!({})).await;

    let told = test(&rig, &instance).await;

    assert_eq!(
        (&told["delivered"], &told["statusCode"]),
        (&json!(false), &json!(null))
    );
    let error = told["error"].as_str().unwrap();
    assert!(error.contains("no dispatcher has answered"), "{error}");
    // A dispatcher that comes later finds it ended.
    let stored = events(&rig, &instance).await.remove(0);
    assert_eq!(stored.status, NotificationStatus::Failed);
}

#[tokio::test]
async fn an_instance_without_a_callback_has_nothing_to_test() {
    let rig = Rig::start().await;
    let none =
        json!({"event.notification.enabled": false, "event.notification.callback.url": null});
    let instance = rig.instance(&none).await;

    let path = format!("{}/test-event", path(&instance));
    let message = rig.call(Method::POST, &path, None).await;

    let message = message.refused(StatusCode::BAD_REQUEST);
    assert!(
        message.contains("event.notification.callback.url"),
        "{message}"
    );
}

/// A notification that waits for its second attempt, for a day.
async fn waiting(rig: &Rig, instance: &Value) -> NotificationId {
    let id = rig.notifications(id(instance), 1).await[0];
    let now = rig.context.clock.now();
    let record = AttemptRecord {
        attempt: Attempt {
            notification: id,
            number: 1,
            at: now,
            duration_ms: 0,
            status_code: Some(500),
            error: Some("answered 500".to_owned()),
            response: None,
            error_class: None,
            headers: None,
        },
        status: NotificationStatus::Dispatched,
        due_at: Some(now + TimeDelta::days(1)),
    };
    rig.store.record_attempts(&[record]).await.unwrap();
    id
}

#[tokio::test]
async fn another_schedule_moves_what_waits() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    let id = waiting(&rig, &instance).await;
    let now = rig.context.clock.now();

    let patch = json!({"configuration": {"event.notification.retry.schedule": "30s, 5m"}});
    rig.patch(&path(&instance), &patch).await.ok();

    let moved = rig.store.notification(id).await.unwrap().unwrap();
    assert_eq!(moved.status, NotificationStatus::New);
    assert_eq!(moved.due_at, Some(now + Duration::from_secs(30)));
}

#[tokio::test]
async fn without_a_schedule_of_its_own_what_waits_goes_by_the_operators() {
    let rig = Rig::start().await;
    let own = json!({"event.objects": "contacts", "event.notification.retry.schedule": "20h"});
    let instance = rig.instance(&own).await;
    let id = waiting(&rig, &instance).await;
    let now = rig.context.clock.now();
    let operators = ie_model::RetrySchedule(vec![Duration::from_secs(60)]);
    rig.store
        .claim_schedule_change(&operators, now, Duration::from_secs(60))
        .await
        .unwrap();
    rig.store.finish_schedule_change(&operators).await.unwrap();

    let patch = json!({"configuration": {"event.notification.retry.schedule": null}});
    rig.patch(&path(&instance), &patch).await.ok();

    let moved = rig.store.notification(id).await.unwrap().unwrap();
    assert_eq!(moved.due_at, Some(now + Duration::from_secs(60)));
}

#[tokio::test]
async fn a_delay_that_the_queue_cannot_hold_is_refused() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;

    let patch = json!({"configuration": {"event.notification.retry.schedule": ["5s", "2days"]}});
    let message = rig.patch(&path(&instance), &patch).await;

    let message = message.refused(StatusCode::BAD_REQUEST);
    assert!(message.contains("from 1s to 1day"), "{message}");
}

#[tokio::test]
async fn an_instance_says_since_when_its_callback_fails_until_it_has_another() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let since = "2026-11-24T09:00:00Z".parse().unwrap();
    let healthy = rig.get(&path(&instance)).await.ok();
    rig.store
        .note_failing(InstanceId(id(&instance)), since)
        .await
        .unwrap();

    let failing = rig.get(&path(&instance)).await.ok();
    let rename = rig
        .patch(&path(&instance), &json!({"name": "x"}))
        .await
        .ok();
    let other =
        json!({"configuration": {"event.notification.callback.url": "https://example.com/2"}});
    let mended = rig.patch(&path(&instance), &other).await.ok();

    assert_eq!(healthy.get("failingSince"), None);
    assert_eq!(failing["failingSince"], "2026-11-24T09:00:00Z");
    assert_eq!(rename["failingSince"], "2026-11-24T09:00:00Z");
    assert_eq!(mended.get("failingSince"), None);
}
