//! A handle on a running simulator: what the control API does, for programs.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use ie_platform::SharedClock;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::behaviour::{Behaviour, BehaviourChange};
use crate::error::Error;
use crate::faults::Rule;
use crate::ledger::Entry;
use crate::orders::{Change, Seed, Seeded};
use crate::settings::AccountSettings;
use crate::statistics::{AccountStatistics, Connections, Statistics};
use crate::stream::{Progress, Stream};
use crate::world::World;

/// A handle on a running simulator. Clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    clock: SharedClock,
    /// How far the simulator's clock is ahead, in milliseconds.
    offset: AtomicI64,
    statistics: Mutex<Statistics>,
    connections: Arc<Connections>,
    /// Told when a stream starts.
    streams: Notify,
}

/// What to change about an API key; a key that does not exist is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// The account that a new key is for; the first one when absent.
    #[serde(default)]
    pub account: Option<String>,
    /// The key.
    pub key: String,
    /// Which of the account's users it belongs to, from 0.
    #[serde(default)]
    pub user: Option<u32>,
    /// Whether it is refused with 401.
    #[serde(default)]
    pub revoked: Option<bool>,
    /// Objects that answer it with 403.
    #[serde(default)]
    pub forbidden: Option<Vec<String>>,
}

/// What to change about an account's limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsChange {
    /// The account; the first one when absent.
    pub account: Option<String>,
    /// Requests per second.
    pub per_second: Option<u32>,
    /// Requests per day.
    pub per_day: Option<u32>,
    /// How many of the day's requests are used up.
    pub used_today: Option<u32>,
}

impl Control {
    pub(crate) fn new(world: World, clock: SharedClock) -> Self {
        Self {
            shared: Arc::new(Shared {
                world: Mutex::new(world),
                clock,
                offset: AtomicI64::new(0),
                statistics: Mutex::default(),
                connections: Arc::default(),
                streams: Notify::new(),
            }),
        }
    }

    /// The simulator's time: the clock's, moved by the offset.
    pub fn now(&self) -> DateTime<Utc> {
        let offset = self.shared.offset.load(Ordering::Relaxed);
        self.shared.clock.now() + TimeDelta::milliseconds(offset)
    }

    /// Does something with the world at the simulator's time. The simulator answers nobody meanwhile.
    pub fn with_world<T>(&self, act: impl FnOnce(&mut World, DateTime<Utc>) -> T) -> T {
        // The time is asked for under the lock, so that no write is older than an answer it is missing from.
        let mut world = self.world();
        let now = self.now();
        act(&mut world, now)
    }

    /// Makes up records.
    pub fn seed(&self, seed: &Seed) -> Result<Seeded, Error> {
        self.with_world(|world, now| world.seed(seed, now))
    }

    /// Applies one change.
    pub fn change(&self, change: &Change) -> Result<Entry, Error> {
        self.with_world(|world, now| world.change(change, now))
    }

    /// Starts a stream of changes; the number is that of [`Self::streams`].
    pub fn start_stream(&self, stream: Stream) -> Result<u64, Error> {
        let id = self.with_world(|world, _| world.start_stream(stream))?;
        self.shared.streams.notify_one();
        Ok(id)
    }

    /// How far the streams are.
    pub fn streams(&self) -> Vec<Progress> {
        self.with_world(|world, _| world.streams())
    }

    /// Ends every stream.
    pub fn stop_streams(&self) {
        self.with_world(|world, _| world.stop_streams());
    }

    /// Makes something go wrong from now on; the number takes it back.
    pub fn misbehave(&self, rule: Rule) -> u64 {
        self.with_world(|world, _| world.misbehave(rule))
    }

    /// The faults in force, with their numbers.
    pub fn faults(&self) -> Vec<(u64, Rule)> {
        self.with_world(|world, _| world.faults.rules().cloned().collect())
    }

    /// Takes one fault back. Whether there was such a one.
    pub fn forgive(&self, id: u64) -> bool {
        self.with_world(|world, _| world.faults.remove(id))
    }

    /// Takes every fault back.
    pub fn behave(&self) {
        self.with_world(|world, _| world.behave());
    }

    /// Puts the simulator's clock ahead of (or, negative, behind) the clock it was given.
    pub fn set_clock_offset(&self, offset: TimeDelta) {
        self.shared
            .offset
            .store(offset.num_milliseconds(), Ordering::Relaxed);
    }

    /// Makes or changes an API key.
    pub fn set_key(&self, change: &KeyChange) -> Result<(), Error> {
        self.with_world(|world, _| world.set_key(change))
    }

    /// Changes an account's limits.
    pub fn set_limits(&self, change: &LimitsChange) -> Result<(), Error> {
        self.with_world(|world, now| world.set_limits(change, now))
    }

    /// Adds an account.
    pub fn add_account(&self, account: &AccountSettings) -> Result<(), Error> {
        self.with_world(|world, now| world.add_account(account, now))
    }

    /// How it behaves where nothing is documented.
    pub fn behaviour(&self) -> Behaviour {
        self.with_world(|world, _| world.behaviour.clone())
    }

    /// Changes how it behaves.
    pub fn set_behaviour(&self, change: &BehaviourChange) {
        self.with_world(|world, _| world.behaviour.change(change));
    }

    /// Every write of an object of the first account, in its order.
    pub fn ledger(&self, object: &str) -> Result<Vec<Entry>, Error> {
        self.with_world(|world, _| world.ledger(None, Some(object)))
    }

    /// The last version of every record of an object of the first account, deletions included.
    pub fn state(&self, object: &str) -> Result<Vec<Entry>, Error> {
        self.with_world(|world, _| world.state(None, Some(object)))
    }

    /// What was asked and how it was answered.
    pub fn statistics(&self) -> Statistics {
        let by_account = self.with_world(|world, _| {
            let accounts = world.accounts.iter().map(|account| {
                let statistics = AccountStatistics {
                    used_today: account.meter.used(),
                    max_in_one_second: account.meter.most_in_a_second(),
                };
                (account.name.clone(), statistics)
            });
            accounts.collect()
        });
        let (connections, open_connections) = self.shared.connections.counts();
        Statistics {
            requests: self.counts().requests.clone(),
            by_account,
            connections,
            open_connections,
        }
    }

    /// Sets the counts of requests back; those of connections and of the day stay.
    pub fn reset_statistics(&self) {
        self.counts().requests.clear();
        self.with_world(|world, _| {
            for account in &mut world.accounts {
                account.meter.reset_statistics();
            }
        });
    }

    pub(crate) fn count(&self, request: &str) {
        let mut counts = self.counts();
        match counts.requests.get_mut(request) {
            Some(count) => *count += 1,
            None => {
                counts.requests.insert(request.to_owned(), 1);
            }
        }
    }

    pub(crate) fn connections(&self) -> Arc<Connections> {
        self.shared.connections.clone()
    }

    pub(crate) async fn stream_started(&self) {
        self.shared.streams.notified().await;
    }

    fn counts(&self) -> MutexGuard<'_, Statistics> {
        self.shared
            .statistics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
