//! A queue's shards: who sends much does not delay who sends little, and the number of partitions may change.

use std::sync::Arc;
use std::time::Duration;

use ie_broker::{Broker, Config, Failure};
use ie_model::Queue;
use rstest::rstest;
use tokio::sync::Semaphore;

use crate::rig::{Backend, Note, Rig, config, context, ids, note_of, with_config};

fn flood(count: usize) -> Vec<Note> {
    (0..count).map(|id| note_of(1, id)).collect()
}

#[rstest]
#[tokio::test]
async fn one_instances_backlog_that_stands_still_does_not_hold_up_another(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    let config = Config {
        bulk_after: 20,
        ..config(backend)
    };
    with_config(config, async |rig| {
        // Given a backlog of which all that is beyond the instance's share takes for ever,
        let gate = Arc::new(Semaphore::new(0));
        let closed = Arc::clone(&gate);
        rig.publish(&flood(500)).await;
        let mut consumer = rig.consume(2, move |note: Note, _| {
            let gate = Arc::clone(&closed);
            let stands = note.instance == 1 && note.id.parse::<usize>().unwrap() >= 20;
            Box::pin(async move {
                if stands {
                    drop(gate.acquire().await.unwrap());
                }
                Ok(())
            })
        });

        // When another instance sends one,
        rig.publish(&[note_of(2, "other")]).await;

        // Then it is handled: before it came the share of the first, and what of the rest is with handlers.
        let mut before = 0;
        while consumer.next().await.id != "other" {
            before += 1;
        }
        assert!(before <= 22, "{before} came before");
        gate.add_permits(500);
        consumer.take(500 - before).await;
        consumer.stop().await;
        rig.holds(0, 0, 0).await;
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn what_waits_goes_back_to_the_shard_that_it_came_from(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    let config = Config {
        bulk_after: 1,
        partitions: 2,
        ..config(backend)
    };
    with_config(config, async |rig| {
        // Of both instances the first goes directly and the second is bulk.
        let notes =
            [(1, "1"), (1, "1 bulk"), (2, "2"), (2, "2 bulk")].map(|(i, id)| note_of(i, id));
        let mut consumer = rig.consume(5, |_, delivery| {
            Box::pin(async move {
                match delivery.attempt {
                    1 => Err(Failure::retry("down")),
                    _ => Ok(()),
                }
            })
        });

        rig.publish(&notes).await;
        let seen = consumer.take(8).await;

        let second: Vec<_> = seen
            .into_iter()
            .filter(|seen| seen.delivery.attempt == 2)
            .collect();
        assert_eq!(ids(&second).len(), 4);
        consumer.stop().await;
        rig.holds(0, 0, 0).await;
    })
    .await;
}

/// The same queues, after a restart of everything with another number of partitions.
async fn restarted(rig: &Rig, partitions: u16) -> Rig {
    let (config, context) = (
        Config {
            partitions,
            ..rig.config.clone()
        },
        context(),
    );
    Rig {
        broker: Broker::connect(&config, &context).await.unwrap(),
        config,
        context,
    }
}

#[rstest]
#[case::more(1, 3)]
#[case::fewer(3, 1)]
#[tokio::test]
async fn another_number_of_partitions_loses_nothing(#[case] before: u16, #[case] after: u16) {
    let config = Config {
        partitions: before,
        ..config(Backend::RabbitMq)
    };
    with_config(config, async |rig| {
        // Given messages of many instances, of which some wait for their next attempt,
        let first: Vec<_> = (0..9).map(|instance| note_of(instance, instance)).collect();
        let failing = rig.consume(9, |_, _| {
            Box::pin(async { Err(Failure::retry_after(Duration::from_millis(300), "down")) })
        });
        rig.publish(&first).await;
        rig.holds(0, 9, 0).await;
        failing.stop().await;
        let second: Vec<_> = (0..9)
            .map(|instance| note_of(instance, 100 + instance))
            .collect();
        rig.publish(&second).await;

        // When everything is started again with more partitions or fewer,
        let again = restarted(rig, after).await;
        let third: Vec<_> = (0..9)
            .map(|instance| note_of(instance, 200 + instance))
            .collect();
        again.publish(&third).await;
        let mut consumer = again.consume_all(9);

        // Then everything comes, once.
        let seen = consumer.take(27).await;
        assert_eq!(ids(&seen).len(), 27);
        assert!(consumer.stop().await.is_empty(), "each came once");
        again.holds(0, 0, 0).await;
        assert_eq!(again.broker.backlog(Queue::Changes).await.unwrap(), 0);
        again.context.lifecycle.stop();
        again.context.lifecycle.drain(Duration::from_secs(5)).await;
    })
    .await;
}
