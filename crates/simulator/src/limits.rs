//! Insightly's two limits, of a second and of a day, both per account.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400_000;

/// What counts as one second, of which Insightly says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// Any second: the stricter one.
    #[default]
    Sliding,
    /// From one full second to the next.
    Calendar,
}

/// How much an account may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests per second.
    pub per_second: u32,
    /// Requests per day.
    pub per_day: u32,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Granted,
    /// Too many in this second; the next chance comes after so many milliseconds.
    Burst {
        wait: i64,
    },
    /// The day's requests are used up until it turns, so many milliseconds from now.
    DaySpent {
        wait: i64,
    },
}

/// Counts an account's requests.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    day: i64,
    used: u32,
    /// When the granted requests of the last second came.
    granted: VecDeque<i64>,
    /// When all requests of the last second came.
    arrived: VecDeque<i64>,
    most_in_a_second: usize,
}

impl Meter {
    /// Counts a request, whatever becomes of it.
    pub(crate) fn arrive(&mut self, now: i64) {
        forget(&mut self.arrived, now, now - SECOND);
        self.arrived.push_back(now);
        self.most_in_a_second = self.most_in_a_second.max(self.arrived.len());
    }

    /// Whether the limits admit a request; refused ones do not count. The day turns at `turn` ms after midnight UTC.
    pub(crate) fn ask(&mut self, limits: Limits, window: Window, turn: i64, now: i64) -> Verdict {
        self.turn_day(turn, now);
        if self.used >= limits.per_day {
            let wait = (self.day + 1) * DAY + turn - now;
            return Verdict::DaySpent { wait };
        }
        let start = match window {
            Window::Sliding => now - SECOND,
            Window::Calendar => now - now.rem_euclid(SECOND) - 1,
        };
        forget(&mut self.granted, now, start);
        if self.granted.len() >= limits.per_second as usize {
            let oldest = self.granted.front().copied().unwrap_or(now);
            let wait = match window {
                Window::Sliding => oldest + SECOND - now,
                Window::Calendar => SECOND - now.rem_euclid(SECOND),
            };
            return Verdict::Burst { wait };
        }
        self.granted.push_back(now);
        self.used += 1;
        Verdict::Granted
    }

    fn turn_day(&mut self, turn: i64, now: i64) {
        let day = (now - turn).div_euclid(DAY);
        if day != self.day {
            self.day = day;
            self.used = 0;
        }
    }

    pub(crate) fn remaining(&self, limits: Limits) -> u32 {
        limits.per_day.saturating_sub(self.used)
    }

    pub(crate) fn used(&self) -> u32 {
        self.used
    }

    /// Says how many of the day's requests are used up.
    pub(crate) fn set_used(&mut self, used: u32, turn: i64, now: i64) {
        self.turn_day(turn, now);
        self.used = used;
    }

    pub(crate) fn most_in_a_second(&self) -> usize {
        self.most_in_a_second
    }

    pub(crate) fn reset_statistics(&mut self) {
        self.most_in_a_second = 0;
        self.arrived.clear();
    }
}

/// Drops what came at `start` or before; everything, when the clock was set back since.
fn forget(times: &mut VecDeque<i64>, now: i64, start: i64) {
    if times.back().is_some_and(|last| *last > now) {
        times.clear();
    }
    while times.front().is_some_and(|first| *first <= start) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        per_second: 2,
        per_day: 5,
    };

    fn ask(meter: &mut Meter, now: i64) -> Verdict {
        meter.ask(LIMITS, Window::Sliding, 0, now)
    }

    #[test]
    fn a_sliding_second_holds_no_more_than_the_limit() {
        let mut meter = Meter::default();

        assert_eq!(ask(&mut meter, 900), Verdict::Granted);
        assert_eq!(ask(&mut meter, 950), Verdict::Granted);
        assert_eq!(ask(&mut meter, 1_000), Verdict::Burst { wait: 900 });
        assert_eq!(ask(&mut meter, 1_900), Verdict::Granted);
    }

    #[test]
    fn a_calendar_second_starts_afresh() {
        let mut meter = Meter::default();
        let mut ask = |now| meter.ask(LIMITS, Window::Calendar, 0, now);

        assert_eq!(ask(900), Verdict::Granted);
        assert_eq!(ask(950), Verdict::Granted);
        assert_eq!(ask(960), Verdict::Burst { wait: 40 });
        assert_eq!(ask(1_000), Verdict::Granted);
    }

    #[test]
    fn a_spent_day_refuses_until_it_turns() {
        let mut meter = Meter::default();
        for second in 0..5 {
            assert_eq!(ask(&mut meter, second * 1_000), Verdict::Granted);
        }

        assert_eq!(
            ask(&mut meter, 10_000),
            Verdict::DaySpent { wait: DAY - 10_000 }
        );
        assert_eq!(meter.remaining(LIMITS), 0);
        assert_eq!(ask(&mut meter, DAY), Verdict::Granted);
        assert_eq!(meter.remaining(LIMITS), 4);
    }

    #[test]
    fn the_day_turns_when_it_is_said_to() {
        let mut meter = Meter::default();
        let turn = 3 * 3_600_000;
        let limits = Limits {
            per_second: 9,
            per_day: 1,
        };
        let mut ask = |now| meter.ask(limits, Window::Sliding, turn, now);

        assert_eq!(ask(DAY), Verdict::Granted);
        assert_eq!(ask(DAY + turn - 1), Verdict::DaySpent { wait: 1 });
        assert_eq!(ask(DAY + turn), Verdict::Granted);
    }

    #[test]
    fn refused_requests_are_counted_as_seen() {
        let mut meter = Meter::default();

        for now in 0..7 {
            meter.arrive(now);
        }
        meter.arrive(5_000);

        assert_eq!(meter.most_in_a_second(), 7);
    }
}
