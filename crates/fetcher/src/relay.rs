//! The relay: publishes what was stored but did not reach the queue.
//!
//! The broker may be down for a day: notifications wait in the store as NEW and leave from here.

use std::sync::Arc;

use chrono::TimeDelta;
use ie_broker::Outgoing;
use ie_model::Queue;
use ie_platform::clock::SharedClock;
use ie_platform::lifecycle::Lifecycle;
use metrics::{counter, gauge};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::publish::publish;
use crate::run::Parts;

/// How long a claimed notification is left to the relay that claimed it.
const CLAIM: std::time::Duration = std::time::Duration::from_secs(30);

/// How often it is made sure that nothing is held back by what is settled.
const CHECK_HELD: TimeDelta = TimeDelta::minutes(1);

/// Held notifications that are looked at in one transaction.
const HELD_BATCH: u32 = 500;

/// Runs until the soft stop.
pub(crate) async fn run(
    parts: Arc<Parts>,
    clock: SharedClock,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let mut ticks = interval(parts.config.relay_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    let mut checked = clock.now();
    while lifecycle.run_until_stopped(ticks.tick()).await.is_some() {
        if clock.now() - checked >= CHECK_HELD {
            checked = clock.now();
            if let Err(error) = free_stranded(&parts, &clock).await {
                warn!(
                    error = format!("{error:#}"),
                    "held notifications cannot be looked at; the next round does"
                );
            }
        }
        match sweep(&parts, &clock).await {
            Ok(published) => {
                if failing || published > 0 {
                    info!(
                        notifications = published,
                        "the relay published what had stayed in the store"
                    );
                }
                failing = false;
            }
            // Said once, not each second of an outage.
            Err(error) if !failing => {
                failing = true;
                warn!(
                    error = format!("{error:#}"),
                    "the relay cannot publish; notifications stay in the store"
                );
            }
            Err(_) => {}
        }
        tell_backlog(&parts).await;
    }
    Ok(())
}

/// Says how much is not in the queue, also while it takes nothing; a number that cannot be known is none.
async fn tell_backlog(parts: &Parts) {
    let backlog = parts.store.unpublished().await;
    let known = backlog.map_or(f64::NAN, |backlog| backlog as f64);
    gauge!("ie_relay_backlog").set(known);
}

/// Sets free what waits for nothing: the store does that with each settlement, so there is hardly ever anything.
///
/// # Errors
/// The store cannot be reached; the next round begins anew.
async fn free_stranded(parts: &Parts, clock: &SharedClock) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let store = &parts.store;
        after = store.free_stranded(after, HELD_BATCH, clock.now()).await?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Publishes batch after batch until nothing is due; gives the number of those that reached the queue.
///
/// # Errors
/// The store or the broker cannot be reached; what was not confirmed is due again later.
pub async fn sweep(parts: &Parts, clock: &SharedClock) -> anyhow::Result<usize> {
    // Asked first: what is claimed and cannot be published would wait for the end of its claim when the broker is back.
    parts.broker.backlog(Queue::Changes).await?;
    let mut total = 0;
    loop {
        let due = parts
            .store
            .claim_unpublished(clock.now(), parts.config.relay_batch, CLAIM)
            .await?;
        let batch: Vec<_> = due.iter().map(Outgoing::next_attempt).collect();
        let published = publish(&parts.broker, &parts.store, &batch, clock.now()).await?;
        counter!("ie_relay_published_total").increment(published as u64);
        total += published;
        if due.len() < parts.config.relay_batch as usize {
            return Ok(total);
        }
    }
}
