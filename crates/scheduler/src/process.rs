//! The scheduler as a service: its loop, and how it starts.

use anyhow::Context as _;
use ie_broker::Broker;
use ie_platform::Context;
use ie_platform::config::{Problems, Section};
use ie_store::Store;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::Config;
use crate::tick::{Parts, tick};

/// Starts the scheduler's task on the context's lifecycle and returns.
///
/// # Errors
/// The store cannot be read.
pub async fn run(context: Context, parts: Parts) -> anyhow::Result<()> {
    if !parts.broker.is_durable() {
        // The jobs of a former run are gone with its queue, so nobody holds a lease.
        let released = parts.store.release_leases(context.clock.now()).await.context("while releasing leases")?;
        if released > 0 {
            info!(pollers = released, "polls that the last run left unfinished are due now");
        }
    }
    let task = schedule(context.clone(), parts);
    context.lifecycle.spawn("scheduler", task);
    Ok(())
}

async fn schedule(context: Context, parts: Parts) -> anyhow::Result<()> {
    let mut ticks = interval(parts.config.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    while context.lifecycle.run_until_stopped(ticks.tick()).await.is_some() {
        match tick(&parts, &context.clock).await {
            Ok(_) if failing => {
                failing = false;
                info!("poll jobs are published again");
            }
            Ok(_) => {}
            // Said once, not each second of an outage.
            Err(error) if !failing => {
                failing = true;
                warn!(error = format!("{error:#}"), "poll jobs cannot be published; due pollers stay due");
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// The configuration of the process `ie-scheduler`.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each section documents itself")]
pub struct ProcessConfig {
    pub broker: ie_broker::Config,
    pub store: ie_store::Config,
    pub scheduler: Config,
}

impl ie_platform::config::Config for ProcessConfig {
    fn defaults() -> Vec<&'static str> {
        vec![ie_broker::Config::DEFAULTS, ie_store::Config::DEFAULTS, Config::DEFAULTS]
    }

    fn validate(&self, problems: &mut Problems) {
        self.broker.validate(problems);
        self.store.validate(problems);
        self.scheduler.validate(problems);
    }
}

/// Connects what the process needs, and starts the scheduler.
///
/// # Errors
/// A part cannot be reached.
pub async fn run_process(context: Context, config: ProcessConfig) -> anyhow::Result<()> {
    let parts = Parts {
        store: Store::open(&config.store, &context).await.context("while opening the store")?,
        broker: Broker::connect(&config.broker, &context).await.context("while connecting to the broker")?,
        config: config.scheduler,
    };
    run(context, parts).await
}
