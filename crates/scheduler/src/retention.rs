//! The chore of forgetting what was delivered long ago: small transactions with rests between them, by one process at a
//! time, so that deliveries go on beside it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_platform::config::{Problems, Section};
use ie_platform::{Context, Lifecycle, SharedClock};
use ie_store::{Retention, Store, Stretch};
use metrics::counter;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tracing::{info, warn};

/// The chore's name in the store.
const CHORE: &str = "retention";

/// How long a process may be silent before another goes on with the chore.
const LEASE: Duration = Duration::from_secs(300);

/// How often it is looked whether the chore is due.
const PERIOD: Duration = Duration::from_secs(10);

/// Section `retention`; `retention.toml` says what each setting is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each setting is described in retention.toml, the reference"
)]
pub struct Config {
    #[serde(with = "humantime_serde")]
    pub events: Duration,
    #[serde(with = "humantime_serde")]
    pub attempts: Duration,
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    pub batch: u32,
    #[serde(with = "humantime_serde")]
    pub pause: Duration,
}

impl Section for Config {
    const NAME: &'static str = "retention";
    const DEFAULTS: &'static str = include_str!("../retention.toml");

    fn validate(&self, problems: &mut Problems) {
        for (key, value) in [
            ("retention.events", self.events),
            ("retention.attempts", self.attempts),
            ("retention.interval", self.interval),
        ] {
            if value.is_zero() {
                problems.add(key, "expected a time longer than 0s, such as \"30d\"");
            }
        }
        if !(1..=10_000).contains(&self.batch) {
            problems.add("retention.batch", "expected 1 to 10000 events");
        }
    }
}

impl Config {
    fn at(&self, now: DateTime<Utc>) -> Retention {
        let before = |age: Duration| {
            let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
            now.checked_sub_signed(age)
                .unwrap_or(DateTime::<Utc>::MIN_UTC)
        };
        Retention {
            events_before: before(self.events),
            attempts_before: before(self.attempts),
            batch: self.batch,
        }
    }
}

/// What the chore works with.
#[derive(Clone, Debug)]
pub struct Forgetting {
    /// What is forgotten, and how fast.
    pub config: Config,
    /// Where from.
    pub store: Store,
    /// The time.
    pub clock: SharedClock,
}

/// Starts the chore's task on the context's lifecycle.
pub fn start(context: &Context, store: Store, config: Config) {
    let forgetting = Forgetting {
        config,
        store,
        clock: context.clock.clone(),
    };
    let task = run(forgetting, context.lifecycle.clone());
    context.lifecycle.spawn("retention", task);
}

/// Runs until the soft stop.
async fn run(forgetting: Forgetting, lifecycle: Lifecycle) -> anyhow::Result<()> {
    let mut failing = false;
    let pause = || lifecycle.run_until_stopped(sleep(PERIOD));
    while pause().await.is_some() {
        let Some(round) = lifecycle.run_until_stopped(forgetting.round()).await else {
            break;
        };
        match round {
            Ok(_) => failing = false,
            // Said once, not every few seconds of an outage.
            Err(error) if !failing => {
                failing = true;
                warn!(%error, "old events cannot be forgotten now; it is tried again");
            }
            Err(_) => {}
        }
    }
    Ok(())
}

impl Forgetting {
    /// One round, if it is due and no other process is at it; gives what was forgotten.
    ///
    /// # Errors
    /// The store cannot be reached: the round goes on where it was.
    pub async fn round(&self) -> Result<Stretch, ie_store::Error> {
        let now = self.clock.now();
        let mut sum = Stretch::default();
        let Some(mut position) = self.store.claim_chore(CHORE, now, LEASE).await? else {
            return Ok(sum);
        };
        let retention = self.config.at(now);
        loop {
            let stretch = self.store.forget_old(position, &retention).await?;
            counter!("ie_retention_events_total").increment(stretch.events);
            counter!("ie_retention_attempts_total").increment(stretch.attempts);
            sum.events += stretch.events;
            sum.attempts += stretch.attempts;
            let now = self.clock.now();
            let Some(next) = stretch.next else {
                self.forget_keys().await?;
                let due_at = now + self.config.interval;
                self.store.note_chore(CHORE, 0, due_at).await?;
                break;
            };
            position = next;
            self.store.note_chore(CHORE, position, now + LEASE).await?;
            sleep(self.config.pause).await;
        }
        if sum.events + sum.attempts > 0 {
            info!(
                events = sum.events,
                attempts = sum.attempts,
                "old events are forgotten"
            );
        }
        Ok(sum)
    }

    /// Forgets the answers of requests with an `Idempotency-Key` that are kept no longer.
    async fn forget_keys(&self) -> Result<(), ie_store::Error> {
        let batch = self.config.batch;
        loop {
            let now = self.clock.now();
            if self.store.forget_keys(now, batch).await? < u64::from(batch) {
                return Ok(());
            }
            sleep(self.config.pause).await;
        }
    }
}
