//! Records per second read, normalized, stored and published, against a bare client that reads the same pages.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use ie_platform::SystemClock;
use ie_simulator::Control;
use ie_tests::client::Client;
use ie_tests::eventually::eventually;
use reqwest::Request;
use tokio::time::sleep;

use crate::bare;
use crate::cpu;
use crate::embedded::Embedded;
use crate::options::Sizes;
use crate::report::{Figure, Goal};
use crate::running::PATIENCE;
use crate::stage::{Stage, Watching, create_instance, poll_now, pollers, prefix};
use crate::tally::{Turns, median};
use crate::world::World;
use crate::yardsticks::Measured;

/// The hub's names and Insightly's: four lists that are read at once.
pub(crate) const RESOURCES: [(&str, &str); 4] = [
    ("contacts", "Contacts"),
    ("accounts", "Organisations"),
    ("leads", "Leads"),
    ("opportunities", "Opportunities"),
];

const PAGE: usize = 500;

/// Faster than anybody reads here, so that the account's budget does not decide.
pub(crate) const NO_BUDGET: (&str, &str) = ("FETCHER__REQUESTS_PER_SECOND", "1000");
pub(crate) const TICK: (&str, &str) = ("SCHEDULER__TICK", "100ms");

/// How long polls that nobody waits for are given to end.
const REST: Duration = Duration::from_secs(1);

/// An instance whose records are read.
pub(crate) struct Reading<'a> {
    pub(crate) client: &'a Client,
    pub(crate) instance: i64,
    pub(crate) control: Control,
}

