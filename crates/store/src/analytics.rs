//! Events counted by time: how many there were, and how they ended.
//!
//! Index: `notifications_counted`, which holds all that the counting needs; how events ended costs a look at
//! `deliveries` by id for each. So the cost follows the events of the span, not those of the store.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use ie_model::{InstanceId, OrganizationId};

use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, time};

/// What events are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interval {
    /// Minutes.
    Minute,
    /// Hours.
    #[default]
    Hour,
    /// Days of UTC.
    Day,
}

/// The text names no interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected minute, hour or day, got {0:?}")]
pub struct UnknownInterval(String);

impl Interval {
    /// Every interval.
    pub const ALL: [Interval; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    fn milliseconds(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }
}

impl FromStr for Interval {
    type Err = UnknownInterval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| UnknownInterval(text.to_owned()))
    }
}

/// Which events are counted, and by what: those from `from` to `to`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Of this organization's instances.
    pub organization: OrganizationId,
    /// Of this instance alone.
    pub instance: Option<InstanceId>,
    /// The first moment.
    pub from: DateTime<Utc>,
    /// The last moment.
    pub to: DateTime<Utc>,
    /// What they are counted by.
    pub interval: Interval,
}

/// How the events of one instance in one interval ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcomes {
    /// The number of the interval since 1970.
    pub interval: i64,
    /// Whose events.
    pub instance: InstanceId,
    /// How many there are.
    pub count: u64,
    /// How many were accepted.
    pub success: u64,
    /// How many are dead letters, given up or not. What is neither is under way.
    pub failed: u64,
}

impl Span {
    /// The numbers of its intervals since 1970: the one that `from` lies in, the one that `to` lies in and all between.
    pub fn intervals(&self) -> std::ops::RangeInclusive<i64> {
        let number = |at: DateTime<Utc>| time::to_ms(at).div_euclid(self.interval.milliseconds());
        number(self.from)..=number(self.to)
    }

    /// When the interval of this number begins; none outside of the calendar.
    pub fn start(&self, interval: i64) -> Option<DateTime<Utc>> {
        let start = interval.checked_mul(self.interval.milliseconds())?;
        DateTime::from_timestamp_millis(start)
    }

    /// A statement that ends with `condition`, where the values 1 to 4 are bound: the interval, the organization, the times.
    fn select(&self, columns_and_tables: &'static str) -> Sql {
        let mut sql = Sql::new(columns_and_tables)
            .bind(self.interval.milliseconds())
            .bind(self.organization)
            .bind(self.from)
            .bind(self.to);
        // What the operator is told is no event of an instance's owner, here as in the list.
        sql.push(
            "WHERE notifications.instance_id IN (SELECT id FROM instances WHERE organization_id = $2) \
             AND notifications.created_at >= $3 AND notifications.created_at <= $4 \
             AND notifications.purpose <> 'operator'",
        );
        if let Some(instance) = self.instance {
            sql.push_bind(" AND notifications.instance_id = ", instance);
        }
        sql
    }
}

/// How many events there were in each interval that had some.
pub(crate) fn count(span: &Span) -> Sql {
    let mut sql =
        span.select("SELECT notifications.created_at / $1 AS number, COUNT(*) FROM notifications ");
    sql.push(" GROUP BY number ORDER BY number");
    sql
}

/// How they ended, by interval and instance.
pub(crate) fn outcomes(span: &Span, limit: u32) -> Sql {
    let mut sql = span.select(
        "SELECT notifications.created_at / $1 AS number, notifications.instance_id, COUNT(*), \
         COUNT(CASE WHEN deliveries.status = 'NOTIFIED' THEN 1 END), \
         COUNT(CASE WHEN deliveries.status IN ('FAILED', 'DISCARDED') THEN 1 END) \
         FROM notifications JOIN deliveries ON deliveries.notification_id = notifications.id ",
    );
    sql.push(" GROUP BY number, notifications.instance_id")
        .push(" ORDER BY number, notifications.instance_id")
        .push_bind(" LIMIT ", limit);
    sql
}

impl Store {
    /// How many events there were, by the number of the interval; one without events is left out.
    pub async fn event_counts(&self, span: &Span) -> Result<Vec<(i64, u64)>> {
        let _timer = Timer::start("event_counts");
        let rows: Vec<(i64, i64)> = self.database.all(count(span)).await?;
        let counts = rows.into_iter();
        Ok(counts
            .map(|(interval, count)| (interval, count.unsigned_abs()))
            .collect())
    }

    /// How events ended, by interval and instance, `limit` of these at the most; one without events is left out.
    pub async fn event_outcomes(&self, span: &Span, limit: u32) -> Result<Vec<Outcomes>> {
        let _timer = Timer::start("event_outcomes");
        let rows: Vec<(i64, i64, i64, i64, i64)> = self.database.all(outcomes(span, limit)).await?;
        let outcomes = rows.into_iter();
        Ok(outcomes
            .map(|(interval, instance, count, success, failed)| Outcomes {
                interval,
                instance: InstanceId(instance),
                count: count.unsigned_abs(),
                success: success.unsigned_abs(),
                failed: failed.unsigned_abs(),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn span(from: &str, to: &str, interval: Interval) -> Span {
        Span {
            organization: OrganizationId(1),
            instance: None,
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            interval,
        }
    }

    #[rstest]
    #[case("2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z", Interval::Minute, 61)]
    #[case("2026-11-24T10:00:59Z", "2026-11-24T11:00:01Z", Interval::Minute, 61)]
    #[case("2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", Interval::Hour, 1)]
    #[case("2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z", Interval::Day, 2)]
    #[case("1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", Interval::Minute, 2)]
    fn both_ends_are_included(
        #[case] from: &str,
        #[case] to: &str,
        #[case] interval: Interval,
        #[case] count: usize,
    ) {
        assert_eq!(span(from, to, interval).intervals().count(), count);
    }

    #[test]
    fn an_interval_begins_where_its_clock_strikes() {
        let span = span(
            "2026-11-24T10:07:31Z",
            "2026-11-24T11:00:00Z",
            Interval::Hour,
        );

        let first = *span.intervals().start();

        assert_eq!(span.start(first), "2026-11-24T10:00:00Z".parse().ok());
        assert_eq!(span.start(i64::MAX), None);
    }
}
