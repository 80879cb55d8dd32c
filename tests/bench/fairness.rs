//! How late one tenant's single notifications arrive while another tenant's backlog stands in the same queue.

use std::time::{Duration, Instant};

use anyhow::ensure;
use ie_model::Queue;
use tokio::time::sleep;

use crate::options::Sizes;
use crate::queued::{Bodies, Storing, publish};
use crate::report::{Figure, Goal};
use crate::running::PATIENCE;
use crate::scene::Scene;
use crate::tally::{median, percentile};
use crate::yardsticks::Measured;

/// Between two single notifications.
const PAUSE: Duration = Duration::from_millis(100);

/// Not counted: the dispatcher starts, connections are made and caches filled.
const WARM_UP: usize = 10;

/// The part of "a million" that one tenant has waiting.
const BACKLOG_SHARE: u32 = 10;

/// What arrives later than that counts as that late.
const LAST_ORDERS: Duration = Duration::from_secs(5);

pub(crate) async fn measure(sizes: Sizes) -> Measured {
    let scene = Scene::start(2, Duration::ZERO).await?;
    let dead = scene.instance(&scene.callbacks.never()).await?;
    let (busy, other) = (scene.instances[0], scene.instances[1]);
    let mut figures = Vec::new();
    for (name, tenant) in [
        ("single_beside_a_backlog", busy),
        ("single_beside_a_dead_backlog", dead),
    ] {
        figures.push(beside(&scene, (name, tenant), other, sizes).await?);
    }
    scene.stop().await?;
    Ok(figures)
}

async fn beside(
    scene: &Scene,
    (name, tenant): (&str, i64),
    other: i64,
    sizes: Sizes,
) -> anyhow::Result<Figure> {
    let queues = scene.queues().await?;
    let backlog = (sizes.million / BACKLOG_SHARE) as usize;
    let mut flood = Storing::new(&scene.stage, &[tenant], Bodies::Small).await?;
    flood.queue(&queues.broker, backlog).await?;
    let mut single = Storing::new(&scene.stage, &[other], Bodies::Small).await?;
    let count = (sizes.steady.as_millis() / PAUSE.as_millis()) as usize;
    let singles = single.store(WARM_UP + count).await?;
    single.mark(&singles).await?;
    scene.callbacks.clear();
    let dispatcher = scene
        .stage
        .program("ie-dispatcher", &queues.prefix, &[])
        .await?;
    let mut sent = Vec::with_capacity(singles.len());
    for notification in singles {
        sent.push((notification.id.get(), Instant::now()));
        publish(&queues.broker, &[notification]).await?;
        sleep(PAUSE).await;
    }
    let left = queues.broker.depth(Queue::Changes).await?;
    scene.callbacks.wait_for(sent.len(), PATIENCE).await?;
    sleep(LAST_ORDERS).await;
    drop(dispatcher);

    let arrivals = scene.callbacks.arrivals();
    let latency = |(id, at): &(i64, Instant)| {
        let arrival = arrivals.iter().find(|arrival| arrival.id == *id);
        arrival
            .map_or(LAST_ORDERS, |arrival| arrival.at - *at)
            .as_secs_f64()
    };
    let latencies: Vec<f64> = sent[WARM_UP..].iter().map(latency).collect();
    ensure!(!latencies.is_empty(), "nothing was counted");
    let worst = latencies.iter().copied().fold(0.0, f64::max);
    Ok(Figure::new(name, worst, Goal::AtMost(1.0), "s")
        .part("median_s", median(&latencies))
        .part("p99_s", percentile(&latencies, 0.99))
        .part("singles", latencies.len())
        .part("backlog", backlog)
        .part("backlog_left", left.ready + left.waiting))
}
