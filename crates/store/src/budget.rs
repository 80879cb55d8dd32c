//! The request budget of each Insightly account, shared by every worker: one row, one statement per request.
//!
//! The rate is kept by GCRA: `arrival_ns` is the time by which everything granted so far would have been sent at the
//! exact rate. A request is granted while that lies no further ahead than the burst allows. Who has to wait is given a
//! place behind the others who wait (`queue_end_ns`), so that they come back one by one and not all at once.
//!
//! Index: `budgets` by account.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use ie_model::AccountKey;

use crate::poller_row::to_u32;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Result, Store, time};

/// Nobody is sent further back in the queue than this: those who never come back must not delay those who do.
const LONGEST_QUEUE: Duration = Duration::from_secs(10);

/// The slowest rate that is kept: one request per day.
const SLOWEST_NS: f64 = 86_400e9;

/// What an account may ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests per second, on average.
    pub per_second: f64,
    /// Requests at once after a pause, at least 1.
    pub burst: u32,
    /// Requests per day (UTC), if we limit them.
    pub per_day: Option<u32>,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Send it now: it is counted.
    Granted,
    /// Ask again after this time; nothing was counted.
    Wait(Duration),
    /// The day's requests are used up; ask again then.
    DaySpent {
        /// The begin of the next day.
        until: DateTime<Utc>,
    },
}

/// Where an account's budget stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The day (UTC) that the counts belong to.
    pub day: NaiveDate,
    /// Requests that we sent on that day.
    pub used: u32,
    /// The day's limit, as Insightly said last.
    pub limit: Option<u32>,
    /// What is left of it, as Insightly said last on that day.
    pub remaining: Option<u32>,
    /// Nothing is sent before this time, after a refusal.
    pub held_until: Option<DateTime<Utc>>,
}

const GRANTED: i64 = 0;
const SPENT: i64 = 2;

/// The decision (0 granted, 1 wait, 2 day spent) and what it changes. The new row is the answer.
///
/// `$1` account, `$2` now, `$3` time between two requests, `$4` how far arrival may lie ahead, `$5` day, `$6` limit of
/// the day, `$7` longest queue.
const TAKE_PERMIT: &str = "INSERT INTO budgets \
     (account, arrival_ns, queue_end_ns, held_until_ns, day, used, decision) \
     VALUES ($1, $2 + $3, 0, 0, $5, 1, 0) \
     ON CONFLICT (account) DO UPDATE SET \
     (arrival_ns, queue_end_ns, day, used, remaining, decision) = (SELECT \
       CASE WHEN decided.decision = 0 \
         THEN {greatest}(budgets.arrival_ns, $2) + $3 ELSE budgets.arrival_ns END, \
       CASE WHEN decided.decision = 1 \
         THEN {least}({greatest}(budgets.queue_end_ns, decided.free_at), decided.free_at + $7) + $3 \
         ELSE budgets.queue_end_ns END, \
       {greatest}(budgets.day, $5), \
       CASE WHEN decided.decision = 0 THEN decided.used + 1 ELSE decided.used END, \
       decided.remaining, \
       decided.decision \
     FROM (SELECT today.*, CASE \
         WHEN today.used >= $6 OR today.remaining <= 0 THEN 2 \
         WHEN today.free_at <= $2 THEN 0 ELSE 1 END AS decision \
       FROM (SELECT \
         {greatest}(budgets.arrival_ns - $4, budgets.held_until_ns) AS free_at, \
         CASE WHEN budgets.day < $5 THEN 0 ELSE budgets.used END AS used, \
         CASE WHEN budgets.day < $5 THEN NULL ELSE budgets.remaining END AS remaining \
       ) AS today) AS decided) \
     RETURNING decision, queue_end_ns";

const NOTE_BUDGET: &str = "INSERT INTO budgets \
     (account, arrival_ns, queue_end_ns, held_until_ns, day, used, day_limit, remaining, decision) \
     VALUES ($1, 0, 0, 0, $2, 0, $3, $4, 0) \
     ON CONFLICT (account) DO UPDATE SET \
     day = {greatest}(budgets.day, excluded.day), \
     used = CASE WHEN budgets.day < excluded.day THEN 0 ELSE budgets.used END, \
     day_limit = COALESCE(excluded.day_limit, budgets.day_limit), \
     remaining = CASE WHEN budgets.day > excluded.day THEN budgets.remaining \
       WHEN excluded.remaining IS NOT NULL THEN excluded.remaining \
       WHEN budgets.day < excluded.day THEN NULL ELSE budgets.remaining END";

const HOLD: &str = "INSERT INTO budgets \
     (account, arrival_ns, queue_end_ns, held_until_ns, day, used, decision) \
     VALUES ($1, 0, 0, $2, $3, 0, 0) \
     ON CONFLICT (account) DO UPDATE SET \
     held_until_ns = {greatest}(budgets.held_until_ns, excluded.held_until_ns)";

pub(crate) const SELECT_BUDGET: &str =
    "SELECT day, used, day_limit, remaining, held_until_ns FROM budgets WHERE account = $1";

#[derive(sqlx::FromRow)]
struct BudgetRow {
    day: i64,
    used: i64,
    day_limit: Option<i64>,
    remaining: Option<i64>,
    held_until_ns: i64,
}

