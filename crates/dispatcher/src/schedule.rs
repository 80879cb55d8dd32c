//! When a notification is tried again, and when no more.
//!
//! The schedule is a list of delays; its length is the number of retries. Attempts are numbered from 1 and go on
//! counting after a redrive, so a round is as many attempts as the schedule has delays and one more, and a redriven
//! notification begins the next round.

use std::time::Duration;

use crate::classify::Class;

/// How far a delay may be from the schedule's, either way, so that what failed together does not come back together.
const JITTER: f64 = 0.1;

/// The retry schedule of every callback.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// The delays after the first, the second, … failed attempt.
    pub(crate) delays: Vec<Duration>,
    /// The longest delay that a callback can ask for.
    pub(crate) retry_after_cap: Duration,
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
    /// What follows attempt `number` (from 1) that ended as `class`. `random` lies in `0.0..1.0`.
    pub(crate) fn next(&self, number: u32, class: Class, random: f64) -> Next {
        let asked = match class {
            Class::Accepted => return Next::Accepted,
            Class::Gone => return Next::DeadLetter,
            Class::Busy { retry_after } => retry_after,
            Class::Failed => None,
        };
        let Some(delay) = self.delay_after(number) else {
            return Next::DeadLetter;
        };
        let planned = delay.mul_f64(1.0 - JITTER + 2.0 * JITTER * random);
        // Never before the callback is ready, so here the jitter only adds.
        let asked = asked.unwrap_or_default().min(self.retry_after_cap);
        Next::RetryAfter(planned.max(asked.mul_f64(1.0 + JITTER * random)))
    }

    fn delay_after(&self, number: u32) -> Option<Duration> {
        let round = self.delays.len() + 1;
        let place = (number.max(1) as usize - 1) % round;
        self.delays.get(place).copied()
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
