//! How an account's requests are shared out over the day, and when a poller is due next: the decisions, pure.
//!
//! When what is left of the day is less than the account's pollers would ask for at their intervals, every interval is
//! stretched by the same factor. As it is computed anew all the time, what is left falls evenly to the reserve at the
//! end of the day: nobody is left out and nobody comes late because others were early.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::Poller;
use ie_store::Demand;

/// No interval is stretched further: it ends with the day anyway.
const LONGEST_STRETCH: f64 = 1e6;

/// The share of the rate that polls may plan with; the rest is for walks of many pages.
const PLANNED_RATE: f64 = 0.9;

/// What an account has for the rest of its day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Supply {
    /// Requests left today, as far as anybody knows.
    pub(crate) left: Option<u32>,
    /// Requests of them that are not for polls.
    pub(crate) reserve: u32,
    /// Requests per second.
    pub(crate) per_second: f64,
    /// Time until the day turns.
    pub(crate) rest: Duration,
}

/// How the requests of an account are shared out just now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// By how much intervals are stretched, at least 1.
    pub(crate) stretch: f64,
    /// When the next day begins, with all its requests.
    pub(crate) resets_at: DateTime<Utc>,
}

/// When a poller is due next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// Then.
    pub(crate) due: DateTime<Utc>,
    /// When it would be if there were requests enough; none when that is the same.
    pub(crate) planned: Option<DateTime<Utc>>,
}

/// By how much intervals must be stretched so that the supply suffices; a poll takes `cost` requests on average.
pub(crate) fn stretch(demand: Demand, cost: f64, supply: Supply) -> f64 {
    let rest = supply.rest.as_secs_f64();
    let need = demand.polls_per_day * rest / 86_400.0 * cost.max(1.0);
    let by_day = supply.left.map_or(f64::INFINITY, |left| {
        f64::from(left.saturating_sub(supply.reserve))
    });
    let available = by_day.min(supply.per_second * PLANNED_RATE * rest);
    if need <= available {
        1.0
    } else {
        (need / available).min(LONGEST_STRETCH)
    }
}

/// When a poller is due after a poll that ends now. `jitter` is a share of the interval, `dice` a number from 0 to 1.
///
/// Who was polled late returns to the rhythm that it had, so that pollers which were late together do not stay together.
pub(crate) fn next(
    poller: &Poller,
    pace: Pace,
    now: DateTime<Utc>,
    (jitter, dice): (f64, f64),
) -> Next {
    let interval = i64::from(poller.interval_minutes.max(1)) * 60_000;
    let late = (now - poller.planned_at).num_milliseconds();
    let pause = if late > interval / 10 {
        let to_beat = interval - late % interval;
        if to_beat < interval / 2 {
            to_beat + interval
        } else {
            to_beat
        }
    } else {
        interval
    };
    let spread = interval as f64 * jitter * (2.0 * dice - 1.0);
    let pause = pause as f64 + spread;
    let planned = now + milliseconds(pause);
    if pace.stretch <= 1.0 {
        return Next {
            due: planned,
            planned: None,
        };
    }
    // Spread over an interval once the day has turned, when there is enough again.
    let tomorrow = pace.resets_at + milliseconds(interval as f64 * dice);
    let due = (now + milliseconds(pause * pace.stretch)).min(tomorrow);
    Next {
        due: due.max(planned),
        planned: Some(planned).filter(|planned| *planned < due),
    }
}

fn milliseconds(ms: f64) -> TimeDelta {
    TimeDelta::milliseconds(ms as i64)
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
