//! Notices when the machine's clock is put back, by the clock that only counts.
//!
//! A clock that was ahead has put polls, retries and requests off for as long as it was; they would wait for it.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// NTP moves a clock by less without a step.
const TOLERANCE: Duration = Duration::from_secs(5);

/// Machines and processes do not step in the same moment: for so long what they write is put right as well.
const AFTERMATH: Duration = Duration::from_secs(5);

/// Compares the two clocks.
#[derive(Debug)]
pub(crate) struct ClockWatch {
    last: (DateTime<Utc>, Instant),
    /// The step, and until when it is made good.
    step: Option<(Duration, Instant)>,
}

impl ClockWatch {
    /// Begins now, by both clocks.
    pub(crate) fn new(now: DateTime<Utc>, counted: Instant) -> Self {
        Self {
            last: (now, counted),
            step: None,
        }
    }

    /// By how much the clock was put back, if that is still to be made good.
    pub(crate) fn look(&mut self, now: DateTime<Utc>, counted: Instant) -> Option<Duration> {
        let passed = counted.saturating_duration_since(self.last.1);
        let went_back = (self.last.0 - now).to_std().unwrap_or_default();
        self.last = (now, counted);
        if went_back > TOLERANCE {
            self.step = Some((went_back + passed, counted + AFTERMATH));
        }
        self.step = self.step.filter(|(_, until)| counted < *until);
        self.step.map(|(step, _)| step)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_clock_that_is_put_back_is_noticed_for_a_while() {
        let (now, counted) = (DateTime::<Utc>::UNIX_EPOCH, Instant::now());
        let mut watch = ClockWatch::new(now, counted);
        let back = now - TimeDelta::hours(1);

        let steps: Vec<_> = (1..=7)
            .map(|tick| watch.look(back + SECOND * tick, counted + SECOND * tick))
            .collect();

        // An hour less the second that had passed, and that second.
        assert_eq!(steps[0], Some(Duration::from_secs(3_600)));
        assert_eq!(steps[4], steps[0]);
        assert_eq!(steps[5..], [None, None]);
    }

    #[test]
    fn a_clock_that_goes_on_jumps_ahead_or_is_slewed_is_left_alone() {
        let (now, counted) = (DateTime::<Utc>::UNIX_EPOCH, Instant::now());
        let mut watch = ClockWatch::new(now, counted);

        assert_eq!(watch.look(now + SECOND, counted + SECOND), None);
        assert_eq!(watch.look(now + SECOND * 9_000, counted + SECOND * 2), None);
        assert_eq!(watch.look(now + SECOND * 8_997, counted + SECOND * 3), None);
    }

    #[test]
    fn a_clock_that_stands_still_is_none_that_was_put_back() {
        let (now, counted) = (DateTime::<Utc>::UNIX_EPOCH, Instant::now());
        let mut watch = ClockWatch::new(now, counted);

        assert_eq!(watch.look(now, counted + SECOND * 60), None);
    }
}
