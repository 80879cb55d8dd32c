//! Instances that are switched off at last, the notices of it, and tests of callbacks.

use std::collections::BTreeMap;
use std::time::Duration;

use ie_model::NotificationStatus::{Dispatched, Failed, Notified};
use ie_model::instance::secret;
use ie_model::{DeliverySettings, Instance, InstanceId, Notification, Purpose};
use ie_store::PollerChanges;
use serde_json::Value;

use crate::support::{Answer, NewInstance, Received, Receiver, Rig, eventually, now};

fn noticed(callback: &str, notices: &str) -> NewInstance {
    let delivery = DeliverySettings {
        operational_url: Some(notices.to_owned()),
        ..DeliverySettings::default()
    };
    NewInstance::notifying(callback).with_delivery(delivery)
}

/// Stores a test of an instance's callback, as the API does.
async fn test(rig: &Rig, instance: InstanceId) -> Notification {
    let id = rig.store.reserve_notification_ids(1).await.unwrap()[0];
    let notification = Notification {
        id,
        instance,
        resource: "contacts".to_owned(),
        created_at: now(),
        body: serde_json::value::to_raw_value(&id).unwrap(),
        purpose: Purpose::Test,
        media_type: ie_model::MediaType::default(),
    };
    rig.store.store_test(&notification).await.unwrap();
    rig.publish(ie_broker::Outgoing::new(&notification)).await;
    notification
}

/// Publishes so many notices once they are stored, and gives what arrived of them, by their type.
async fn notices(rig: &Rig, count: usize, receiver: &mut Receiver) -> BTreeMap<String, Notice> {
    let mut published = 0;
    while published < count {
        let some = eventually("a notice", || async {
            let some = rig.relay().await;
            (!some.is_empty()).then_some(some)
        });
        published += some.await.len();
    }
    let mut notices = BTreeMap::new();
    for _ in 0..count {
        let received = receiver.next().await;
        let body: Value = serde_json::from_slice(&received.body).unwrap();
        let message = body["message"].clone();
        let kind = message["type"].as_str().unwrap().to_owned();
        notices.insert(kind, Notice { received, message });
    }
    notices
}

struct Notice {
    received: Received,
    message: Value,
}

#[tokio::test]
async fn a_callback_that_only_fails_is_disabled_its_owner_is_told_and_can_begin_anew() {
    let rig = Rig::start(&[
        ("breaker_failures", "2"),
        ("disable_after", "100ms"),
        (
            "schedule",
            "[20ms, 20ms, 20ms, 20ms, 20ms, 20ms, 20ms, 20ms, 20ms, 20ms, 20ms, 20ms]",
        ),
    ])
    .await;
    let (receiver, mut owner) = (Receiver::start().await, Receiver::start().await);
    receiver.answer(Answer::status(500));
    let new = noticed(&receiver.url("/"), &owner.url("/notices"))
        .with_secret(secret::SIGNATURE_KEY, "a key")
        .with_secret(
            secret::CALLBACK_HEADERS,
            r#"{"X-Key": "for the callback alone"}"#,
        );
    let instance = rig.instance_with(new).await;

    let notification = rig.notify(instance).await;

    // It is disabled: what was not delivered is a dead letter, to be redriven.
    let dead = rig.reaches(&notification, Failed).await;
    let stored = rig.store.instance(instance).await.unwrap().unwrap();
    let reason = stored.reason.clone().unwrap();
    assert!(stored.disabled && stored.failing_since.is_some());
    assert!(reason.contains("only failed since"), "{reason}");
    assert!(dead.last_error.unwrap().contains("only failed since"));
    // Two notices: of the instance, and of its first dead letter.
    let notices = notices(&rig, 2, &mut owner).await;
    let disabled = &notices["instance.disabled"];
    let signature = disabled.received.header("elements-webhook-signature");
    assert!(signature.starts_with("sha256="));
    assert!(!disabled.received.headers.contains_key("x-key"));
    assert_eq!(disabled.message["reason"], reason);
    assert_eq!(notices["dead_letters.growing"].message["count"], 1);

    // Switched on again it is called again, and not disabled at its first failure.
    receiver.answer_first([Answer::status(500)]);
    receiver.answer(Answer::status(200));
    switch_on(&rig, stored).await;
    let again = called(&rig, instance).await;
    rig.reaches(&again, Notified).await;
    let stored = rig.store.instance(instance).await.unwrap().unwrap();
    assert!(!stored.disabled);
    rig.queue_is(|depth| depth.waiting == 0 && depth.ready == 0)
        .await;
    let dead = rig.depth().await.dead;
    rig.stop(dead).await;
}

/// Switches an instance on, as its owner does.
async fn switch_on(rig: &Rig, instance: Instance) {
    let enabled = Instance {
        disabled: false,
        reason: None,
        ..instance
    };
    let pollers = PollerChanges {
        keep_others: true,
        ..PollerChanges::default()
    };
    rig.store.update_instance(&enabled, &pollers).await.unwrap();
}

