//! Isolation: each callback has a few slots for requests under way, and what does not fit is parked.
//!
//! A callback that never answers holds its own slots and nothing else; while the consumer's window is half full, who has
//! not shown that it answers quickly holds one, so that many such callbacks together do not fill the window either. One
//! that answers quickly has a line as well: what would get a slot sooner than it would come back from the park waits for
//! it, up to half of the consumer's window, so that a tenant's backlog keeps its slots busy. A line that stands still is
//! left, and none forms until an answer came. The state of a callback exists only while it has requests under way, so
//! there is never more of it than the window; how quickly it answered is remembered longer, of so many at the most.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ie_model::NotificationId;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::lane::Lane;

/// How much a new duration counts against the mean so far.
const WEIGHT: f64 = 0.2;

/// How many of those with the longest delay before them come back sooner, each second and of all callbacks together: so
/// few are no load, and a callback that answers again gets them as soon.
const SOONER: u32 = 50;

/// Of how many idle callbacks it is known that they answer quickly.
const KNOWN: usize = 10_000;

/// How many callbacks may do what.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Requests under way for one callback.
    pub(crate) slots: usize,
    /// Notifications in line for one callback.
    pub(crate) line: usize,
    /// Requests under way for all callbacks from which on there is a crowd.
    pub(crate) crowd: usize,
    /// The delays of what does not fit, in ascending order.
    pub(crate) park: Vec<Duration>,
}

/// The slots of every callback.
#[derive(Debug)]
pub(crate) struct Slots {
    limits: Limits,
    /// Requests under way for all callbacks.
    under_way: AtomicUsize,
    callbacks: Mutex<Callbacks>,
}

/// What is known of all callbacks.
#[derive(Debug, Default)]
struct Callbacks {
    busy: HashMap<Lane, State>,
    /// How long a delivery took to those that are idle and quick.
    quick: HashMap<Lane, Duration>,
    /// When those that may come back sooner have been used up, if that is not long ago.
    sooner: Option<Instant>,
}

impl Callbacks {
    /// Takes one of the [`SOONER`].
    fn may_come_sooner(&mut self) -> bool {
        let now = Instant::now();
        let next = self.sooner.map_or(now, |next| next.max(now));
        let may = next - now < Duration::from_secs(1);
        if may {
            self.sooner = Some(next + Duration::from_secs(1) / SOONER);
        }
        may
    }

    fn state(&mut self, lane: Lane) -> &mut State {
        let quick = &mut self.quick;
        self.busy.entry(lane).or_insert_with(|| State {
            mean: quick.remove(&lane),
            ..State::default()
        })
    }

    /// Forgets a callback without requests under way, but for how quickly it answers.
    fn idle(&mut self, lane: Lane, quick: Duration) {
        let mean = self.busy.remove(&lane).and_then(|state| state.mean);
        let Some(mean) = mean.filter(|mean| *mean < quick) else {
            return;
        };
        if self.quick.len() >= KNOWN {
            // They show it again with their next answer.
            self.quick.clear();
        }
        self.quick.insert(lane, mean);
    }
}

/// What is known of one callback while it has requests under way.
#[derive(Debug, Default)]
struct State {
    under_way: Vec<NotificationId>,
    line: VecDeque<(NotificationId, oneshot::Sender<Slot>)>,
    /// About how many notifications were parked and have not come back.
    parked: u32,
    /// How long a delivery takes, once one has ended.
    mean: Option<Duration>,
}

/// What a notification got.
#[derive(Debug)]
enum Entrance {
    Slot(Slot),
    Line(oneshot::Receiver<Slot>),
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
    lane: Lane,
    notification: NotificationId,
    since: Instant,
}

