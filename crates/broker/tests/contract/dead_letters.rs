//! What is never tried again, and what an operator can do with it.

use std::collections::HashSet;

use ie_broker::{Failure, Outgoing};
use ie_model::{Message, Queue};
use rstest::rstest;
use serde::{Deserialize, Serialize};

use crate::rig::{Backend, Rig, note, notes, with_rig};

/// Declares messages that a consumer of notes cannot read.
macro_rules! message {
    ($name:ident { $field:ident: $type:ty }, $kind:literal, $version:literal) => {
        #[derive(Serialize, Deserialize)]
        struct $name {
            $field: $type,
        }

        impl Message for $name {
            const QUEUE: Queue = Queue::Changes;
            const KIND: &'static str = $kind;
            const VERSION: u32 = $version;

            fn message_id(&self) -> String {
                stringify!($name).to_owned()
            }

            fn instance(&self) -> ie_model::InstanceId {
                ie_model::InstanceId(1)
            }
        }
    };
}

message!(OfAnotherKind { id: String }, "letter", 1);
message!(OfTheFuture { id: String }, "note", 3);
message!(Misshapen { id: Vec<u8> }, "note", 2);

async fn bury(rig: &Rig, count: usize) {
    let mut consumer = rig.consume(10, |_, _| {
        Box::pin(async { Err(Failure::dead_letter("gone for good")) })
    });
    rig.publish(&notes(count)).await;
    consumer.take(count).await;
    consumer.stop().await;
    rig.holds(0, 0, count).await;
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_keeps_its_reason_and_everything_else(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let message = note("a");
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
        let given = Some(traceparent.clone());
        let outgoing = Outgoing {
            traceparent: given,
            attempt: 2,
            ..Outgoing::new(&message)
        };
        let mut consumer = rig.consume(1, |_, _| {
            Box::pin(async { Err(Failure::dead_letter("410 gone")) })
        });

        rig.broker.publish_one(outgoing).await.unwrap();
        consumer.next().await;
        rig.holds(0, 0, 1).await;

        let dead = rig
            .broker
            .dead_letters(Queue::Changes, 10)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(dead.message_id, "a");
        assert_eq!(
            (dead.kind.as_str(), dead.version, dead.attempt),
            ("note", 2, 2)
        );
        assert_eq!(dead.reason, "410 gone");
        assert!(dead.dead_at.is_some() && dead.published_at.is_some());
        assert_eq!(dead.traceparent, Some(traceparent));
        assert_eq!(&dead.payload[..], br#"{"id":"a","instance":1}"#);
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_read_is_a_dead_letter_at_once(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let consumer = rig.consume_all(1);

        rig.publish(&[OfAnotherKind { id: "x".into() }]).await;
        rig.publish(&[OfTheFuture { id: "x".into() }]).await;
        rig.publish(&[Misshapen { id: vec![1] }]).await;
        rig.holds(0, 0, 3).await;

        assert!(consumer.stop().await.is_empty(), "no handler saw them");
        let mut dead = rig.broker.dead_letters(Queue::Changes, 10).await.unwrap();
        dead.sort_by(|a, b| a.message_id.cmp(&b.message_id));
        let reasons: Vec<_> = dead.iter().map(|dead| dead.reason.as_str()).collect();
        assert!(
            reasons[0].starts_with("the payload is not a `note`"),
            "{reasons:?}"
        );
        assert_eq!(reasons[1], "unknown kind `letter`, expected `note`");
        assert!(
            reasons[2].starts_with("unknown version 3 of `note`"),
            "{reasons:?}"
        );
        assert!(dead.iter().all(|dead| dead.attempt == 1));
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn looking_at_dead_letters_leaves_them_there(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        bury(rig, 5).await;

        // More often than a broker's default delivery limit would allow.
        for _ in 0..25 {
            let found = rig.broker.dead_letters(Queue::Changes, 3).await.unwrap();
            assert_eq!(found.len(), 3);
        }

        rig.holds(0, 0, 5).await;
        let left = rig.broker.dead_letters(Queue::Changes, 10).await.unwrap();
        let ids: HashSet<_> = left.into_iter().map(|dead| dead.message_id).collect();
        assert_eq!(ids.len(), 5);
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn discarding_removes_every_copy_and_nothing_else(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        bury(rig, 4).await;
        let mut consumer = rig.consume(1, |_, _| {
            Box::pin(async { Err(Failure::dead_letter("again")) })
        });
        rig.publish(&[note("1")]).await;
        consumer.next().await;
        consumer.stop().await;
        rig.holds(0, 0, 5).await;

        let ids = HashSet::from(["1".to_owned(), "3".to_owned(), "never seen".to_owned()]);
        let discarded = rig.broker.discard_dead(Queue::Changes, &ids).await.unwrap();

        assert_eq!(discarded, 3);
        rig.holds(0, 0, 2).await;
        let mut left = rig.broker.dead_letters(Queue::Changes, 10).await.unwrap();
        left.sort_by(|a, b| a.message_id.cmp(&b.message_id));
        let left: Vec<_> = left.iter().map(|dead| dead.message_id.as_str()).collect();
        assert_eq!(left, ["0", "2"]);
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn depth_tells_ready_waiting_and_dead_apart(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let minute = std::time::Duration::from_secs(60);
        let mut consumer = rig.consume(10, move |note, _| {
            Box::pin(async move {
                match note.id.as_str() {
                    "0" => Err(Failure::dead_letter("no")),
                    _ => Err(Failure::park(minute, "later")),
                }
            })
        });
        rig.publish(&notes(3)).await;
        consumer.take(3).await;
        consumer.stop().await;

        rig.publish(&notes(4)).await;

        rig.holds(4, 2, 1).await;
        assert_eq!(rig.broker.backlog(Queue::Changes).await.unwrap(), 4);
    })
    .await;
}
