//! The memory of a dispatcher with a million notifications in its queue, against one with none.

use std::time::{Duration, Instant};

use ie_model::Queue;

use crate::options::Sizes;
use crate::queued::Bodies;
use crate::report::{Figure, Goal};
use crate::running::PATIENCE;
use crate::scene::Scene;
use crate::yardsticks::Measured;
use ie_tests::memory::Watch;

const CALLBACKS: usize = 64;

/// How long an idle dispatcher is left alone before it is looked at.
const REST: Duration = Duration::from_secs(5);

pub(crate) async fn measure(sizes: Sizes) -> Measured {
    let scene = Scene::start(CALLBACKS, Duration::ZERO).await?;
    let empty = scene.queues().await?;
    let idle = {
        let dispatcher = scene
            .stage
            .program("ie-dispatcher", &empty.prefix, &[])
            .await?;
        tokio::time::sleep(REST).await;
        dispatcher.memory()?
    };

    let mut storing = scene.storing(Bodies::Small).await?;
    let full = scene.queues().await?;
    let filling = Instant::now();
    storing.queue(&full.broker, sizes.million as usize).await?;
    let filled = filling.elapsed();
    let queued = full.broker.depth(Queue::Changes).await?.ready;
    scene.callbacks.clear();
    let dispatcher = scene
        .stage
        .program("ie-dispatcher", &full.prefix, &[])
        .await?;
    let watch = Watch::start(dispatcher.id());
    scene.callbacks.wait_for(1, PATIENCE).await?;
    tokio::time::sleep(2 * sizes.steady).await;
    let (peak, delivered) = (watch.peak(), scene.callbacks.count());
    drop((watch, dispatcher));
    scene.stop().await?;
    let figure = Figure::new(
        "dispatcher_memory_with_a_full_queue",
        peak / idle,
        Goal::AtMost(2.0),
        "ratio",
    )
    .part("peak_mib", peak)
    .part("idle_mib", idle)
    .part("queued", queued)
    .part("delivered_meanwhile", delivered)
    .part("seconds_to_queue", filled.as_secs_f64());
    Ok(vec![figure])
}
