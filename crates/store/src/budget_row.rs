//! How an account's budget stands in its table, and the day that it is for.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::poller_row::to_u32;
use crate::{Budget, Error, Result, time};

/// Every column of a budget that is read back.
pub(crate) const COLUMNS: &str = "day, turns_at, used, day_limit, remaining, held_until_ns, between_ns, poll_cost, stretch, paced_at";

const MS_PER_DAY: i64 = 86_400_000;

#[derive(sqlx::FromRow)]
pub(crate) struct BudgetRow {
    day: i64,
    turns_at: i64,
    used: i64,
    day_limit: Option<i64>,
    remaining: Option<i64>,
    held_until_ns: i64,
    between_ns: i64,
    poll_cost: i64,
    stretch: i64,
    paced_at: i64,
}

/// A day of the budget, which need not begin at midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    /// Days since 1970.
    pub(crate) number: i64,
    /// How long after midnight UTC it begins and ends.
    pub(crate) turns_at_ms: i64,
}

impl Day {
    /// The day of this moment.
    pub(crate) fn of(at: DateTime<Utc>, turns_at: Duration) -> Self {
        let turns_at_ms = i64::try_from(turns_at.as_millis()).unwrap_or(0);
        Self {
            number: (time::to_ms(at) - turns_at_ms).div_euclid(MS_PER_DAY),
            turns_at_ms,
        }
    }

    /// The begin of the next day.
    pub(crate) fn end(self) -> DateTime<Utc> {
        let ms = (self.number + 1) * MS_PER_DAY + self.turns_at_ms;
        DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl TryFrom<BudgetRow> for Budget {
    type Error = Error;

    fn try_from(row: BudgetRow) -> Result<Self> {
        let count = |number: i64| to_u32("a budget's count", number);
        let held = DateTime::from_timestamp_nanos(row.held_until_ns);
        let day = Day {
            number: row.day,
            turns_at_ms: row.turns_at,
        };
        Ok(Self {
            day: time::from_ms(row.day.saturating_mul(MS_PER_DAY))?.date_naive(),
            resets_at: day.end(),
            used: count(row.used)?,
            limit: row.day_limit.map(count).transpose()?,
            // More may be granted than Insightly said was left, until it says so again.
            remaining: row.remaining.map(|left| count(left.max(0))).transpose()?,
            per_second: (row.between_ns > 0).then(|| 1e9 / row.between_ns as f64),
            held_until: (row.held_until_ns > 0).then_some(held),
            poll_cost: row.poll_cost as f64 / 1000.0,
            stretch: row.stretch as f64 / 1000.0,
            paced_at: time::from_ms(row.paced_at)?,
        })
    }
}

impl Budget {
    /// The budget as it stands now: a day that is over has left nothing but its limit.
    pub fn at(self, now: DateTime<Utc>) -> Self {
        if now < self.resets_at {
            return self;
        }
        let turns_at = time::to_ms(self.resets_at).rem_euclid(MS_PER_DAY);
        let day = Day::of(now, Duration::from_millis(turns_at.unsigned_abs()));
        let begin = DateTime::from_timestamp_millis(day.number * MS_PER_DAY);
        Self {
            day: begin.map_or(self.day, |begin| begin.date_naive()),
            resets_at: day.end(),
            used: 0,
            remaining: None,
            stretch: 1.0,
            ..self
        }
    }

    /// What is left of the day, as far as anybody knows.
    pub fn left(&self) -> Option<u32> {
        let by_limit = self.limit.map(|limit| limit.saturating_sub(self.used));
        self.remaining.or(by_limit)
    }
}

pub(crate) fn nanoseconds(at: DateTime<Utc>) -> Result<i64> {
    at.timestamp_nanos_opt()
        .ok_or_else(|| Error::corrupt("a time", format!("{at} is too far away for a budget")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_day_begins_at_midnight_utc() {
        let day = Day::of(at("2026-11-24T23:59:59.999Z"), Duration::ZERO);

        assert_eq!(day.end(), at("2026-11-25T00:00:00Z"));
    }

    #[test]
    fn a_day_may_turn_at_another_time() {
        let turns_at = Duration::from_secs(8 * 3600);

        let morning = Day::of(at("2026-11-24T07:59:59Z"), turns_at);
        let later = Day::of(at("2026-11-24T08:00:00Z"), turns_at);

        assert_eq!(morning.end(), at("2026-11-24T08:00:00Z"));
        assert_eq!(later.end(), at("2026-11-25T08:00:00Z"));
    }

    #[test]
    fn a_day_that_is_over_leaves_nothing_but_its_limit() {
        let budget = Budget {
            day: at("2026-11-23T00:00:00Z").date_naive(),
            resets_at: at("2026-11-24T08:00:00Z"),
            used: 900,
            limit: Some(1000),
            remaining: Some(10),
            per_second: None,
            held_until: None,
            poll_cost: 1.0,
            stretch: 7.0,
            paced_at: at("2026-11-24T07:00:00Z"),
        };

        let now = budget.at(at("2026-11-25T09:00:00Z"));

        assert_eq!(budget.left(), Some(10));
        assert_eq!((now.left(), now.used, now.stretch), (Some(1000), 0, 1.0));
        assert_eq!(now.resets_at, at("2026-11-26T08:00:00Z"));
        assert_eq!(now.day, at("2026-11-25T00:00:00Z").date_naive());
        assert_eq!(budget.at(at("2026-11-24T07:59:59Z")), budget);
    }
}
