//! How late healthy callbacks are told while a tenth of the traffic goes to one that never answers, or to a silent, a
//! slow and a failing one.

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
    let silent = scene.instance(&scene.callbacks.never()).await?;
    let slow = scene.instance(&scene.callbacks.slow()).await?;
    let failing = scene.instance(&scene.callbacks.failing()).await?;
    let dead = Trouble {
        name: "healthy_p99_beside_a_dead_callback",
        bad: vec![silent],
    };
    let mixed = Trouble {
        name: "healthy_p99_beside_a_silent_a_slow_and_a_failing_callback",
        bad: vec![silent, slow, failing],
    };
    let mut calm = Storing::new(&scene.stage, &scene.instances, scene.bodies()?).await?;
    let mut figures = Vec::new();
    for trouble in [dead, mixed] {
        figures.push(compare(&scene, &mut calm, &trouble, sizes).await?);
    }
    scene.stop().await?;
    Ok(figures)
}

/// Callbacks that get a tenth of the traffic.
struct Trouble {
    name: &'static str,
    bad: Vec<i64>,
}

impl Trouble {
    /// The instances in their order: a bad one after nine healthy ones.
    fn instances(&self, healthy: &[i64]) -> Vec<i64> {
        let mut all = Vec::new();
        for bad in &self.bad {
            // Another first instance, since each side stores through the poller of its first.
            all.extend(healthy.iter().rev());
            all.insert(all.len() - HEALTHY / 2, *bad);
            all.push(*bad);
        }
        all
    }
}

async fn compare(
    scene: &Scene,
    calm: &mut Storing,
    trouble: &Trouble,
    sizes: Sizes,
) -> anyhow::Result<Figure> {
    let instances = trouble.instances(&scene.instances);
    let mut troubled = Storing::new(&scene.stage, &instances, scene.bodies()?).await?;
    let mut turns = Turns::default();
    for round in 0..sizes.rounds {
        let (mut with, mut without) = (0.0, 0.0);
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                without = p99(scene, calm, &trouble.bad, sizes.steady).await?;
            } else {
                with = p99(scene, &mut troubled, &trouble.bad, sizes.steady).await?;
            }
        }
        turns.add(with, without);
    }
    let figure = Figure::new(trouble.name, turns.ratio(), Goal::AtMost(1.5), "ratio")
        .part("p99_with_ms", median(&turns.ours))
        .part("p99_without_ms", median(&turns.reference))
        .part("ratios", turns.ratios())
        .part("per_second", PER_SECOND)
        .part("bad_share", 0.1);
    Ok(figure)
}

/// The 99th percentile from publishing to arrival, in milliseconds, of what goes to healthy callbacks.
async fn p99(
    scene: &Scene,
    storing: &mut Storing,
    bad: &[i64],
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
        .filter(|(notification, _)| !bad.contains(&notification.instance.get()));
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