impl Store {
    /// Asks whether a request may be sent to this account now, and counts it if so.
    pub async fn take_permit(
        &self,
        account: &AccountKey,
        rate: Rate,
        now: DateTime<Utc>,
    ) -> Result<Permit> {
        let _timer = Timer::start("take_permit");
        let spent = Permit::DaySpent {
            until: next_day(now),
        };
        if rate.per_day == Some(0) {
            return Ok(spent);
        }
        let (now_ns, between) = (nanoseconds(now)?, rate.between_ns());
        let ahead = between.saturating_mul(i64::from(rate.burst.max(1)) - 1);
        let sql = Sql::new(TAKE_PERMIT)
            .bind(account)
            .bind(now_ns)
            .bind(between)
            .bind(ahead)
            .bind(day(now))
            .bind(rate.per_day)
            .bind(i64::try_from(LONGEST_QUEUE.as_nanos()).unwrap_or(i64::MAX));
        let answer: Vec<(i64, i64)> = self.database.write_returning(sql).await?;
        match answer.first() {
            Some((GRANTED, _)) => Ok(Permit::Granted),
            Some((SPENT, _)) => Ok(spent),
            Some((_, queue_end)) => {
                let wait = queue_end - between - now_ns;
                Ok(Permit::Wait(Duration::from_nanos(wait.unsigned_abs())))
            }
            None => Err(Error::Refused("a permit's upsert returned no row".into())),
        }
    }

    /// Notes what Insightly said about the day's budget. Nothing remaining means that the day is spent.
    pub async fn note_budget(
        &self,
        account: &AccountKey,
        limit: Option<u32>,
        remaining: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let _timer = Timer::start("note_budget");
        let sql = Sql::new(NOTE_BUDGET).bind(account).bind(day(now));
        self.database.write(sql.bind(limit).bind(remaining)).await?;
        Ok(())
    }

    /// Grants nothing to this account before `until`; a longer hold stays.
    pub async fn hold_account(&self, account: &AccountKey, until: DateTime<Utc>) -> Result<()> {
        let _timer = Timer::start("hold_account");
        let sql = Sql::new(HOLD)
            .bind(account)
            .bind(nanoseconds(until)?)
            .bind(day(self.clock.now()));
        self.database.write(sql).await?;
        Ok(())
    }

    /// Where an account's budget stands; none when it was never asked for.
    pub async fn budget(&self, account: &AccountKey) -> Result<Option<Budget>> {
        let _timer = Timer::start("budget");
        let sql = Sql::new(SELECT_BUDGET).bind(account);
        let row: Option<BudgetRow> = self.database.optional(sql).await?;
        row.map(Budget::try_from).transpose()
    }
}

impl Rate {
    /// The time between two requests at the exact rate, rounded up: never faster.
    fn between_ns(self) -> i64 {
        let exact = (1e9 / self.per_second).ceil();
        // `as` is exact for whole numbers below 2^53, and a rate that is none (0, negative, NaN) is the slowest.
        if (1.0..=SLOWEST_NS).contains(&exact) {
            exact as i64
        } else {
            SLOWEST_NS as i64
        }
    }
}

impl TryFrom<BudgetRow> for Budget {
    type Error = Error;

    fn try_from(row: BudgetRow) -> Result<Self> {
        let count = |number: i64| to_u32("a budget's count", number);
        let held = DateTime::from_timestamp_nanos(row.held_until_ns);
        Ok(Self {
            day: time::from_ms(row.day.saturating_mul(MS_PER_DAY))?.date_naive(),
            used: count(row.used)?,
            limit: row.day_limit.map(count).transpose()?,
            remaining: row.remaining.map(count).transpose()?,
            held_until: (row.held_until_ns > 0).then_some(held),
        })
    }
}

const MS_PER_DAY: i64 = 86_400_000;

/// Days since 1970.
fn day(at: DateTime<Utc>) -> i64 {
    time::to_ms(at).div_euclid(MS_PER_DAY)
}

fn next_day(now: DateTime<Utc>) -> DateTime<Utc> {
    let midnight = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    midnight
        .checked_add_days(Days::new(1))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn nanoseconds(at: DateTime<Utc>) -> Result<i64> {
    at.timestamp_nanos_opt()
        .ok_or_else(|| Error::corrupt("a time", format!("{at} is too far away for a budget")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: f64) -> Rate {
        Rate {
            per_second,
            burst: 1,
            per_day: None,
        }
    }

    #[test]
    fn the_time_between_requests_is_rounded_up() {
        assert_eq!(rate(10.0).between_ns(), 100_000_000);
        assert_eq!(rate(3.0).between_ns(), 333_333_334);
    }

    #[test]
    fn a_rate_that_is_none_is_the_slowest() {
        for nothing in [0.0, -1.0, f64::NAN, 1e-30] {
            assert_eq!(rate(nothing).between_ns(), SLOWEST_NS as i64);
        }
    }

    #[test]
    fn the_next_day_begins_at_midnight_utc() {
        let evening = "2026-11-24T23:59:59.999Z".parse().unwrap();

        assert_eq!(next_day(evening).to_rfc3339(), "2026-11-25T00:00:00+00:00");
    }
}
