//! When a failed attempt is repeated, and how often a callback is called: what an instance's owner or the operator
//! decides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The delays after the first, the second, … failed attempt; their number is the number of retries.
///
/// A round is as many attempts as there are delays and one more; a redrive or a replay begins another. The attempts of
/// a notification are numbered from 1 over all its rounds, those of a round from 1 in each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct RetrySchedule(pub Vec<Duration>);

impl RetrySchedule {
    /// How far a delay may be from the schedule's, either way, so that what failed together does not come back together.
    pub const JITTER: f64 = 0.1;

    /// The delay after failed attempt `number` of a round (from 1); none when that was its last.
    pub fn delay_after(&self, number: u32) -> Option<Duration> {
        let place = number.max(1) as usize - 1;
        self.0.get(place).copied()
    }

    /// The longest time that may pass after attempt `number` of a round, jitter included; nothing where the round is over.
    pub fn longest_after(&self, number: u32) -> Duration {
        let delay = self.delay_after(number).unwrap_or_default();
        delay.mul_f64(1.0 + Self::JITTER)
    }
}

/// In the store a schedule is its milliseconds.
impl From<Vec<u64>> for RetrySchedule {
    fn from(milliseconds: Vec<u64>) -> Self {
        Self(
            milliseconds
                .into_iter()
                .map(Duration::from_millis)
                .collect(),
        )
    }
}

impl From<RetrySchedule> for Vec<u64> {
    fn from(schedule: RetrySchedule) -> Self {
        let milliseconds = |delay: Duration| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        schedule.0.into_iter().map(milliseconds).collect()
    }
}

/// How often a callback is called at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallRate {
    nanoseconds_between: u64,
}

impl CallRate {
    /// `count` calls in each `period`. None unless that is a number between 1 in an hour and 1,000,000 in a second.
    pub fn new(count: f64, period: Duration) -> Option<Self> {
        let between = period.as_secs_f64() / count;
        let sensible = count.is_finite() && count > 0.0 && (1e-6..=3600.0).contains(&between);
        sensible.then(|| Self {
            nanoseconds_between: Duration::from_secs_f64(between).as_nanos() as u64,
        })
    }

    /// The time from one call to the next.
    pub fn between(self) -> Duration {
        Duration::from_nanos(self.nanoseconds_between)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_round_has_one_attempt_more_than_delays() {
        let schedule = RetrySchedule(vec![5 * SECOND, 30 * SECOND]);

        let delays = [1, 2, 3, 4].map(|number| schedule.delay_after(number));

        assert_eq!(delays, [Some(5 * SECOND), Some(30 * SECOND), None, None]);
    }

    #[test]
    fn in_the_store_a_schedule_is_its_milliseconds() {
        let schedule = RetrySchedule(vec![5 * SECOND, 120 * SECOND]);

        let stored = serde_json::to_string(&schedule).unwrap();

        assert_eq!(stored, "[5000,120000]");
        assert_eq!(
            serde_json::from_str::<RetrySchedule>(&stored).unwrap(),
            schedule
        );
    }

    #[test]
    fn a_rate_is_the_time_between_two_calls() {
        let between = |count, period| CallRate::new(count, period).map(CallRate::between);

        assert_eq!(between(4.0, SECOND), Some(SECOND / 4));
        assert_eq!(between(30.0, 60 * SECOND), Some(2 * SECOND));
        assert_eq!(between(0.5, SECOND), Some(2 * SECOND));
        for refused in [0.0, -1.0, 1e-9, 1e9, f64::NAN, f64::INFINITY] {
            assert_eq!(between(refused, SECOND), None, "{refused}");
        }
    }
}
