//! The scheduler as a service: its loop, and how it starts.

use std::time::Instant;

use anyhow::Context as _;
use ie_platform::Context;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::clock_step::ClockWatch;
use crate::gauges;
use crate::tick::{Parts, tick};

/// Starts the scheduler's task on the context's lifecycle and returns.
///
/// # Errors
/// The store cannot be read.
pub async fn run(context: Context, parts: Parts) -> anyhow::Result<()> {
    if !parts.broker.is_durable() {
        // The jobs of a former run are gone with its queue, so nobody holds a lease.
        let released = parts
            .store
            .release_leases(context.clock.now())
            .await
            .context("while releasing leases")?;
        if released > 0 {
            info!(
                pollers = released,
                "polls that the last run left unfinished are due now"
            );
        }
    }
    gauges::start(&context, &parts);
    let task = schedule(context.clone(), parts);
    context.lifecycle.spawn("scheduler", task);
    Ok(())
}

async fn schedule(context: Context, parts: Parts) -> anyhow::Result<()> {
    let mut ticks = interval(parts.config.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    let mut watch = ClockWatch::new(context.clock.now(), Instant::now());
    while context
        .lifecycle
        .run_until_stopped(ticks.tick())
        .await
        .is_some()
    {
        make_good(&context, &parts, &mut watch).await;
        match tick(&parts, &context.clock).await {
            Ok(_) if failing => {
                failing = false;
                info!("poll jobs are published again");
            }
            Ok(_) => {}
            // Said once, not each second of an outage.
            Err(error) if !failing => {
                failing = true;
                warn!(
                    error = format!("{error:#}"),
                    "poll jobs cannot be published; due pollers stay due"
                );
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// A clock that was put back: what it put off while it was ahead must not wait for it.
async fn make_good(context: &Context, parts: &Parts, watch: &mut ClockWatch) {
    let now = context.clock.now();
    let Some(step) = watch.look(now, Instant::now()) else {
        return;
    };
    let step_seconds = step.as_secs();
    match parts.store.clock_went_back(now, step).await {
        Ok(()) => info!(
            step_seconds,
            "the clock was put back: what it had put off while it was ahead is put right"
        ),
        Err(error) => warn!(
            step_seconds,
            error = format!("{:#}", anyhow::Error::from(error)),
            "the clock was put back, and what it had put off while it was ahead comes late by as much"
        ),
    }
}
