//! Requests to Insightly for a poll of a resource in which nothing has changed.

use std::sync::Arc;

use anyhow::ensure;
use ie_platform::{Lifecycle, SystemClock};
use ie_tests::eventually::eventually;

use crate::callbacks::Callbacks;
use crate::embedded::Embedded;
use crate::options::Sizes;
use crate::records::RESOURCES;
use crate::report::{Figure, Goal};
use crate::running::PATIENCE;
use crate::stage::{Watching, create_instance, poll_now};
use crate::world::World;
use crate::yardsticks::Measured;

pub(crate) async fn measure(sizes: Sizes) -> Measured {
    let lifecycle = Lifecycle::new();
    let callbacks = Callbacks::start(&lifecycle, 1, std::time::Duration::ZERO).await?;
    let records = RESOURCES.map(|(_, object)| (object, 2_000));
    let world = World::start(Arc::new(SystemClock), &records).await?;
    let more = [
        ("SCHEDULER__TICK", "50ms"),
        ("FETCHER__REQUESTS_PER_SECOND", "1000"),
    ];
    let embedded = Embedded::start(&more).await?;
    let watching = Watching {
        insightly: &world.url(),
        callback: &callbacks.urls()[0],
        resources: &RESOURCES.map(|(resource, _)| resource),
    };
    let instance = create_instance(&embedded.client, watching).await?;
    let at_once = RESOURCES.len() as f64;
    // The first polls follow the creation by themselves.
    let before = polled(&embedded, at_once).await?;
    world.control().reset_statistics();

    let mut polls = before;
    while polls - before < sizes.idle_polls as f64 {
        poll_now(&embedded.client, instance).await?;
        polls = polled(&embedded, polls + at_once).await?;
    }
    let requests = world.control().statistics().total();
    let failed = embedded
        .running
        .counter("ie_polls_total", "\"failed\"")
        .await?;
    ensure!(failed == 0.0, "{failed} polls failed");
    let arrived = callbacks.count();
    ensure!(arrived == 0, "{arrived} notifications of nothing");
    lifecycle.stop();
    world.stop().await;
    let polls = polls - before;
    let figure = Figure::new(
        "requests_per_idle_poll",
        requests as f64 / polls,
        Goal::Exactly(1.0),
        "requests",
    )
    .part("requests", requests)
    .part("polls", polls)
    .part("resources", RESOURCES.len());
    Ok(vec![figure])
}

/// Waits until so many polls have ended; gives how many have.
async fn polled(embedded: &Embedded, count: f64) -> anyhow::Result<f64> {
    let what = format!("{count} polls");
    eventually(&what, PATIENCE, async || {
        let polls = embedded.running.counter("ie_polls_total", "\"ok\"").await?;
        Ok((polls >= count).then_some(polls))
    })
    .await
}
