//! Stopping: softly, and by dying.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use tokio::sync::Semaphore;

use crate::rig::{Backend, Consumer, Rig, ids, notes, with_rig};

/// A consumer whose handlers end when the semaphore lets them.
fn held_consumer(rig: &Rig, prefetch: u16) -> (Consumer, Arc<Semaphore>) {
    let release = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&release);
    let consumer = rig.consume(prefetch, move |_, _| {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            Ok(())
        })
    });
    (consumer, release)
}

#[rstest]
#[tokio::test]
async fn a_soft_stop_finishes_what_is_under_way_and_gives_back_the_rest(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        rig.publish(&notes(10)).await;
        let (mut consumer, release) = held_consumer(rig, 4);
        let begun = consumer.take(4).await;

        consumer.lifecycle.stop();
        release.add_permits(10);
        let after_the_stop = consumer.stop().await;

        assert!(after_the_stop.is_empty(), "nothing new was begun");
        rig.holds(6, 0, 0).await;
        let rest = rig.consume_all(10).take(6).await;
        assert_eq!(ids(&begun).union(&ids(&rest)).count(), 10);
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn a_soft_stop_waits_for_a_retry_to_be_put_off(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        rig.publish(&notes(1)).await;
        let minute = Duration::from_secs(60);
        let mut consumer = rig.consume(1, move |_, _| {
            Box::pin(async move { Err(ie_broker::Failure::park(minute, "later")) })
        });
        consumer.next().await;

        consumer.stop().await;

        rig.holds(0, 1, 0).await;
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn what_a_dead_consumer_had_under_way_comes_back_as_redelivered(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        rig.publish(&notes(3)).await;
        let (mut dying, _held) = held_consumer(rig, 3);
        dying.take(3).await;

        dying.lifecycle.abort();
        dying.lifecycle.drain(Duration::ZERO).await;
        let seen = rig.consume_all(3).take(3).await;

        assert_eq!(ids(&seen).len(), 3);
        assert!(
            seen.iter().all(|seen| seen.delivery.redelivered),
            "{seen:?}"
        );
        assert!(
            seen.iter().all(|seen| seen.delivery.attempt == 1),
            "{seen:?}"
        );
    })
    .await;
}
