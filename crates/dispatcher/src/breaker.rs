//! The breaker of each callback: after failures in a row nothing is sent but one probe at a time, with growing pauses.
//!
//! [`Breaker`] is the state machine of one callback, pure; [`Breakers`] holds those that have failed lately, and never
//! more than a fixed number of them: a callback without an entry is simply called.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::gauge;
use tokio::time::Instant;

use crate::lane::Lane;

/// What is parked while a breaker is open comes back one after the other, this far apart, not all at once.
const APART: Duration = Duration::from_millis(1);

/// When breakers open, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Failures in a row that open it.
    pub(crate) failures: u32,
    /// The pause before the first probe.
    pub(crate) pause: Duration,
    /// The longest pause; each failed probe doubles it up to here.
    pub(crate) longest_pause: Duration,
    /// Callbacks remembered at the most.
    pub(crate) size: usize,
}

/// One callback's breaker.
#[derive(Clone, Debug)]
struct Breaker {
    touched: Instant,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        pause: Duration,
        /// The probe under way.
        probe: Option<Probe>,
        /// Notifications sent away since the last probe.
        parked: u32,
    },
}

/// Which probe: one that was sent before the breaker closed and opened again decides nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Probe(u64);

/// What a breaker says to a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// Go.
    Free,
    /// Go, alone: what becomes of it decides.
    Probe(Probe),
    /// Come back after this long.
    Away(Duration),
}

