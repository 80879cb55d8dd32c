//! Messages come at least once; a callback normally gets each notification once.

use std::sync::Arc;

use ie_broker::{Depth, Outgoing};
use ie_model::NotificationStatus::{Dispatched, Notified};
use ie_model::{Attempt, Notification, NotificationStatus};
use ie_store::AttemptRecord;
use tokio::sync::Semaphore;

use crate::support::{Answer, Receiver, Rig, now};

fn copy(notification: &Notification, attempt: u32) -> Outgoing<'_, Notification> {
    Outgoing {
        republished: true,
        attempt,
        ..Outgoing::new(notification)
    }
}

/// What a dispatcher has recorded before it died.
fn record(notification: &Notification, number: u32, status: NotificationStatus) -> AttemptRecord {
    let accepted = status == Notified;
    AttemptRecord {
        attempt: Attempt {
            notification: notification.id,
            number,
            at: now(),
            duration_ms: 5,
            status_code: Some(if accepted { 200 } else { 500 }),
            error: (!accepted).then(|| "answered 500, expected 2xx".to_owned()),
            response: None,
            error_class: None,
            headers: None,
        },
        status,
        due_at: None,
    }
}

fn is_empty(depth: &Depth) -> bool {
    *depth == Depth::default()
}

#[tokio::test]
async fn a_message_delivered_twice_posts_once() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let instance = rig.instance(&receiver.url("/")).await;
    let notification = rig.notify(instance).await;
    rig.reaches(&notification, Notified).await;

    rig.publish(copy(&notification, 1)).await;

    rig.queue_is(is_empty).await;
    rig.stop(0).await;
    assert_eq!(receiver.others().len(), 1);
}

#[tokio::test]
async fn two_copies_at_the_same_time_post_once() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let gate = Arc::new(Semaphore::new(0));
    receiver.answer(Answer::status(200).behind(&gate));
    let instance = rig.instance(&receiver.url("/")).await;
    let notification = rig.notify(instance).await;
    receiver.next().await;

    rig.publish(copy(&notification, 1)).await;
    rig.queue_is(|depth| depth.waiting == 1).await;
    gate.add_permits(10);

    rig.reaches(&notification, Notified).await;
    rig.queue_is(is_empty).await;
    let attempts = rig.attempts(&notification).await;
    assert_eq!(attempts.len(), 1);
    rig.stop(0).await;
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn a_dispatcher_that_died_after_the_record_of_an_acceptance_leaves_nothing_to_do() {
    let rig = Rig::prepare().await;
    let mut receiver = Receiver::start().await;
    let instance = rig.instance(&receiver.url("/")).await;
    let notification = rig.notification(instance).await;
    let accepted = record(&notification, 1, Notified);
    rig.store.record_attempts(&[accepted]).await.unwrap();
    rig.publish(copy(&notification, 1)).await;

    rig.dispatch(&[]).await;

    rig.queue_is(is_empty).await;
    rig.stop(0).await;
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn a_dispatcher_that_died_after_the_record_of_a_failure_loses_no_retry() {
    let rig = Rig::prepare().await;
    let mut receiver = Receiver::start().await;
    let instance = rig.instance(&receiver.url("/")).await;
    let notification = rig.notification(instance).await;
    let failed = record(&notification, 1, Dispatched);
    rig.store.record_attempts(&[failed]).await.unwrap();
    rig.publish(copy(&notification, 1)).await;

    rig.dispatch(&[]).await;

    let stored = rig.reaches(&notification, Notified).await;
    assert_eq!(stored.attempts, 2);
    assert_eq!(receiver.others().len(), 1);
    rig.stop(0).await;
}

#[tokio::test]
async fn a_copy_that_was_overtaken_is_dropped() {
    let rig = Rig::prepare().await;
    let mut receiver = Receiver::start().await;
    let instance = rig.instance(&receiver.url("/")).await;
    let notification = rig.notification(instance).await;
    let failed = [1, 2].map(|number| record(&notification, number, Dispatched));
    rig.store.record_attempts(&failed).await.unwrap();
    rig.publish(copy(&notification, 1)).await;

    rig.dispatch(&[]).await;

    rig.queue_is(is_empty).await;
    let stored = rig.stored(notification.id).await;
    assert_eq!((stored.status, stored.attempts), (Dispatched, 2));
    rig.stop(0).await;
    assert!(receiver.others().is_empty());
}
