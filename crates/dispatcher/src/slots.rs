//! Isolation: each callback has a few slots for requests under way, and what does not fit is parked.
//!
//! A callback that never answers holds its own slots and nothing else. The state of a callback exists only while it
//! has requests under way, so there is never more of it than the consumer's window.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ie_model::{InstanceId, NotificationId};
use tokio::time::Instant;

/// How much a new duration counts against the mean so far.
const WEIGHT: f64 = 0.2;

/// The slots of every callback.
#[derive(Debug)]
pub(crate) struct Slots {
    limit: usize,
    park: Vec<Duration>,
    callbacks: Mutex<HashMap<InstanceId, State>>,
}

/// What is known of one callback while it has requests under way.
#[derive(Debug, Default)]
struct State {
    under_way: Vec<NotificationId>,
    /// About how many notifications were parked and have not come back.
    parked: u32,
    /// How long a delivery takes, once one has ended.
    mean: Option<Duration>,
}

/// Why there is no slot, and how long to stay away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Busy {
    /// Every slot of the callback is taken.
    #[error("the callback has as many requests under way as dispatcher.callback_limit allows")]
    Full(Duration),
    /// Another copy of the same notification is under way.
    #[error("another copy of this notification is under way")]
    Twin(Duration),
}

impl Busy {
    /// How long the notification is parked.
    pub(crate) fn park(self) -> Duration {
        match self {
            Self::Full(delay) | Self::Twin(delay) => delay,
        }
    }
}

/// The right to have one request under way; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    instance: InstanceId,
    notification: NotificationId,
    since: Instant,
}

impl Slots {
    /// `limit` slots for each callback. `park` are the delays of what does not fit, in ascending order.
    pub(crate) fn new(limit: usize, park: Vec<Duration>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            park,
            callbacks: Mutex::default(),
        })
    }

    /// Takes a slot of the callback, without waiting for one.
    pub(crate) fn take(
        self: &Arc<Self>,
        instance: InstanceId,
        notification: NotificationId,
    ) -> Result<Slot, Busy> {
        let mut callbacks = self.callbacks();
        let state = callbacks.entry(instance).or_default();
        if state.under_way.contains(&notification) {
            return Err(Busy::Twin(park_delay(Duration::ZERO, &self.park)));
        }
        if state.under_way.len() >= self.limit {
            state.parked = state.parked.saturating_add(1);
            let backlog = backlog(state.parked, state.mean, self.limit);
            return Err(Busy::Full(park_delay(backlog, &self.park)));
        }
        state.parked = state.parked.saturating_sub(1);
        state.under_way.push(notification);
        Ok(Slot {
            slots: Arc::clone(self),
            instance,
            notification,
            since: Instant::now(),
        })
    }

    fn give_back(&self, slot: &Slot) {
        let mut callbacks = self.callbacks();
        let Some(state) = callbacks.get_mut(&slot.instance) else {
            return;
        };
        state.under_way.retain(|other| *other != slot.notification);
        let took = slot.since.elapsed();
        state.mean = Some(match state.mean {
            Some(mean) => mean.mul_f64(1.0 - WEIGHT) + took.mul_f64(WEIGHT),
            None => took,
        });
        if state.under_way.is_empty() {
            callbacks.remove(&slot.instance);
        }
    }

    fn callbacks(&self) -> MutexGuard<'_, HashMap<InstanceId, State>> {
        // Nothing under this lock can panic halfway through a change.
        self.callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.give_back(self);
    }
}

/// How long a callback needs for everything that is parked.
fn backlog(parked: u32, mean: Option<Duration>, limit: usize) -> Duration {
    let each = mean.unwrap_or_default().as_secs_f64() / limit.max(1) as f64;
    Duration::try_from_secs_f64(each * f64::from(parked)).unwrap_or(Duration::MAX)
}

/// The longest delay that is not longer than the backlog, and at least the shortest.
///
/// Without that, everything that is parked for a slow callback would come and go each second.
fn park_delay(backlog: Duration, park: &[Duration]) -> Duration {
    let fitting = park.iter().rev().find(|delay| **delay <= backlog);
    fitting.or(park.first()).copied().unwrap_or_default()
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
