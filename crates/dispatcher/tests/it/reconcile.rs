//! The dead-letter queue and the store agree.

use ie_model::NotificationStatus::Failed;
use ie_model::Queue;
use ie_store::Pace;
use rstest::rstest;

use crate::support::Backend::{Memory, RabbitMq};
use crate::support::{Answer, Backend, Receiver, Rig, now};

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
