//! The dead-letter queue and the store agree.

use ie_broker::Outgoing;
use ie_model::NotificationStatus::{Failed, Notified};
use ie_model::{Message, Notification, NotificationId, Queue};
use ie_store::Pace;
use rstest::rstest;
use serde::{Deserialize, Serialize};

use crate::support::Backend::{Memory, RabbitMq};
use crate::support::{Answer, Backend, Receiver, Rig, eventually, now};

#[rstest]
#[tokio::test]
async fn a_copy_of_what_is_no_dead_letter_any_more_goes_and_the_others_stay(
    #[values(Memory, RabbitMq)] backend: Backend,
) {
    let rig = Rig::prepare_on(backend).await;
    rig.dispatch(&[("schedule", "[]"), ("reconcile", "50ms")])
        .await;
    let receiver = Receiver::start().await;
    receiver.answer(Answer::status(500));
    let instance = rig.instance(&receiver.url("/")).await;
    let (one, two) = (rig.notify(instance).await, rig.notify(instance).await);
    rig.reaches(&one, Failed).await;
    rig.reaches(&two, Failed).await;
    rig.queue_is(|depth| depth.dead == 2).await;

    // As an API that dies before it removes the copy.
    let redriven = rig
        .store
        .redrive(
            &Default::default(),
            Some(&[one.id]),
            1,
            Pace::at_once(now()),
        )
        .await
        .unwrap();

    assert_eq!(redriven.len(), 1);
    rig.queue_is(|depth| depth.dead == 1).await;
    let left = rig.broker.dead_letters(Queue::Changes, 10).await.unwrap();
    assert_eq!(left[0].message_id, two.id.to_string());
}

/// A notification that a later version of the program has sent.
#[derive(Serialize, Deserialize)]
struct OfTheFuture {
    id: NotificationId,
}

impl Message for OfTheFuture {
    const QUEUE: Queue = Queue::Changes;
    const KIND: &'static str = Notification::KIND;
    const VERSION: u32 = Notification::VERSION + 1;

    fn message_id(&self) -> String {
        self.id.to_string()
    }

    fn instance(&self) -> ie_model::InstanceId {
        ie_model::InstanceId(1)
    }
}

#[rstest]
#[tokio::test]
async fn what_no_dispatcher_can_read_is_a_dead_letter_to_redrive_or_an_operators_matter(
    #[values(Memory, RabbitMq)] backend: Backend,
) {
    // Given a stored notification and one that the store does not know, both in a form of the future,
    let rig = Rig::prepare_on(backend).await;
    rig.dispatch(&[("reconcile", "50ms")]).await;
    let receiver = Receiver::start().await;
    let instance = rig.instance(&receiver.url("/")).await;
    let stored = rig.notification(instance).await;
    let unknown = NotificationId(i64::MAX);

    // when they come to their turn,
    for id in [stored.id, unknown] {
        let message = OfTheFuture { id };
        let sent = rig.broker.publish_one(Outgoing::new(&message)).await;
        sent.unwrap();
    }

    // then the first is a dead letter in the store, with the reason, and is delivered by a redrive;
    let failed = rig.reaches(&stored, Failed).await;
    let reason = failed.last_error.unwrap();
    assert!(reason.contains("unknown version"), "{reason}");
    let pace = Pace::at_once(now());
    let ids = [stored.id];
    let redriven = rig
        .store
        .redrive(&Default::default(), Some(&ids), 1, pace)
        .await
        .unwrap();
    let again = Outgoing {
        republished: true,
        ..Outgoing::new(&redriven[0].notification)
    };
    rig.publish(again).await;
    rig.reaches(&stored, Notified).await;

    // the other stays where an operator finds it.
    let left = eventually("the unknown one alone", async || {
        let left = rig.broker.dead_letters(Queue::Changes, 10).await.unwrap();
        let alone = left.len() == 1 && left[0].message_id == unknown.to_string();
        alone.then_some(left)
    })
    .await;
    assert!(!left[0].is_readable_as::<Notification>());
}
