//! What four dispatchers deliver against one, with callbacks that take 50 ms.
//!
//! The question is whether dispatchers get into each other's way. So each is given few deliveries at once: what limits
//! one of them is then the callbacks' time and never the processors of the machine, which all of them share.

use std::time::Duration;

use crate::options::Sizes;
use crate::queued::{Bodies, Storing};
use crate::report::{Figure, Goal};
use crate::running::{PATIENCE, Running};
use crate::scene::Scene;
use crate::tally::{Turns, median};
use crate::yardsticks::Measured;

const CALLBACKS: usize = 64;
const ANSWER: Duration = Duration::from_millis(50);

/// Deliveries under way in one dispatcher: 160 per second at the most.
const PREFETCH: u32 = 8;

/// Before the steady state.
const WARM_UP: Duration = Duration::from_secs(2);

const MANY: usize = 4;

pub(crate) async fn measure(sizes: Sizes) -> Measured {
    let scene = Scene::start(CALLBACKS, ANSWER).await?;
    let mut storing = scene.storing(Bodies::Small).await?;
    let mut turns = Turns::default();
    for round in 0..sizes.rounds.min(3) {
        let (mut one, mut many) = (0.0, 0.0);
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                one = dispatchers(&scene, &mut storing, 1, sizes.steady).await?;
            } else {
                many = dispatchers(&scene, &mut storing, MANY, sizes.steady).await?;
            }
        }
        turns.add(many, one);
    }
    scene.stop().await?;
    let figure = Figure::new(
        "four_dispatchers_against_one",
        turns.ratio(),
        Goal::AtLeast(3.5),
        "ratio",
    )
    .part("four_per_second", median(&turns.ours))
    .part("one_per_second", median(&turns.reference))
    .part("ratios", turns.ratios())
    .part("prefetch", PREFETCH)
    .part("callback_ms", ANSWER.as_millis() as u64)
    .part("callbacks", CALLBACKS);
    Ok(vec![figure])
}

/// Deliveries per second of so many dispatchers while the queue is never empty.
async fn dispatchers(
    scene: &Scene,
    storing: &mut Storing,
    count: usize,
    steady: Duration,
) -> anyhow::Result<f64> {
    let queues = scene.queues().await?;
    let most_per_second = f64::from(PREFETCH) / ANSWER.as_secs_f64() * count as f64;
    let enough = most_per_second * (steady + 3 * WARM_UP).as_secs_f64();
    storing.queue(&queues.broker, enough as usize).await?;
    scene.callbacks.clear();
    let prefetch = PREFETCH.to_string();
    let environment = scene
        .stage
        .environment(&queues.prefix, &[("DISPATCHER__PREFETCH", &prefetch)]);
    let running = (0..count).map(|_| Running::begin("ie-dispatcher", environment.clone()));
    let running = running.collect::<anyhow::Result<Vec<_>>>()?;
    scene.callbacks.wait_for(1, PATIENCE).await?;
    tokio::time::sleep(WARM_UP).await;
    let (before, started) = (scene.callbacks.count(), std::time::Instant::now());
    tokio::time::sleep(steady).await;
    let delivered = scene.callbacks.count() - before;
    let took = started.elapsed();
    drop(running);
    Ok(delivered as f64 / took.as_secs_f64())
}
