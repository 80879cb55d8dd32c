//! Failures that come back.

use std::time::Duration;

use ie_broker::Failure;
use ie_model::Queue;
use rstest::rstest;

use crate::rig::{Backend, note, with_rig};

const DELAYS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(300)];

#[rstest]
#[tokio::test]
async fn retries_follow_the_schedule_and_then_end_in_a_dead_letter(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let mut consumer = rig.consume(1, |_, _| {
            Box::pin(async { Err(Failure::retry("callback is down")) })
        });

        rig.publish(&[note("a")]).await;
        let seen = consumer.take(3).await;
        rig.holds(0, 0, 1).await;

        let attempts: Vec<_> = seen.iter().map(|seen| seen.delivery.attempt).collect();
        assert_eq!(attempts, [1, 2, 3]);
        assert!(
            seen.iter().all(|seen| !seen.delivery.redelivered),
            "{seen:?}"
        );
        assert!(seen[1].at - seen[0].at >= DELAYS[0], "{seen:?}");
        assert!(seen[2].at - seen[1].at >= DELAYS[1], "{seen:?}");
        assert_eq!(seen[2].delivery.published_at, seen[0].delivery.published_at);
        let dead = rig.broker.dead_letters(Queue::Changes, 10).await.unwrap();
        assert_eq!(dead[0].reason, "gave up after attempt 3: callback is down");
        assert_eq!(dead[0].attempt, 3);
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn a_shorter_delay_does_not_wait_for_a_longer_one(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let mut consumer = rig.consume(1, |note, delivery| {
            let delay = Duration::from_millis(if note.id == "slow" { 300 } else { 50 });
            Box::pin(async move {
                match delivery.attempt {
                    1 => Err(Failure::retry_after(delay, "not yet")),
                    _ => Ok(()),
                }
            })
        });

        rig.publish(&[note("slow"), note("fast")]).await;
        let seen = consumer.take(4).await;

        let order: Vec<_> = seen.iter().map(|seen| seen.id.as_str()).collect();
        assert_eq!(order, ["slow", "fast", "fast", "slow"]);
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn a_panic_in_a_handler_is_a_retry(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let mut consumer = rig.consume(1, |_, delivery| {
            Box::pin(async move {
                assert!(delivery.attempt > 1, "the first attempt panics");
                Ok(())
            })
        });

        rig.publish(&[note("a")]).await;
        let seen = consumer.take(2).await;

        assert_eq!(seen[1].delivery.attempt, 2);
        assert!(consumer.stop().await.is_empty());
        rig.holds(0, 0, 0).await;
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn retry_after_waits_as_long_as_it_says_and_counts_as_an_attempt(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let delay = Duration::from_millis(200);
        let mut consumer = rig.consume(1, move |_, delivery| {
            Box::pin(async move {
                match delivery.attempt {
                    1 => Err(Failure::retry_after(delay, "too many requests")),
                    _ => Ok(()),
                }
            })
        });

        rig.publish(&[note("a")]).await;
        let seen = consumer.take(2).await;

        assert_eq!(seen[1].delivery.attempt, 2);
        assert!(seen[1].at - seen[0].at >= delay, "{seen:?}");
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn parking_does_not_raise_the_attempt(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        // More often than there are retries.
        let mut consumer = rig.consume(1, |_, _| {
            Box::pin(async { Err(Failure::park(Duration::from_millis(20), "breaker is open")) })
        });

        rig.publish(&[note("a")]).await;
        let seen = consumer.take(5).await;

        let attempts: Vec<_> = seen.iter().map(|seen| seen.delivery.attempt).collect();
        assert_eq!(attempts, [1, 1, 1, 1, 1]);
    })
    .await;
}