impl Slots {
    /// No callback has a request under way yet.
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            under_way: AtomicUsize::new(0),
            callbacks: Mutex::default(),
        })
    }

    /// Takes a slot of the callback, and stands in line for it where that is short.
    pub(crate) async fn take(
        self: &Arc<Self>,
        lane: Lane,
        notification: NotificationId,
    ) -> Result<Slot, Busy> {
        let mut place = match self.enter(lane, notification)? {
            Entrance::Slot(slot) => return Ok(slot),
            Entrance::Line(place) => place,
        };
        if let Ok(Ok(slot)) = timeout(self.shortest_park(), &mut place).await {
            return Ok(slot);
        }
        match self.leave(lane, notification) {
            Some(busy) => Err(busy),
            // It was called up in this very moment.
            None => place.await.map_err(|_| Busy::Full(self.shortest_park())),
        }
    }

    fn enter(self: &Arc<Self>, lane: Lane, notification: NotificationId) -> Result<Entrance, Busy> {
        let mut callbacks = self.callbacks();
        let state = callbacks.state(lane);
        if state.knows(notification) {
            return Err(Busy::Twin(park_delay(Duration::ZERO, &self.limits.park)));
        }
        if state.under_way.len() < self.allowed(state) {
            state.parked = state.parked.saturating_sub(1);
            state.under_way.push(notification);
            return Ok(Entrance::Slot(self.slot(lane, notification)));
        }
        if self.has_short_line(state) {
            let (called, place) = oneshot::channel();
            state.line.push_back((notification, called));
            return Ok(Entrance::Line(place));
        }
        let backlog = self.put_away(state);
        Err(self.full(&mut callbacks, backlog))
    }

    /// How many requests of this callback may be under way now.
    fn allowed(&self, state: &State) -> usize {
        let crowded = self.under_way.load(Ordering::Relaxed) >= self.limits.crowd;
        let quick = state.mean.is_some_and(|mean| mean < self.shortest_park());
        if crowded && !quick {
            1
        } else {
            self.limits.slots
        }
    }

    /// Whether one more in line gets its slot sooner than it would come back from the park.
    fn has_short_line(&self, state: &State) -> bool {
        let ahead = u32::try_from(state.line.len() + 1).unwrap_or(u32::MAX);
        state.line.len() < self.limits.line
            && state.mean.is_some()
            && backlog(ahead, state.mean, self.limits.slots) < self.shortest_park()
    }

    /// Leaves the line, which moves too slowly; `None` when it is not in line any more.
    fn leave(&self, lane: Lane, notification: NotificationId) -> Option<Busy> {
        let mut callbacks = self.callbacks();
        let state = callbacks.busy.get_mut(&lane)?;
        let place = state.line.iter().position(|(id, _)| *id == notification)?;
        state.line.remove(place);
        // What was known of its answers does not hold any more.
        state.mean = None;
        let backlog = self.put_away(state);
        Some(self.full(&mut callbacks, backlog))
    }

    /// One more is parked; how long the callback needs for all that are.
    fn put_away(&self, state: &mut State) -> Duration {
        state.parked = state.parked.saturating_add(1);
        backlog(state.parked, state.mean, self.limits.slots)
    }

    fn full(&self, callbacks: &mut Callbacks, backlog: Duration) -> Busy {
        let park = &self.limits.park;
        let delay = park_delay(backlog, park);
        Busy::Full(match park.as_slice() {
            [sooner @ .., longest]
                if delay == *longest && !sooner.is_empty() && callbacks.may_come_sooner() =>
            {
                park_delay(backlog, sooner)
            }
            _ => delay,
        })
    }

    fn shortest_park(&self) -> Duration {
        self.limits.park.first().copied().unwrap_or_default()
    }

    fn slot(self: &Arc<Self>, lane: Lane, notification: NotificationId) -> Slot {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Slot {
            slots: Arc::clone(self),
            lane,
            notification,
            since: Instant::now(),
        }
    }

    fn give_back(self: &Arc<Self>, slot: &Slot) {
        let next = {
            let mut callbacks = self.callbacks();
            let Some(state) = callbacks.busy.get_mut(&slot.lane) else {
                return;
            };
            state.ended(slot);
            let next = state.line.pop_front();
            if let Some((notification, _)) = &next {
                state.under_way.push(*notification);
            }
            if state.under_way.is_empty() {
                callbacks.idle(slot.lane, self.shortest_park());
            }
            next
        };
        if let Some((notification, called)) = next {
            // Whoever has gone away meanwhile drops the slot here, and the one behind is called.
            drop(called.send(self.slot(slot.lane, notification)));
        }
    }

    fn callbacks(&self) -> MutexGuard<'_, Callbacks> {
        // Nothing under this lock can panic halfway through a change.
        self.callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn knows(&self, notification: NotificationId) -> bool {
        self.under_way.contains(&notification)
            || self.line.iter().any(|(other, _)| *other == notification)
    }

    fn ended(&mut self, slot: &Slot) {
        self.under_way.retain(|other| *other != slot.notification);
        let took = slot.since.elapsed();
        self.mean = Some(match self.mean {
            Some(mean) => mean.mul_f64(1.0 - WEIGHT) + took.mul_f64(WEIGHT),
            None => took,
        });
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.under_way.fetch_sub(1, Ordering::Relaxed);
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
pub(crate) fn park_delay(backlog: Duration, park: &[Duration]) -> Duration {
    let fitting = park.iter().rev().find(|delay| **delay <= backlog);
    fitting.or(park.first()).copied().unwrap_or_default()
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