/// Notifies until a notification has an attempt: the callback as it was may be remembered for a moment.
async fn called(rig: &Rig, instance: InstanceId) -> Notification {
    eventually("a notification that is called", || async {
        let again = rig.notify(instance).await;
        let seen = eventually("its end or its first attempt", || async {
            let stored = rig.stored(again.id).await;
            (stored.status.is_final() || stored.attempts > 0).then_some(stored)
        });
        (seen.await.attempts > 0).then_some(again)
    })
    .await
}

#[tokio::test]
async fn a_success_ends_the_failing_and_writes_nothing_more() {
    let rig = Rig::start(&[("breaker_failures", "2")]).await;
    let receiver = Receiver::start().await;
    receiver.answer_first([500, 500].map(Answer::status));
    let instance = rig.instance(&receiver.url("/")).await;
    let since = || async {
        let stored = rig.store.instance(instance).await.unwrap().unwrap();
        stored.failing_since
    };

    let notification = rig.notify(instance).await;
    eventually("it is noted", || async { since().await }).await;
    rig.reaches(&notification, Notified).await;

    eventually("it is cleared", || async {
        rig.notify(instance).await;
        since().await.is_none().then_some(())
    })
    .await;
    rig.queue_is(|depth| depth.waiting == 0 && depth.ready == 0)
        .await;
    rig.stop(0).await;
}

#[tokio::test]
async fn the_operator_is_told_with_a_signature_of_its_own() {
    let mut operator = Receiver::start().await;
    let url = operator.url("/operator");
    let rig = Rig::start(&[
        ("operational_url", url.as_str()),
        (
            "operational_secret",
            "whsec_c2VjcmV0IG9mIHRoZSBvcGVyYXRvcg==",
        ),
    ])
    .await;
    let receiver = Receiver::start().await;
    receiver.answer(Answer::status(410));
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;
    rig.reaches(&notification, Failed).await;

    // Of the instance, and of its dead letter.
    let notices = notices(&rig, 2, &mut operator).await;
    let disabled = &notices["instance.disabled"];
    let signature = disabled.received.header("webhook-signature");
    assert!(signature.starts_with("v1,"));
    assert_eq!(disabled.message["instanceId"], instance.get());
    rig.queue_is(|depth| depth.ready == 0 && depth.waiting == 0)
        .await;
    rig.stop(1).await;
}

#[tokio::test]
async fn a_configuration_is_tried_before_it_is_an_instance_by_the_same_rules() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let new = NewInstance::notifying(&receiver.url("/trial"))
        .with_secret(secret::SIGNATURE_KEY, "signature-key");
    let id = rig.instance_with(new).await;
    let unsaved = rig.store.instance(id).await.unwrap().unwrap();
    rig.store.delete_instance(id).await.unwrap();

    rig.store
        .keep_trial(&unsaved, now() + Duration::from_secs(60))
        .await
        .unwrap();
    let deleted = rig.instance(&receiver.url("/deleted")).await;
    rig.store.delete_instance(deleted).await.unwrap();

    let tried = test(&rig, id).await;
    let gone = test(&rig, deleted).await;
    rig.reaches(&tried, Notified).await;
    rig.reaches(&gone, Failed).await;

    let received = receiver.next().await;
    assert!(!received.header("elements-webhook-signature").is_empty());
    assert!(
        receiver.others().is_empty(),
        "a deleted instance is no trial"
    );
    rig.stop(0).await;
}

#[tokio::test]
async fn a_test_has_one_attempt_whatever_state_the_callback_is_in() {
    let rig = Rig::start(&[
        ("breaker_failures", "1"),
        ("breaker_pause", "1h"),
        ("breaker_longest_pause", "1h"),
        ("schedule", "[1h]"),
    ])
    .await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(500).with_body("not yet"));
    let instance = rig.instance(&receiver.url("/")).await;
    let off = NewInstance::notifying(&receiver.url("/off")).disabled();
    let off = rig.instance_with(off).await;
    // Its breaker is open.
    let waiting = rig.notify(instance).await;
    rig.reaches(&waiting, Dispatched).await;
    receiver.next().await;

    let refused = test(&rig, instance).await;
    let failed = rig.reaches(&refused, Failed).await;
    receiver.answer(Answer::status(200));
    let mended = test(&rig, instance).await;
    let accepted = test(&rig, off).await;
    rig.reaches(&mended, Notified).await;
    rig.reaches(&accepted, Notified).await;

    assert_eq!(failed.attempts, 1);
    let attempt = rig.attempts(&refused).await.remove(0);
    assert_eq!(attempt.status_code, Some(500));
    assert_eq!(attempt.response.as_deref(), Some("not yet"));
    assert_eq!(receiver.others().len(), 3);
    rig.queue_is(|depth| depth.dead == 0 && depth.ready == 0 && depth.waiting == 1)
        .await;
    rig.context.lifecycle.stop();
    rig.context.lifecycle.drain(Duration::from_secs(20)).await;
}
