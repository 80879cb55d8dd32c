//! The scheduler as a service: its loop, and how it starts.

use anyhow::Context as _;
use ie_platform::Context;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

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
    while context
        .lifecycle
        .run_until_stopped(ticks.tick())
        .await
        .is_some()
    {
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
