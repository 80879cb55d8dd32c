//! When a notification is tried again, and when no more.
//!
//! The schedule is a list of delays, the operator's or the instance's own; its length is the number of retries.

use std::time::Duration;

use ie_model::RetrySchedule;

use crate::classify::Class;

const JITTER: f64 = RetrySchedule::JITTER;

/// The retry schedule of a callback.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// The delays after the first, the second, … failed attempt.
    pub(crate) delays: RetrySchedule,
    /// The longest delay that a callback can ask for.
    pub(crate) retry_after_cap: Duration,
    /// Attempts of former rounds, which do not count.
    pub(crate) earlier: u32,
}

/// What happens to a notification after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is done.
    Accepted,
    /// It is tried again after this long.
    RetryAfter(Duration),
    /// It is not tried again by itself.
    DeadLetter,
}

impl Schedule {
    /// The same with an instance's own delays, if it has any.
    pub(crate) fn with(&self, own: Option<&RetrySchedule>) -> Self {
        Self {
            delays: own.unwrap_or(&self.delays).clone(),
            ..*self
        }
    }

    /// What follows attempt `number` (from 1) that ended as `class`. `random` lies in `0.0..1.0`.
    pub(crate) fn next(&self, number: u32, class: Class, random: f64) -> Next {
        let asked = match class {
            Class::Accepted => return Next::Accepted,
            Class::Gone => return Next::DeadLetter,
            Class::Busy { retry_after } => retry_after,
            Class::Failed => None,
        };
        let Some(delay) = self.delays.delay_after(number.saturating_sub(self.earlier)) else {
            return Next::DeadLetter;
        };
        let planned = delay.mul_f64(1.0 - JITTER + 2.0 * JITTER * random);
        // Never before the callback is ready, so here the jitter only adds.
        let asked = asked.unwrap_or_default().min(self.retry_after_cap);
        Next::RetryAfter(planned.max(asked.mul_f64(1.0 + JITTER * random)))
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
