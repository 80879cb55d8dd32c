//! The memory of a fetcher while it walks through a million changed records and publishes what it finds.

use std::time::Duration;

use anyhow::ensure;
use ie_simulator::Query;
use serde_json::Value;

use crate::options::Sizes;
use crate::records::{NO_BUDGET, Reading, TICK};
use crate::report::{Figure, Goal};
use crate::stage::{Stage, Watching, create_instance, pollers, prefix};
use crate::world::World;
use crate::yardsticks::Measured;
use ie_tests::memory::{Watch, resident};

/// How long the idle process is left alone before it is looked at.
const REST: Duration = Duration::from_secs(5);

/// A million records at a thousand per second.
const LIMIT: Duration = Duration::from_secs(1_200);

const PAGE: usize = 500;
const MIB: f64 = 1_048_576.0;

/// Pages above idle that a walk may use.
const PAGES: f64 = 3.0;

/// What one page of records costs.
struct Page {
    text_mib: f64,
    parsed_mib: f64,
}

pub(crate) async fn measure(sizes: Sizes) -> Measured {
    let stage = Stage::start().await?;
    let mut world = World::start(stage.context.clock.clone(), &[("Contacts", PAGE)]).await?;
    let page = page(&world)?;
    let prefix = prefix();
    let _scheduler = stage.program("ie-scheduler", &prefix, &[TICK]).await?;
    let fetcher = stage.program("ie-fetcher", &prefix, &[NO_BUDGET]).await?;
    let watching = Watching {
        insightly: &world.url(),
        callback: "http://127.0.0.1:9/callback",
        resources: &["contacts"],
    };
    let instance = create_instance(&stage.client, watching).await?;
    tokio::time::sleep(REST).await;
    let idle = fetcher.memory()?;

    let records = sizes.million as usize;
    let from = world.next_window(&[("Contacts", records)])?;
    let watch = Watch::start(fetcher.id());
    let reading = Reading {
        client: &stage.client,
        instance,
        control: world.control(),
    };
    let early = async {
        let tenth = (records / PAGE / 10) as u64;
        while world.control().statistics().count("/Search 200") < tenth {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        watch.peak()
    };
    let (took, early) = tokio::join!(reading.read(from, LIMIT), early);
    let took = took?;
    let peak = watch.peak();
    let failures = &pollers(&stage.client, instance).await?[0]["failures"];
    ensure!(
        *failures == Value::Null || *failures == 0,
        "the walk did not go through at once: {failures}"
    );
    drop((watch, fetcher));
    stage.stop().await?;
    world.stop().await;
    let figure = Figure::new(
        "memory_above_idle_of_a_walk",
        peak - idle,
        Goal::AtMost((PAGES * (page.text_mib + page.parsed_mib)).round()),
        "MiB",
    )
    .part("idle_mib", idle)
    .part("peak_mib", peak)
    .part("peak_in_the_first_tenth_mib", early)
    .part("page_text_mib", page.text_mib)
    .part("page_parsed_mib", page.parsed_mib)
    .part("records", records)
    .part("seconds", took.as_secs_f64());
    Ok(vec![figure])
}

/// Weighs a page: its text, and what it grows to when it is parsed.
fn page(world: &World) -> anyhow::Result<Page> {
    const COPIES: usize = 40;
    let query = Query {
        top: Some(PAGE),
        ..Query::default()
    };
    let control = world.control();
    let text = control.with_world(|world, now| world.search(None, "Contacts", &query, now))?;
    let text = text.to_json(false);
    let own = std::process::id();
    let before = resident(own)?;
    let parsed = (0..COPIES).map(|_| serde_json::from_slice::<Vec<Value>>(&text));
    let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
    let grown = (resident(own)? - before) / parsed.len() as f64;
    Ok(Page {
        text_mib: text.len() as f64 / MIB,
        parsed_mib: grown,
    })
}