impl Breaker {
    fn new(now: Instant) -> Self {
        Self {
            touched: now,
            state: State::Closed { failures: 0 },
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// `number` is the probe's, if it becomes one.
    fn admit(&mut self, now: Instant, number: u64) -> Admission {
        self.touched = now;
        match &mut self.state {
            State::Closed { .. } => Admission::Free,
            State::Open {
                until,
                probe: probe @ None,
                parked,
                ..
            } if *until <= now => {
                (*probe, *parked) = (Some(Probe(number)), 0);
                Admission::Probe(Probe(number))
            }
            State::Open {
                until,
                pause,
                probe,
                parked,
            } => {
                *parked = parked.saturating_add(1);
                // A probe that fails is followed by a pause at least as long as the last one.
                let rest = match probe {
                    Some(_) => *pause,
                    None => *until - now,
                };
                Admission::Away(rest + (APART * *parked).min(*pause))
            }
        }
    }

    /// `of` is the probe that has failed, if it was one.
    fn failed(&mut self, now: Instant, of: Option<Probe>, limits: &Limits) {
        self.touched = now;
        self.state = match self.state.clone() {
            State::Closed { failures } if failures + 1 < limits.failures => State::Closed {
                failures: failures + 1,
            },
            State::Closed { .. } => open(now, limits.pause),
            State::Open { pause, probe, .. } if probe.is_some() && probe == of => {
                open(now, pause.saturating_mul(2).min(limits.longest_pause))
            }
            // It was sent before the breaker opened, and says nothing new.
            open => open,
        };
    }

    /// The callback asks to be left alone for a while.
    fn hold(&mut self, now: Instant, time: Duration, (of, limits): (Option<Probe>, &Limits)) {
        self.touched = now;
        let (until, pause, probe) = match self.state {
            State::Open {
                until,
                pause,
                probe,
                ..
            } => (until.max(now + time), pause, probe.filter(|_| probe != of)),
            State::Closed { .. } => (now + time, limits.pause, None),
        };
        self.state = State::Open {
            until,
            pause,
            probe,
            parked: 0,
        };
    }

    /// The probe ended without an answer of the callback, such as when it was a stale copy.
    fn is_void(&mut self, of: Probe) {
        if let State::Open { probe, .. } = &mut self.state
            && *probe == Some(of)
        {
            *probe = None;
        }
    }
}

fn open(now: Instant, pause: Duration) -> State {
    State::Open {
        until: now + pause,
        pause,
        probe: None,
        parked: 0,
    }
}

/// The breaker of the callback is open: nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the callback has failed dispatcher.breaker_failures times in a row and is left alone")]
pub(crate) struct Open(pub(crate) Duration);

/// The breakers of all callbacks.
#[derive(Debug)]
pub(crate) struct Breakers {
    limits: Limits,
    probes: AtomicU64,
    breakers: Mutex<HashMap<Lane, Breaker>>,
}

impl Breakers {
    /// No callback has failed yet.
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            probes: AtomicU64::new(0),
            breakers: Mutex::default(),
        })
    }

    /// Lets a notification through to its callback, or sends it away.
    pub(crate) fn admit(self: &Arc<Self>, lane: Lane) -> Result<Pass, Open> {
        let admission = match self.breakers().get_mut(&lane) {
            Some(breaker) => {
                let number = self.probes.fetch_add(1, Ordering::Relaxed);
                breaker.admit(Instant::now(), number)
            }
            None => Admission::Free,
        };
        let probe = match admission {
            Admission::Free => None,
            Admission::Probe(probe) => Some(probe),
            Admission::Away(delay) => return Err(Open(delay)),
        };
        Ok(Pass {
            breakers: Arc::clone(self),
            lane,
            unanswered_probe: probe,
        })
    }

    /// Changes a breaker; says whether it is open then.
    fn change(&self, lane: Lane, change: impl FnOnce(&mut Breaker, Instant, &Limits)) -> bool {
        let now = Instant::now();
        let mut breakers = self.breakers();
        if !breakers.contains_key(&lane) && !self.make_room(&mut breakers, now) {
            return false;
        }
        let breaker = breakers.entry(lane).or_insert_with(|| Breaker::new(now));
        let before = breaker.is_open();
        change(breaker, now, &self.limits);
        let is_open = breaker.is_open();
        if before != is_open {
            tell(&breakers);
        }
        is_open
    }

    /// Whether one more fits, after those were forgotten that nothing was sent to for long.
    fn make_room(&self, breakers: &mut HashMap<Lane, Breaker>, now: Instant) -> bool {
        if breakers.len() >= self.limits.size {
            let long = self.limits.longest_pause * 2;
            breakers.retain(|_, breaker| now < breaker.touched + long);
            tell(breakers);
        }
        breakers.len() < self.limits.size
    }

    fn forget(&self, lane: Lane) {
        let mut breakers = self.breakers();
        if breakers
            .remove(&lane)
            .is_some_and(|breaker| breaker.is_open())
        {
            tell(&breakers);
        }
    }

    fn breakers(&self) -> MutexGuard<'_, HashMap<Lane, Breaker>> {
        // Nothing under this lock can panic halfway through a change.
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(breakers: &HashMap<Lane, Breaker>) {
    let open = breakers.values().filter(|breaker| breaker.is_open());
    gauge!("ie_breakers_open").set(open.count() as f64);
}

/// The right to call; whoever has it says how the call ended. Dropped without a word it was no probe.
#[derive(Debug)]
pub(crate) struct Pass {
    breakers: Arc<Breakers>,
    lane: Lane,
    unanswered_probe: Option<Probe>,
}

impl Pass {
    /// The callback has accepted: its breaker is closed.
    pub(crate) fn succeeded(mut self) {
        self.unanswered_probe = None;
        self.breakers.forget(self.lane);
    }

    /// The callback has failed; says whether its breaker is open now.
    pub(crate) fn failed(mut self) -> bool {
        let probe = self.unanswered_probe.take();
        self.breakers.change(self.lane, |breaker, now, limits| {
            breaker.failed(now, probe, limits);
        })
    }

    /// The callback asks to be left alone for this long.
    pub(crate) fn asked_to_wait(mut self, time: Duration) -> bool {
        let probe = self.unanswered_probe.take();
        self.breakers.change(self.lane, |breaker, now, limits| {
            breaker.hold(now, time, (probe, limits));
        })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(probe) = self.unanswered_probe {
            let mut breakers = self.breakers.breakers();
            if let Some(breaker) = breakers.get_mut(&self.lane) {
                breaker.is_void(probe);
            }
        }
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
