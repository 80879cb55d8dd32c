//! What a million contacts cost: memory, and the time of a page.
//!
//! `cargo run --release -p ie-simulator --example measure`
#![expect(clippy::print_stdout, reason = "its purpose is to show figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::TimeDelta;
use ie_platform::http::{self, ClientSettings};
use ie_platform::{Clock as _, SystemClock};
use ie_simulator::{Query, Seed, Settings, Simulator, World};

const CONTACTS: usize = 1_000_000;
const PAGE: usize = 500;
/// So many pages per figure.
const PAGES: usize = 50;
const MEMORY_GOAL: u64 = 2 << 30;
const PAGE_GOAL: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::empty().without_limits();
    let simulator = Simulator::start(settings, Arc::new(SystemClock)).await?;
    let start = Instant::now();
    simulator.control().seed(&Seed::of("Contacts", CONTACTS))?;
    println!("seeding {CONTACTS} contacts: {:?}", start.elapsed());

    let mut slowest = Duration::ZERO;
    simulator
        .control()
        .with_world(|world, _| in_process(world, &mut slowest))?;
    for (what, plain) in [("over HTTP, plain", true), ("over HTTP, gzip", false)] {
        slowest = slowest.max(over_http(&simulator, what, plain).await?);
    }

    let memory = memory()?;
    println!("resident memory: {} MiB", memory >> 20);
    ensure!(memory < MEMORY_GOAL, "more than {} MiB", MEMORY_GOAL >> 20);
    ensure!(
        slowest < PAGE_GOAL,
        "a page took {slowest:?}, more than {PAGE_GOAL:?}"
    );
    simulator.stop().await;
    Ok(())
}

/// Searches in the middle of everything and of a window, rendered, without HTTP.
fn in_process(world: &mut World, slowest: &mut Duration) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let windows = [
        ("a list", None),
        ("a search of a day", Some(1)),
        ("a search of a month", Some(30)),
        ("a search of a year", Some(365)),
    ];
    for (what, days) in windows {
        let mut times = Vec::new();
        let mut bytes = 0;
        for page in 0..PAGES {
            let query = Query {
                updated_after: days.map(|days| now - TimeDelta::days(days)),
                skip: page * PAGE,
                top: Some(PAGE),
                ..Query::default()
            };
            let start = Instant::now();
            bytes += world
                .search(None, "Contacts", &query, now)?
                .to_json(false)
                .len();
            times.push(start.elapsed());
        }
        *slowest = (*slowest).max(report(what, times));
        println!("    {} KiB per page", bytes / PAGES / 1024);
    }
    Ok(())
}

async fn over_http(simulator: &Simulator, what: &str, plain: bool) -> anyhow::Result<Duration> {
    let client = http::client(&ClientSettings::default())?;
    let mut times = Vec::new();
    for page in 0..PAGES {
        let skip = CONTACTS / PAGES * page;
        let url = format!("{}/Contacts?top={PAGE}&skip={skip}", simulator.base_url());
        let mut request = client.get(url).basic_auth("demo-key", Some(""));
        if plain {
            request = request.header("accept-encoding", "identity");
        }
        let start = Instant::now();
        let response = http::send(request, &client, "measure").await?;
        let body = response.bytes().await?;
        times.push(start.elapsed());
        ensure!(body.len() > PAGE * 100, "a page of {} bytes", body.len());
    }
    Ok(report(what, times))
}

/// Shows the median and the slowest. The median counts: others use this machine too.
fn report(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}, page of {PAGE}: median {median:.2?}, slowest {slowest:.2?}");
    median
}

/// The resident memory of this process, in bytes.
fn memory() -> anyhow::Result<u64> {
    let status =
        std::fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .context("no VmRSS")?;
    Ok(kib.parse::<u64>()? << 10)
}