impl Reading<'_> {
    /// Polls, and waits until every poller has read up to a later time than this; gives how long that took from the
    /// first request on.
    pub(crate) async fn read(
        &self,
        until: DateTime<Utc>,
        limit: Duration,
    ) -> anyhow::Result<Duration> {
        self.control.reset_statistics();
        poll_now(self.client, self.instance).await?;
        eventually("the first request", PATIENCE, async || {
            Ok((self.control.statistics().total() > 0).then_some(()))
        })
        .await?;
        let started = Instant::now();
        while !self.is_read(until).await? {
            anyhow::ensure!(started.elapsed() < limit, "the walk is not at its end");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(started.elapsed())
    }

    async fn is_read(&self, until: DateTime<Utc>) -> anyhow::Result<bool> {
        for poller in pollers(self.client, self.instance).await? {
            let cursor = poller["cursor"].as_str().context("no cursor")?;
            if cursor.parse::<DateTime<Utc>>()? <= until {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// With RabbitMQ and PostgreSQL; nothing is delivered, so that nothing but reading is measured.
pub(crate) async fn distributed(sizes: Sizes) -> Measured {
    let stage = Stage::start().await?;
    let world = World::start(stage.context.clock.clone(), &existing()).await?;
    let prefix = prefix();
    let _scheduler = stage.program("ie-scheduler", &prefix, &[TICK]).await?;
    let fetcher = stage.program("ie-fetcher", &prefix, &[NO_BUDGET]).await?;
    let instance = watch(&stage.client, &world, "http://127.0.0.1:9/callback").await?;
    let reading = Reading {
        client: &stage.client,
        instance,
        control: world.control(),
    };
    let (turns, moved) = take_turns(&reading, world, sizes).await?;
    let published = fetcher
        .counter("ie_messages_published_total", "\"changes\"")
        .await?;
    let thousands = (sizes.records * sizes.rounds) as f64 / 1000.0;
    let cpu_seconds = cpu::seconds(fetcher.id())? / thousands;
    drop(fetcher);
    stage.stop().await?;
    let figure = figure("records_against_bare_client", (&turns, moved), sizes)
        .part("notifications_published", published)
        .part("fetcher_cpu_seconds_for_a_thousand", cpu_seconds);
    Ok(vec![figure])
}

/// In one process. Its dispatcher is held by one callback that never answers, so that it takes no part.
pub(crate) async fn embedded(sizes: Sizes) -> Measured {
    let lifecycle = ie_platform::Lifecycle::new();
    let callbacks = crate::callbacks::Callbacks::start(&lifecycle, 1, Duration::ZERO).await?;
    let world = World::start(std::sync::Arc::new(SystemClock), &existing()).await?;
    let everything = [
        NO_BUDGET,
        TICK,
        ("DISPATCHER__PREFETCH", "1"),
        ("DISPATCHER__TIMEOUT", "1h"),
        ("BROKER__MEMORY_CAPACITY", "1000000"),
        ("BROKER__MEMORY_BYTES", "4000000000"),
    ];
    let embedded = Embedded::start(&everything).await?;
    let instance = watch(&embedded.client, &world, &callbacks.never()).await?;
    let reading = Reading {
        client: &embedded.client,
        instance,
        control: world.control(),
    };
    let (turns, moved) = take_turns(&reading, world, sizes).await?;
    let published = embedded
        .running
        .counter("ie_messages_published_total", "\"changes\"")
        .await?;
    lifecycle.stop();
    let figure = figure(
        "records_embedded_against_bare_client",
        (&turns, moved),
        sizes,
    )
    .part("notifications_published", published);
    Ok(vec![figure])
}

fn existing() -> Vec<(&'static str, usize)> {
    RESOURCES.iter().map(|(_, object)| (*object, 100)).collect()
}

async fn watch(client: &Client, world: &World, callback: &str) -> anyhow::Result<i64> {
    let watching = Watching {
        insightly: &world.url(),
        callback,
        resources: &RESOURCES.map(|(resource, _)| resource),
    };
    create_instance(client, watching).await
}

async fn take_turns(
    reading: &Reading<'_>,
    mut world: World,
    sizes: Sizes,
) -> anyhow::Result<(Turns, f64)> {
    let each = sizes.records / RESOURCES.len();
    let new: Vec<_> = RESOURCES
        .iter()
        .map(|(_, object)| (*object, each))
        .collect();
    // An instance is polled when it is created: a poll that is under way would have a start over the first window.
    let from = world.next_window(&RESOURCES.map(|(_, object)| (object, 1)))?;
    reading.read(from, PATIENCE).await?;
    sleep(REST).await;
    let (mut turns, mut moved) = (Turns::default(), 0.0);
    for round in 0..sizes.rounds {
        let from = world.next_window(&new)?;
        let bare_first = round % 2 == 0;
        let mut reference = 0.0;
        if bare_first {
            reference = bare_client(&world, from, each).await?;
        }
        let took = reading.read(from, PATIENCE).await?;
        if !bare_first {
            reference = bare_client(&world, from, each).await?;
        }
        let records = each * RESOURCES.len();
        turns.add(records as f64 / took.as_secs_f64(), reference);
        let bytes = pages(&world, from, each, bare::bytes).await?;
        moved = bytes.per_second / bytes.requests as f64 * records as f64;
    }
    world.stop().await;
    Ok((turns, moved))
}

/// Records per second of a client that reads the same pages and parses them, over as many connections as there are
/// lists.
async fn bare_client(world: &World, from: DateTime<Utc>, each: usize) -> anyhow::Result<f64> {
    let parsed = pages(world, from, each, parse).await?;
    let (records, pages) = (parsed.count as f64, parsed.requests as f64);
    anyhow::ensure!(parsed.count >= each * RESOURCES.len(), "{records} records");
    Ok(parsed.per_second / pages * (each * RESOURCES.len()) as f64)
}

fn parse(body: &[u8]) -> anyhow::Result<usize> {
    let records: Vec<serde_json::Value> = serde_json::from_slice(body)?;
    Ok(records.len())
}

async fn pages(
    world: &World,
    from: DateTime<Utc>,
    each: usize,
    read: bare::Read,
) -> anyhow::Result<bare::Sent> {
    let client = bare::client(RESOURCES.len())?;
    let from = from.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut requests: Vec<Request> = Vec::new();
    // As the fetcher does, a page begins with the last record of the one before.
    for skip in (0..each.saturating_sub(1).max(1)).step_by(PAGE - 1) {
        for (_, object) in RESOURCES {
            let url = format!(
                "{}/{object}/Search?skip={skip}&top={PAGE}&updated_after_utc={from}&count_total=true",
                world.url()
            );
            requests.push(client.get(url).basic_auth("demo-key", Some("")).build()?);
        }
    }
    bare::send_all(&client, requests, RESOURCES.len(), read).await
}

fn figure(name: &str, (turns, moved): (&Turns, f64), sizes: Sizes) -> Figure {
    Figure::new(name, turns.ratio(), Goal::AtLeast(0.5), "ratio")
        .part("records_per_second", median(&turns.ours))
        .part("bare_per_second", median(&turns.reference))
        .part("ratios", turns.ratios())
        .part("bytes_moved_unread_per_second", moved)
        .part("records", sizes.records)
        .part("lists_at_once", RESOURCES.len())
}
