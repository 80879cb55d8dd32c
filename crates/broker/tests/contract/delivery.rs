//! Publishing and handing out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ie_broker::Outgoing;
use rstest::rstest;
use tokio::sync::Semaphore;

use crate::rig::{Backend, eventually, ids, note, notes, with_rig};

#[rstest]
#[tokio::test]
async fn what_is_published_arrives_once(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let mut consumer = rig.consume_all(10);

        rig.publish(&[note("a")]).await;
        let seen = consumer.next().await;

        assert_eq!(seen.id, "a");
        assert_eq!(seen.delivery.message_id, "a");
        assert_eq!(
            (seen.delivery.attempt, seen.delivery.redelivered),
            (1, false)
        );
        assert!(seen.delivery.published_at.is_some());
        assert!(consumer.stop().await.is_empty(), "it came once");
        rig.holds(0, 0, 0).await;
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn a_batch_is_confirmed_message_by_message_and_arrives_whole(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        // More than may be without a confirmation at once.
        let batch = notes(2500);
        let outgoing: Vec<_> = batch.iter().map(Outgoing::new).collect();

        let outcomes = rig.broker.publish(&outgoing).await.unwrap();
        let mut consumer = rig.consume_all(200);
        let seen = consumer.take(batch.len()).await;

        assert_eq!(outcomes.len(), batch.len());
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(ids(&seen).len(), batch.len());
        assert!(consumer.stop().await.is_empty(), "each came once");
        rig.holds(0, 0, 0).await;
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn messages_arrive_in_the_order_in_which_they_were_published(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let batch = notes(50);

        rig.publish(&batch).await;
        let seen = rig.consume_all(1).take(50).await;

        let order: Vec<_> = seen.into_iter().map(|seen| note(seen.id)).collect();
        assert_eq!(order, batch);
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn an_empty_batch_has_no_outcomes(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let outcomes = rig.broker.publish::<crate::rig::Note>(&[]).await.unwrap();

        assert!(outcomes.is_empty());
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn a_republished_message_counts_as_redelivered(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let message = note("again");

        let outgoing = Outgoing {
            republished: true,
            attempt: 4,
            ..Outgoing::new(&message)
        };
        rig.broker.publish_one(outgoing).await.unwrap();
        let seen = rig.consume_all(1).next().await;

        assert_eq!(
            (seen.delivery.attempt, seen.delivery.redelivered),
            (4, true)
        );
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn no_more_handlers_run_than_the_prefetch_allows(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let release = Arc::new(Semaphore::new(0));
        let shared = (
            Arc::clone(&running),
            Arc::clone(&most),
            Arc::clone(&release),
        );
        rig.publish(&notes(20)).await;

        let mut consumer = rig.consume(3, move |_, _| {
            let (running, most, release) = shared.clone();
            Box::pin(async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                release.acquire().await.unwrap().forget();
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        });
        eventually(
            "three run",
            async || running.load(Ordering::SeqCst),
            |n| *n == 3,
        )
        .await;
        rig.holds(17, 0, 0).await;
        release.add_permits(20);
        consumer.take(20).await;
        consumer.stop().await;

        assert_eq!(most.load(Ordering::SeqCst), 3);
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn two_consumers_share_the_messages(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let (mut one, mut two) = (rig.consume_all(1), rig.consume_all(1));

        rig.publish(&notes(200)).await;
        let (first, second) = (one.next().await, two.next().await);
        rig.holds(0, 0, 0).await;

        let mut all = vec![first, second];
        all.extend(one.stop().await);
        all.extend(two.stop().await);
        assert_eq!((all.len(), ids(&all).len()), (200, 200));
    })
    .await;
}
