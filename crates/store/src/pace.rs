//! How what is sent again is spread in time: the relay publishes what is due, so the due times are the rate.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// After this time a relay publishes what its caller was to publish at once, in case that could not.
const SAFETY_NET: Duration = Duration::from_secs(30);

/// When the first, the second, … of many notifications is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    start: DateTime<Utc>,
    gap: Duration,
    at_once: u32,
}

impl Pace {
    /// The first at `start`, the others `gap` apart: all of them by the relay.
    pub fn spread(start: DateTime<Utc>, gap: Duration) -> Self {
        Self {
            start,
            gap,
            at_once: 0,
        }
    }

    /// The same, but that the caller publishes the first ones itself, right after.
    pub fn with_first(self, at_once: u32) -> Self {
        Self { at_once, ..self }
    }

    /// All of them published by the caller.
    pub fn at_once(start: DateTime<Utc>) -> Self {
        Self::spread(start, Duration::ZERO).with_first(u32::MAX)
    }

    /// How many the caller publishes.
    pub fn first(&self) -> u32 {
        self.at_once
    }

    /// When the notification at this place (from 0) goes out.
    pub fn time(&self, place: u32) -> DateTime<Utc> {
        self.later(self.gap.saturating_mul(place))
    }

    /// When a relay takes it.
    pub(crate) fn due_at(&self, place: u32) -> DateTime<Utc> {
        if place < self.at_once {
            self.later(SAFETY_NET)
        } else {
            self.time(place)
        }
    }

    fn later(&self, wait: Duration) -> DateTime<Utc> {
        let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        let later = self.start.checked_add_signed(wait);
        later.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_share_has_a_safety_net_and_the_rest_keeps_the_rate() {
        let start: DateTime<Utc> = "2026-11-24T08:00:00Z".parse().unwrap();
        let pace = Pace::spread(start, Duration::from_millis(500)).with_first(2);

        let due = [0, 1, 2, 3].map(|place| (pace.due_at(place) - start).num_milliseconds());

        assert_eq!(due, [30_000, 30_000, 1_000, 1_500]);
        assert_eq!((pace.time(1) - start).num_milliseconds(), 500);
    }
}
