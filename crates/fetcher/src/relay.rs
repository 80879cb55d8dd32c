//! The relay: publishes what was stored but did not reach the queue.
//!
//! The broker may be down for a day: notifications wait in the store as NEW and leave from here.

use std::sync::Arc;

use ie_broker::Outgoing;
use ie_platform::clock::SharedClock;
use ie_platform::lifecycle::Lifecycle;
use metrics::{counter, gauge};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::publish::publish;
use crate::run::Parts;

/// How long a claimed notification is left to the relay that claimed it.
const CLAIM: std::time::Duration = std::time::Duration::from_secs(30);

/// Runs until the soft stop.
pub(crate) async fn run(
    parts: Arc<Parts>,
    clock: SharedClock,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let mut ticks = interval(parts.config.relay_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    while lifecycle.run_until_stopped(ticks.tick()).await.is_some() {
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
    }
    Ok(())
}

/// Publishes batch after batch until nothing is due; gives the number of those that reached the queue.
///
/// # Errors
/// The store or the broker cannot be reached; what was not confirmed is due again later.
pub async fn sweep(parts: &Parts, clock: &SharedClock) -> anyhow::Result<usize> {
    let mut total = 0;
    loop {
        let due = parts
            .store
            .claim_unpublished(clock.now(), parts.config.relay_batch, CLAIM)
            .await?;
        let batch: Vec<_> = due
            .iter()
            .map(|stored| Outgoing {
                message: &stored.notification,
                traceparent: stored.traceparent.clone(),
                republished: true,
                attempt: stored.attempts + 1,
            })
            .collect();
        let published = publish(&parts.broker, &parts.store, &batch, clock.now()).await?;
        counter!("ie_relay_published_total").increment(published as u64);
        total += published;
        if due.len() < parts.config.relay_batch as usize {
            gauge!("ie_relay_backlog").set(parts.store.unpublished().await? as f64);
            return Ok(total);
        }
    }
}
