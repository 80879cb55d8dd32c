//! How late healthy callbacks are told while a tenth of the traffic goes to one that never answers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use ie_model::Notification;
use tokio::time::{MissedTickBehavior, interval};

use crate::options::Sizes;
use crate::queued::{Storing, publish};
use crate::report::{Figure, Goal};
use crate::scene::{Queues, Scene};
use crate::tally::{Turns, median, percentile};
use crate::yardsticks::Measured;

/// Healthy callbacks; every tenth notification of the troubled side goes to the one that never answers.
const HEALTHY: usize = 18;
const PER_SECOND: usize = 200;
const TICK: Duration = Duration::from_millis(5);

/// Not counted: connections are made and caches filled.
const WARM_UP: Duration = Duration::from_secs(4);

/// What arrives later than that counts as that late.
const LAST_ORDERS: Duration = Duration::from_secs(3);

pub(crate) async fn measure(sizes: Sizes) -> Measured {
    let scene = Scene::start(HEALTHY, Duration::ZERO).await?;
    let dead = scene.instance(&scene.callbacks.never()).await?;
    let mut calm = Storing::new(&scene.stage, &scene.instances, scene.bodies()?).await?;
    // Another first instance, since each side stores through the poller of its first.
    let mut mixed: Vec<i64> = scene.instances.iter().copied().rev().collect();
    mixed.insert(9, dead);
    mixed.push(dead);
    let mut troubled = Storing::new(&scene.stage, &mixed, scene.bodies()?).await?;

    let mut turns = Turns::default();
    for round in 0..sizes.rounds {
        let (mut with, mut without) = (0.0, 0.0);
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                without = p99(&scene, &mut calm, dead, sizes.steady).await?;
            } else {
                with = p99(&scene, &mut troubled, dead, sizes.steady).await?;
            }
        }
        turns.add(with, without);
    }
    scene.stop().await?;
    let figure = Figure::new(
        "healthy_p99_beside_a_dead_callback",
        turns.ratio(),
        Goal::AtMost(1.5),
        "ratio",
    )
    .part("p99_with_dead_ms", median(&turns.ours))
    .part("p99_without_ms", median(&turns.reference))
    .part("ratios", turns.ratios())
    .part("per_second", PER_SECOND)
    .part("dead_share", 0.1);
    Ok(vec![figure])
}

/// The 99th percentile from publishing to arrival, in milliseconds, of what goes to healthy callbacks.
async fn p99(
    scene: &Scene,
    storing: &mut Storing,
    dead: i64,
    steady: Duration,
) -> anyhow::Result<f64> {
    let queues = scene.queues().await?;
    let count = PER_SECOND as f64 * (WARM_UP + steady).as_secs_f64();
    let notifications = storing.store(count as usize).await?;
    storing.mark(&notifications).await?;
    scene.callbacks.clear();
    let dispatcher = scene
        .stage
        .program("ie-dispatcher", &queues.prefix, &[])
        .await?;
    let published = send(&queues, &notifications).await?;
    tokio::time::sleep(LAST_ORDERS).await;
    drop(dispatcher);

    let arrived: HashMap<i64, Instant> = scene
        .callbacks
        .arrivals()
        .into_iter()
        .map(|arrival| (arrival.id, arrival.at))
        .collect();
    let counted = &published[(PER_SECOND as f64 * WARM_UP.as_secs_f64()) as usize..];
    let healthy = counted
        .iter()
        .filter(|(notification, _)| notification.instance.get() != dead);
    let latencies: Vec<f64> = healthy
        .map(|(notification, at)| {
            let arrival = arrived.get(&notification.id.get());
            let latency = arrival.map_or(LAST_ORDERS, |arrival| *arrival - *at);
            latency.as_secs_f64() * 1000.0
        })
        .collect();
    ensure!(!latencies.is_empty(), "nothing was counted");
    Ok(percentile(&latencies, 0.99))
}

/// Publishes at a steady rate, however late deliveries are; gives when each was published.
async fn send<'a>(
    queues: &Queues,
    notifications: &'a [Notification],
) -> anyhow::Result<Vec<(&'a Notification, Instant)>> {
    let mut published = Vec::with_capacity(notifications.len());
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let started = Instant::now();
    while published.len() < notifications.len() {
        ticks.tick().await;
        let due = (started.elapsed().as_secs_f64() * PER_SECOND as f64) as usize;
        let due = due.clamp(published.len(), notifications.len());
        let batch = &notifications[published.len()..due];
        let now = Instant::now();
        publish(&queues.broker, batch).await?;
        published.extend(batch.iter().map(|notification| (notification, now)));
    }
    Ok(published)
}
