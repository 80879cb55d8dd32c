//! The breaker of each callback: after failures in a row nothing is sent but one probe at a time, with growing pauses.
//!
//! [`Breaker`] is the state machine of one callback, pure; [`Breakers`] holds those that have failed lately, and never
//! more than a fixed number of them: a callback without an entry is simply called.

use std::collections::HashMap;
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
        probing: bool,
        /// Notifications sent away since the last probe.
        parked: u32,
    },
}

/// What a breaker says to a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// Go.
    Free,
    /// Go, alone: what becomes of it decides.
    Probe,
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

    fn admit(&mut self, now: Instant) -> Admission {
        self.touched = now;
        match &mut self.state {
            State::Closed { .. } => Admission::Free,
            State::Open {
                until,
                probing,
                parked,
                ..
            } if !*probing && *until <= now => {
                (*probing, *parked) = (true, 0);
                Admission::Probe
            }
            State::Open {
                until,
                pause,
                probing,
                parked,
            } => {
                *parked = parked.saturating_add(1);
                // A probe that fails is followed by a pause at least as long as the last one.
                let rest = if *probing { *pause } else { *until - now };
                Admission::Away(rest + (APART * *parked).min(*pause))
            }
        }
    }

    fn failed(&mut self, now: Instant, probe: bool, limits: &Limits) {
        self.touched = now;
        self.state = match self.state.clone() {
            State::Closed { failures } if failures + 1 < limits.failures => State::Closed {
                failures: failures + 1,
            },
            State::Closed { .. } => open(now, limits.pause),
            State::Open { pause, .. } if probe => {
                open(now, pause.saturating_mul(2).min(limits.longest_pause))
            }
            // It was sent before the breaker opened, and says nothing new.
            open => open,
        };
    }

    /// The callback asks to be left alone for a while.
    fn hold(&mut self, now: Instant, time: Duration, (probe, limits): (bool, &Limits)) {
        self.touched = now;
        let (until, pause, probing) = match self.state {
            State::Open {
                until,
                pause,
                probing,
                ..
            } => (until.max(now + time), pause, probing && !probe),
            State::Closed { .. } => (now + time, limits.pause, false),
        };
        self.state = State::Open {
            until,
            pause,
            probing,
            parked: 0,
        };
    }

    /// The probe ended without an answer of the callback, such as when it was a stale copy.
    fn probe_is_void(&mut self) {
        if let State::Open { probing, .. } = &mut self.state {
            *probing = false;
        }
    }
}

fn open(now: Instant, pause: Duration) -> State {
    State::Open {
        until: now + pause,
        pause,
        probing: false,
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
    breakers: Mutex<HashMap<Lane, Breaker>>,
}

impl Breakers {
    /// No callback has failed yet.
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            breakers: Mutex::default(),
        })
    }

    /// Lets a notification through to its callback, or sends it away.
    pub(crate) fn admit(self: &Arc<Self>, lane: Lane) -> Result<Pass, Open> {
        let admission = match self.breakers().get_mut(&lane) {
            Some(breaker) => breaker.admit(Instant::now()),
            None => Admission::Free,
        };
        let probe = match admission {
            Admission::Free => false,
            Admission::Probe => true,
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
    unanswered_probe: bool,
}

impl Pass {
    /// The callback has accepted: its breaker is closed.
    pub(crate) fn succeeded(mut self) {
        self.unanswered_probe = false;
        self.breakers.forget(self.lane);
    }

    /// The callback has failed; says whether its breaker is open now.
    pub(crate) fn failed(mut self) -> bool {
        let probe = std::mem::take(&mut self.unanswered_probe);
        self.breakers.change(self.lane, |breaker, now, limits| {
            breaker.failed(now, probe, limits);
        })
    }

    /// The callback asks to be left alone for this long.
    pub(crate) fn asked_to_wait(mut self, time: Duration) -> bool {
        let probe = std::mem::take(&mut self.unanswered_probe);
        self.breakers.change(self.lane, |breaker, now, limits| {
            breaker.hold(now, time, (probe, limits));
        })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.unanswered_probe {
            let mut breakers = self.breakers.breakers();
            if let Some(breaker) = breakers.get_mut(&self.lane) {
                breaker.probe_is_void();
            }
        }
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
