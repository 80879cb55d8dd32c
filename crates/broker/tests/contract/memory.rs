//! What only the in-process queue promises: a bound, and time that can be paused.

use std::sync::Arc;
use std::time::Duration;

use ie_broker::{Broker, Config, Error, Failure, Outgoing};
use ie_platform::SystemClock;

use crate::rig::{Backend, Rig, config, context, note, notes};

fn rig(config: Config) -> Rig {
    let broker = Broker::memory(&config, Arc::new(SystemClock));
    Rig {
        broker,
        config,
        context: context(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_default_schedule_is_kept_to_the_millisecond() {
    let rig = rig(Config {
        jitter: 0.0,
        ..Config::default()
    });
    let mut consumer = rig.consume(1, |_, _| Box::pin(async { Err(Failure::retry("down")) }));

    rig.publish(&[note("a")]).await;
    let days = Duration::from_secs(7 * 24 * 3600);
    let mut seen = Vec::new();
    for _ in 0..10 {
        seen.push(consumer.next_within(days).await);
    }

    let pauses: Vec<_> = seen
        .windows(2)
        .map(|pair| (pair[1].at - pair[0].at).as_secs())
        .collect();
    let schedule: Vec<_> = rig.config.retry.iter().map(Duration::as_secs).collect();
    assert_eq!(pauses, schedule);
    consumer.stop().await;
    assert_eq!(rig.depth().await.dead, 1);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_waits_for_room_and_is_refused_when_there_is_none_for_long() {
    let rig = rig(Config {
        memory_bytes: 1,
        publish_timeout: Duration::from_secs(10),
        ..config(Backend::Memory)
    });
    let batch = notes(3);
    let outgoing: Vec<_> = batch.iter().map(Outgoing::new).collect();
    let start = tokio::time::Instant::now();

    let refused = rig.broker.publish(&outgoing).await.unwrap();
    let waited = start.elapsed();
    let mut consumer = rig.consume_all(1);
    let publish = rig.broker.publish(&outgoing[1..]);
    let (taken, outcomes) = tokio::join!(consumer.take(3), publish);

    assert!(
        refused[0].is_ok(),
        "one gets into an empty queue whatever its size"
    );
    assert!(matches!(
        refused[1..],
        [Err(Error::Full { .. }), Err(Error::Full { .. })]
    ));
    assert_eq!(
        waited,
        Duration::from_secs(10),
        "all of a batch wait together"
    );
    assert!(outcomes.unwrap().iter().all(Result::is_ok));
    assert_eq!(taken.len(), 3);
}

#[tokio::test]
async fn a_full_queue_refuses_and_takes_again_once_there_is_room() {
    let rig = rig(Config {
        memory_capacity: 2,
        ..config(Backend::Memory)
    });
    let batch = notes(3);
    let outgoing: Vec<_> = batch.iter().map(Outgoing::new).collect();

    let outcomes = rig.broker.publish(&outgoing).await.unwrap();
    rig.consume_all(1).take(2).await;
    rig.holds(0, 0, 0).await;
    let afterwards = rig.broker.publish_one(Outgoing::new(&batch[2])).await;

    assert!(outcomes[0].is_ok() && outcomes[1].is_ok());
    assert!(
        matches!(outcomes[2], Err(Error::Full { capacity: 2, .. })),
        "{outcomes:?}"
    );
    assert!(afterwards.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_waits_and_what_is_handled_counts_against_the_bound() {
    let rig = rig(Config {
        memory_capacity: 1,
        ..config(Backend::Memory)
    });
    let hour = Duration::from_secs(3600);
    let mut consumer = rig.consume(1, move |_, _| {
        Box::pin(async move { Err(Failure::park(hour, "later")) })
    });

    rig.publish(&[note("a")]).await;
    consumer.next().await;
    let refused = rig.broker.publish_one(Outgoing::new(&note("b"))).await;

    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
}

#[tokio::test]
async fn the_dead_letters_are_bounded_and_the_oldest_makes_room() {
    let rig = rig(Config {
        memory_capacity: 2,
        ..config(Backend::Memory)
    });
    let mut consumer = rig.consume(1, |_, _| {
        Box::pin(async { Err(Failure::dead_letter("no")) })
    });

    for message in notes(3) {
        rig.publish(&[message]).await;
        consumer.next().await;
    }
    consumer.stop().await;

    let dead = rig
        .broker
        .dead_letters(ie_model::Queue::Changes, 10)
        .await
        .unwrap();
    let left: Vec<_> = dead.iter().map(|dead| dead.message_id.as_str()).collect();
    assert_eq!(left, ["1", "2"]);
}
