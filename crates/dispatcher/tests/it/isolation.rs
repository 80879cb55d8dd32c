//! What one callback does to another, to the stop of the process, and to notifications of instances that are off.

use std::sync::Arc;
use std::time::Duration;

use ie_model::NotificationStatus::{Failed, Notified};
use ie_model::instance::secret;
use ie_platform::lifecycle::Drained;
use tokio::sync::Semaphore;

use crate::support::{Answer, NewInstance, Receiver, Rig};

#[tokio::test]
async fn a_callback_that_never_answers_holds_its_slots_and_nothing_else() {
    let rig = Rig::start(&[("prefetch", "8"), ("callback_limit", "2")]).await;
    let mut stuck = Receiver::start().await;
    let gate = Arc::new(Semaphore::new(0));
    stuck.answer(Answer::status(200).behind(&gate));
    let healthy = Receiver::start().await;
    let stuck_instance = rig.instance(&stuck.url("/")).await;
    let healthy_instance = rig.instance(&healthy.url("/")).await;

    let parked = rig.notify_times(10, stuck_instance).await;
    stuck.next().await;
    stuck.next().await;
    let delivered = rig.notify_times(20, healthy_instance).await;

    for notification in &delivered {
        rig.reaches(notification, Notified).await;
    }
    assert!(
        stuck.others().is_empty(),
        "more requests under way than slots"
    );
    gate.add_permits(100);
    for notification in &parked {
        let stored = rig.reaches(notification, Notified).await;
        // To be parked is no attempt.
        assert_eq!(stored.attempts, 1);
    }
    rig.queue_is(|depth| depth.waiting == 0).await;
    rig.stop(0).await;
}

#[tokio::test]
async fn a_graceful_stop_finishes_what_is_under_way_and_begins_nothing() {
    // Two for each of the two queues.
    let rig = Rig::start(&[("prefetch", "4")]).await;
    let mut receiver = Receiver::start().await;
    let gate = Arc::new(Semaphore::new(0));
    receiver.answer(Answer::status(200).behind(&gate));
    let first = rig.instance(&receiver.url("/")).await;
    let second = rig.instance(&receiver.url("/")).await;
    let under_way = [rig.notify(first).await, rig.notify(second).await];
    receiver.next().await;
    receiver.next().await;
    let waiting = rig.notify(first).await;

    rig.context.lifecycle.stop();
    gate.add_permits(10);
    let drained = rig.context.lifecycle.drain(Duration::from_secs(20)).await;

    assert_eq!(drained, Drained::Complete);
    for notification in &under_way {
        assert_eq!(rig.stored(notification.id).await.status, Notified);
    }
    assert_eq!(rig.stored(waiting.id).await.attempts, 0);
    assert_eq!(rig.depth().await.ready, 1);
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn a_disabled_instance_is_not_called_and_its_notification_can_be_redriven() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let new = NewInstance::notifying(&receiver.url("/")).disabled();
    let instance = rig.instance_with(new).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    assert_eq!(stored.attempts, 0);
    assert!(stored.last_error.unwrap().contains("disabled"));
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn an_instance_without_a_callback_makes_a_dead_letter() {
    let rig = Rig::start(&[]).await;
    let instance = rig.instance_with(NewInstance::default()).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    assert!(stored.last_error.unwrap().contains("callback"));
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
}

#[tokio::test]
async fn notifications_of_a_deleted_instance_end_without_a_dead_letter() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let instance = rig.instance(&receiver.url("/")).await;
    let notification = rig.notification(instance).await;
    assert!(rig.store.delete_instance(instance).await.unwrap());

    rig.publish(ie_broker::Outgoing::new(&notification)).await;

    rig.queue_is(|depth| *depth == ie_broker::Depth::default())
        .await;
    rig.reaches(&notification, Failed).await;
    rig.stop(0).await;
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_is_a_failed_attempt_and_nothing_goes_out_unsigned() {
    let rig = Rig::start(&[("schedule", "[10ms]")]).await;
    let mut receiver = Receiver::start().await;
    let new = NewInstance::notifying(&receiver.url("/"))
        .with_secret(secret::WEBHOOK_SECRET, "whsec_this is not base64");
    let instance = rig.instance_with(new).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    assert_eq!(stored.attempts, 2);
    assert!(stored.last_error.unwrap().contains("webhook secret"));
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert!(receiver.others().is_empty());
}
