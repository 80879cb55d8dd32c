//! The all-in-one: how soon it is ready, what it holds when nothing happens, how soon the demonstration shows an event.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use ie_platform::http::{self, ClientSettings};
use ie_tests::process::{free_port, program};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::embedded::{Embedded, folder};
use crate::options::Sizes;
use crate::report::{Figure, Goal};
use crate::running::{PATIENCE, Running, environment, settings};
use crate::tally::median;
use crate::yardsticks::Measured;

/// How long the idle process is left alone before it is looked at.
const REST: Duration = Duration::from_secs(10);

pub(crate) async fn measure(sizes: Sizes) -> Measured {
    let mut ready = Vec::new();
    let mut shown = Vec::new();
    for _ in 0..sizes.rounds {
        ready.push(until_ready().await?);
        shown.push(until_an_event_is_shown().await?);
    }
    let embedded = Embedded::start(&[]).await?;
    sleep(REST).await;
    let idle = embedded.running.memory()?;
    Ok(vec![
        Figure::new("start_to_ready", median(&ready), Goal::AtMost(1.0), "s").part("starts", ready),
        Figure::new("idle_memory", idle, Goal::AtMost(80.0), "MiB")
            .part("after_seconds", REST.as_secs()),
        Figure::new(
            "demo_to_first_event",
            median(&shown),
            Goal::AtMost(10.0),
            "s",
        )
        .part("starts", shown),
    ])
}

/// The first start, with an empty data folder.
async fn until_ready() -> anyhow::Result<f64> {
    let client = http::client(&ClientSettings::default())?;
    let data = tempfile::tempdir()?;
    let mut variables = environment();
    variables.extend(settings(&[("API__ADDRESS", &free_port()?.to_string())]));
    variables.extend(folder(&data));
    let started = Instant::now();
    let running = Running::begin("insightly-events", variables)?;
    let url = running.health("/health/ready");
    loop {
        let answer = client.execute(client.get(&url).build()?).await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(started.elapsed().as_secs_f64());
        }
        ensure!(started.elapsed() < PATIENCE, "it is not ready");
        sleep(Duration::from_millis(2)).await;
    }
}

async fn until_an_event_is_shown() -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut demo = Command::new(program("insightly-events")?)
        .args(["demo", "--events", "1"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let output = demo.stdout.take().context("its output is piped")?;
    let mut lines = BufReader::new(output).lines();
    let line = timeout(PATIENCE, lines.next_line()).await??;
    let took = started.elapsed().as_secs_f64();
    ensure!(line.is_some(), "it ended without an event");
    // It ends by itself, having shown what it was asked for.
    timeout(PATIENCE, demo.wait()).await??;
    Ok(took)
}
