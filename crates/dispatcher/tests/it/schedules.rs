//! Retry schedules of instances, and what a change of a schedule does to what waits.

use std::time::Duration;

use ie_broker::Outgoing;
use ie_model::NotificationStatus::{Dispatched, Failed, New, Notified};
use ie_model::{DeliverySettings, RetrySchedule};
use rstest::rstest;

use crate::support::Backend::{Memory, RabbitMq};
use crate::support::{Answer, Backend, NewInstance, Receiver, Rig};

/// More than a message needs from a wait queue to the queue behind it.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

fn own_schedule(milliseconds: &[u64]) -> DeliverySettings {
    let delays = milliseconds.iter().copied().map(Duration::from_millis);
    DeliverySettings {
        retry_schedule: Some(RetrySchedule(delays.collect())),
        ..DeliverySettings::default()
    }
}

#[tokio::test]
async fn an_instance_is_tried_again_by_its_own_schedule() {
    let rig = Rig::start(&[("schedule", "[1h]")]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(500));
    let own = NewInstance::notifying(&receiver.url("/")).with_delivery(own_schedule(&[10, 20]));
    let instance = rig.instance_with(own).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    assert_eq!(stored.attempts, 3);
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert_eq!(receiver.others().len(), 3);
}

#[rstest]
#[tokio::test]
async fn a_new_schedule_of_the_operator_moves_what_waits_and_the_older_copy_is_dropped(
    #[values(Memory, RabbitMq)] backend: Backend,
) {
    let rig = Rig::prepare_on(backend).await;
    rig.dispatch(&[("schedule", "[2500ms, 2500ms]")]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([Answer::status(500)]);
    let instance = rig.instance(&receiver.url("/")).await;
    let notification = rig.notify(instance).await;
    rig.reaches(&notification, Dispatched).await;

    // A deploy with another schedule, while the older process is still there.
    rig.dispatch(&[("schedule", "[10ms, 10ms]")]).await;
    rig.reaches(&notification, New).await;
    crate::support::eventually("it is due", || async {
        (rig.relay().await.len() == 1).then_some(())
    })
    .await;

    let stored = rig.reaches(&notification, Notified).await;
    assert_eq!(stored.attempts, 2);
    // The copy of the old schedule comes out of its wait queue, and is dropped.
    rig.queue_is(|depth| depth.waiting == 1).await;
    rig.queue_is(|depth| depth.waiting == 0).await;
    // On its way from one queue to the other it is in neither.
    tokio::time::sleep(ON_ITS_WAY).await;
    rig.queue_is(|depth| depth.ready == 0).await;
    rig.stop(0).await;
    assert_eq!(receiver.others().len(), 2);
}

#[tokio::test]
async fn two_copies_of_one_attempt_that_both_fail_never_make_an_attempt_twice() {
    let rig = Rig::start(&[("schedule", "[30ms, 30ms, 30ms, 30ms]")]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(500));
    let instance = rig.instance(&receiver.url("/")).await;
    let notification = rig.notify(instance).await;
    rig.reaches(&notification, Dispatched).await;

    // As the relay does after a change of schedule, while the older copy waits.
    let again = Outgoing {
        republished: true,
        attempt: 2,
        ..Outgoing::new(&notification)
    };
    rig.publish(again).await;

    let stored = rig.reaches(&notification, Failed).await;
    assert_eq!(stored.attempts, 5);
    assert_eq!(rig.attempts(&notification).await.len(), 5);
    rig.queue_is(|depth| depth.dead == 1 && depth.waiting == 0 && depth.ready == 0)
        .await;
    rig.stop(1).await;
    assert_eq!(receiver.others().len(), 5);
}
