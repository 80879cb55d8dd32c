//! Four fetchers and one account of ten requests per second: nothing is refused, and nothing is left unused.

use anyhow::ensure;
use ie_simulator::Settings;
use ie_tests::eventually::eventually;

use crate::options::Sizes;
use crate::records::RESOURCES;
use crate::report::{Figure, Goal};
use crate::running::{PATIENCE, Running};
use crate::stage::{Stage, Watching, create_instance, poll_now, prefix};
use crate::world::World;
use crate::yardsticks::Measured;

const FETCHERS: usize = 4;
const INSTANCES: usize = 4;

/// Small pages, so that there is more to read than a minute's budget.
const PAGE_SIZE: (&str, &str) = ("FETCHER__PAGE_SIZE", "20");
const RECORDS: usize = 5_000;

pub(crate) async fn measure(sizes: Sizes) -> Measured {
    let stage = Stage::start().await?;
    let existing = RESOURCES.map(|(_, object)| (object, 100));
    let clock = stage.context.clock.clone();
    let mut world = World::start_with(clock, &existing, Settings::empty()).await?;
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        let watching = Watching {
            insightly: &world.url(),
            callback: "http://127.0.0.1:9/callback",
            resources: &RESOURCES.map(|(resource, _)| resource),
        };
        instances.push(create_instance(&stage.client, watching).await?);
    }
    world.next_window(&RESOURCES.map(|(_, object)| (object, RECORDS)))?;
    let prefix = prefix();
    let environment = stage.environment(&prefix, &[PAGE_SIZE]);
    let fetchers = (0..FETCHERS).map(|_| Running::begin("ie-fetcher", environment.clone()));
    let fetchers = fetchers.collect::<anyhow::Result<Vec<_>>>()?;
    let scheduler = stage.program("ie-scheduler", &prefix, &[]).await?;
    for instance in instances {
        poll_now(&stage.client, instance).await?;
    }
    let control = world.control();
    eventually("the first pages", PATIENCE, async || {
        Ok((control.statistics().count("/Search 200") > 20).then_some(()))
    })
    .await?;

    control.reset_statistics();
    let started = std::time::Instant::now();
    tokio::time::sleep(sizes.backlog).await;
    let seen = control.statistics();
    let took = started.elapsed().as_secs_f64();
    drop((fetchers, scheduler));
    world.stop().await;
    stage.stop().await?;
    let (answered, refused) = (seen.count("/Search 200"), seen.count(" 429"));
    ensure!(answered > 0, "nothing was read: {:?}", seen.requests);
    let most = seen.by_account.values().map(|one| one.max_in_one_second);
    let rate = Figure::new(
        "requests_per_second_of_four_fetchers",
        answered as f64 / took,
        Goal::AtLeast(9.5),
        "requests/s",
    )
    .part("most_in_one_second", most.max().unwrap_or_default())
    .part("requests", answered)
    .part("seconds", took)
    .part("fetchers", FETCHERS)
    .part("pollers", INSTANCES * RESOURCES.len());
    let refusals = Figure::new(
        "refused_requests_of_four_fetchers",
        refused as f64,
        Goal::Exactly(0.0),
        "requests",
    )
    .part("seconds", took);
    Ok(vec![rate, refusals])
}
