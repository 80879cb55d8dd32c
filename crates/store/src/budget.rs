//! The request budget of each Insightly account, shared by every worker: one row, one statement per request.
//!
//! The rate is kept by GCRA: `arrival_ns` is the time by which everything granted so far is sent at the exact rate.
//! Who asks is given the next moment that is free, also one in the future if it is willing to wait for it: it waits on
//! its own and sends, so that neither a round trip to the database nor a lock lies between two requests, and those who
//! wait take turns. Who is not willing is told when to come back: each a little later than the one before
//! (`queue_end_ns`), so that they come back one by one and not all at once.
//!
//! Index: `budgets` by account; [`Store::demand`] finds an account's pollers by `instances_by_account`.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use ie_model::AccountKey;

use crate::budget_row::{BudgetRow, COLUMNS, Day, nanoseconds};
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Result, Store, time};

/// Nobody is sent further back in the queue than this: those who never come back must not delay those who do.
const LONGEST_QUEUE: Duration = Duration::from_secs(600);

/// One poll counts as so many requests at the most when the average is taken: a long walk is the exception.
const DEAREST_POLL: u32 = 20;

/// The slowest rate that is kept: one request per day.
const SLOWEST_NS: f64 = 86_400e9;

/// What an account may ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests per second, on average.
    pub per_second: f64,
    /// Requests at once after a pause, at least 1.
    pub burst: u32,
    /// Requests per day, if we limit them beyond what Insightly says.
    pub per_day: Option<u32>,
    /// Requests of the day that are left over for other things.
    pub reserve: u32,
    /// When the day turns, after midnight UTC.
    pub day_turns_at: Duration,
}

/// A wish to send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Now.
    pub now: DateTime<Utc>,
    /// The request is not sent before this time has passed.
    pub lead: Duration,
    /// The request is not wanted later than this.
    pub patience: Duration,
    /// Whether it was granted and counted before, and its moment was missed.
    pub counted: bool,
    /// Whether it comes back when it is told to, so that it takes a place in the queue.
    pub queues: bool,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Send it at this moment, which may be a little ahead: it is counted.
    Granted {
        /// The moment.
        at: DateTime<Utc>,
    },
    /// Come back then; nothing was counted.
    Later {
        /// The place in the queue of those who come back.
        at: DateTime<Utc>,
    },
    /// The day's requests are used up; ask again then.
    DaySpent {
        /// The begin of the next day.
        until: DateTime<Utc>,
    },
}

/// What an answer of Insightly, or the end of a poll, tells of the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The day's limit.
    pub limit: Option<u32>,
    /// What is left of it. Nothing remaining means that the day is spent.
    pub remaining: Option<u32>,
    /// A poll has ended that took so many requests.
    pub poll: Option<u32>,
    /// When the day turns, after midnight UTC.
    pub day_turns_at: Duration,
}

/// Where an account's budget stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The day that the counts belong to, named by the date on which it begins.
    pub day: NaiveDate,
    /// When the next day begins.
    pub resets_at: DateTime<Utc>,
    /// Requests that we sent on that day.
    pub used: u32,
    /// The day's limit, as Insightly said last.
    pub limit: Option<u32>,
    /// What is left of it: as Insightly said last on that day, less what was granted since.
    pub remaining: Option<u32>,
    /// The rate that was asked for last.
    pub per_second: Option<f64>,
    /// Nothing is sent before this time, after a refusal.
    pub held_until: Option<DateTime<Utc>>,
    /// Requests that a poll takes on average.
    pub poll_cost: f64,
    /// By how much intervals are stretched for lack of requests; 1 when they are not.
    pub stretch: f64,
    /// When that was computed.
    pub paced_at: DateTime<Utc>,
}

/// What an account's active pollers would ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// How many they are.
    pub pollers: u32,
    /// Polls per day at their intervals.
    pub polls_per_day: f64,
}

const GRANTED: i64 = 0;
const SPENT: i64 = 2;

/// The decision (0 granted, 1 come back, 2 day spent) and what it changes. The new row is the answer.
///
/// `$1` account, `$2` the earliest moment, `$3` time between two requests, `$4` how far arrival may lie ahead, `$5`
/// day, `$6` limit of the day, `$7` the latest moment, `$8` reserve, `$9` 0 when it was counted before, else 1, `$10`
/// longest queue, `$11` when the day turns, `$12` 1 when it takes a place in the queue.
const TAKE_PERMIT: &str = "INSERT INTO budgets \
     (account, arrival_ns, queue_end_ns, held_until_ns, slot_ns, between_ns, day, turns_at, used, decision) \
     VALUES ($1, $2 + $3, 0, 0, $2, $3, $5, $11, $9, 0) \
     ON CONFLICT (account) DO UPDATE SET \
     (arrival_ns, queue_end_ns, slot_ns, between_ns, day, turns_at, used, remaining, decision) = (SELECT \
       CASE WHEN decided.decision = 0 \
         THEN {greatest}(budgets.arrival_ns, decided.slot) + $3 ELSE budgets.arrival_ns END, \
       CASE WHEN decided.decision = 1 AND $12 = 1 THEN decided.place + $3 ELSE budgets.queue_end_ns END, \
       CASE WHEN decided.decision = 1 THEN decided.place ELSE decided.slot END, \
       $3, {greatest}(budgets.day, $5), $11, \
       CASE WHEN decided.decision = 0 THEN decided.used + $9 ELSE decided.used END, \
       CASE WHEN decided.decision = 0 THEN decided.remaining - $9 ELSE decided.remaining END, \
       decided.decision \
     FROM (SELECT today.*, \
         {least}({greatest}(budgets.queue_end_ns, today.slot), today.slot + $10) AS place, CASE \
         WHEN today.used >= $6 OR COALESCE(today.remaining, budgets.day_limit - today.used) <= $8 THEN 2 \
         WHEN today.slot <= $7 THEN 0 ELSE 1 END AS decision \
       FROM (SELECT \
         {greatest}(budgets.arrival_ns - $4, budgets.held_until_ns, $2) AS slot, \
         CASE WHEN budgets.day < $5 THEN 0 ELSE budgets.used END AS used, \
         CASE WHEN budgets.day < $5 THEN NULL ELSE budgets.remaining END AS remaining \
       ) AS today) AS decided) \
     RETURNING decision, slot_ns";

/// `$1` account, `$2` day, `$3` when it turns, `$4` limit, `$5` remaining, `$6` requests of a poll that ended.
const NOTE_BUDGET: &str = "INSERT INTO budgets \
     (account, arrival_ns, queue_end_ns, held_until_ns, day, turns_at, used, day_limit, remaining, decision) \
     VALUES ($1, 0, 0, 0, $2, $3, 0, $4, $5, 0) \
     ON CONFLICT (account) DO UPDATE SET \
     day = {greatest}(budgets.day, excluded.day), turns_at = excluded.turns_at, \
     used = CASE WHEN budgets.day < excluded.day THEN 0 ELSE budgets.used END, \
     day_limit = COALESCE(excluded.day_limit, budgets.day_limit), \
     remaining = CASE WHEN budgets.day > excluded.day THEN budgets.remaining \
       WHEN excluded.remaining IS NOT NULL THEN excluded.remaining \
       WHEN budgets.day < excluded.day THEN NULL ELSE budgets.remaining END, \
     poll_cost = CASE WHEN $6 IS NULL THEN budgets.poll_cost \
       ELSE (budgets.poll_cost * 9 + $6 * 1000) / 10 END";

const HOLD: &str = "INSERT INTO budgets \
     (account, arrival_ns, queue_end_ns, held_until_ns, day, used, decision) \
     VALUES ($1, 0, 0, $2, $3, 0, 0) \
     ON CONFLICT (account) DO UPDATE SET \
     held_until_ns = {greatest}(budgets.held_until_ns, excluded.held_until_ns)";

const COUNT: &str = "UPDATE budgets SET used = used + $2, remaining = remaining - $2, \
     arrival_ns = {greatest}(arrival_ns, $3) + $2 * between_ns \
     WHERE account = $1 AND (day + 1) * 86400000 + turns_at > $4";

pub(crate) const DEMAND: &str = "SELECT COUNT(*), \
     CAST(COALESCE(SUM(1440000 / pollers.interval_minutes), 0) AS BIGINT) \
     FROM instances JOIN pollers ON pollers.instance_id = instances.id \
     WHERE instances.account = $1 AND instances.deleted_at IS NULL AND pollers.active \
     AND COALESCE(pollers.waiting, '') NOT IN ('refused key', 'skipped')";

pub(crate) fn select_budget(account: &AccountKey) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS)
        .push_bind(" FROM budgets WHERE account = ", account);
    sql
}

impl Store {
    /// Asks for a moment to send a request to this account, and counts the request when there is one.
    pub async fn take_permit(&self, account: &AccountKey, rate: Rate, ask: Ask) -> Result<Permit> {
        let _timer = Timer::start("take_permit");
        let day = Day::of(ask.now, rate.day_turns_at);
        let spent = Permit::DaySpent { until: day.end() };
        if rate.per_day == Some(0) {
            return Ok(spent);
        }
        let between = rate.between_ns();
        let earliest = nanoseconds(time::after(ask.now, ask.lead))?;
        let latest = nanoseconds(time::after(ask.now, ask.patience))?.max(earliest);
        let sql = Sql::new(TAKE_PERMIT)
            .bind(account)
            .bind(earliest)
            .bind(between)
            .bind(between.saturating_mul(i64::from(rate.burst.max(1)) - 1))
            .bind(day.number)
            .bind(rate.per_day)
            .bind(latest)
            .bind(rate.reserve)
            .bind(i64::from(!ask.counted))
            .bind(i64::try_from(LONGEST_QUEUE.as_nanos()).unwrap_or(i64::MAX))
            .bind(day.turns_at_ms)
            .bind(i64::from(ask.queues));
        let answer: Vec<(i64, i64)> = self.database.write_returning(sql).await?;
        match answer.first() {
            Some((GRANTED, at)) => Ok(Permit::Granted {
                at: DateTime::from_timestamp_nanos(*at),
            }),
            Some((SPENT, _)) => Ok(spent),
            Some((_, at)) => Ok(Permit::Later {
                at: DateTime::from_timestamp_nanos(*at),
            }),
            None => Err(Error::Refused("a permit's upsert returned no row".into())),
        }
    }

    /// Notes what is known of the day's budget now; returns where it stands.
    pub async fn note_budget(
        &self,
        account: &AccountKey,
        note: Note,
        now: DateTime<Utc>,
    ) -> Result<Budget> {
        let _timer = Timer::start("note_budget");
        let day = Day::of(now, note.day_turns_at);
        let mut sql = Sql::new(NOTE_BUDGET)
            .bind(account)
            .bind(day.number)
            .bind(day.turns_at_ms)
            .bind(note.limit)
            .bind(note.remaining)
            .bind(note.poll.map(|requests| requests.min(DEAREST_POLL)));
        sql.push(" RETURNING ").push(COLUMNS);
        let rows: Vec<BudgetRow> = self.database.write_returning(sql).await?;
        let row = rows.into_iter().next();
        row.ok_or_else(|| Error::Refused("a budget's upsert returned no row".into()))?
            .try_into()
    }

    /// Grants nothing to this account before `until`; a longer hold stays.
    pub async fn hold_account(&self, account: &AccountKey, until: DateTime<Utc>) -> Result<()> {
        let _timer = Timer::start("hold_account");
        let day = Day::of(self.clock.now(), Duration::ZERO);
        let sql = Sql::new(HOLD)
            .bind(account)
            .bind(nanoseconds(until)?)
            // The day before: whatever the first question's day is, it begins with nothing used.
            .bind(day.number - 1);
        self.database.write(sql).await?;
        Ok(())
    }

    /// Counts requests that were sent without a permit, such as those that check a key.
    pub async fn count_requests(
        &self,
        account: &AccountKey,
        requests: u32,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let _timer = Timer::start("count_requests");
        let sql = Sql::new(COUNT)
            .bind(account)
            .bind(requests)
            .bind(nanoseconds(now)?)
            .bind(now);
        self.database.write(sql).await?;
        Ok(())
    }

    /// Where an account's budget stands; none when it was never asked for.
    pub async fn budget(&self, account: &AccountKey) -> Result<Option<Budget>> {
        let _timer = Timer::start("budget");
        let row: Option<BudgetRow> = self.database.optional(select_budget(account)).await?;
        row.map(Budget::try_from).transpose()
    }

    /// What the account's active pollers would ask for; those that wait for a key or are skipped are left out.
    pub async fn demand(&self, account: &AccountKey) -> Result<Demand> {
        let _timer = Timer::start("demand");
        let sql = Sql::new(DEMAND).bind(account);
        let row: Option<(i64, i64)> = self.database.optional(sql).await?;
        let (pollers, thousandths) = row.unwrap_or_default();
        Ok(Demand {
            pollers: u32::try_from(pollers).unwrap_or(u32::MAX),
            polls_per_day: thousandths as f64 / 1000.0,
        })
    }

    /// Remembers by how much the account's intervals are to be stretched.
    pub async fn set_stretch(
        &self,
        account: &AccountKey,
        stretch: f64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let _timer = Timer::start("set_stretch");
        let sql = Sql::new("UPDATE budgets SET stretch = $2, paced_at = $3 WHERE account = $1")
            .bind(account)
            .bind((stretch * 1000.0) as i64)
            .bind(now);
        self.database.write(sql).await?;
        Ok(())
    }
}

impl Rate {
    /// A rate without bursts and without a limit of the day, which turns at midnight UTC.
    pub fn per_second(per_second: f64) -> Self {
        Self {
            per_second,
            burst: 1,
            per_day: None,
            reserve: 0,
            day_turns_at: Duration::ZERO,
        }
    }

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

impl Ask {
    /// A request that is sent at once or not at all.
    pub fn at_once(now: DateTime<Utc>) -> Self {
        Self {
            now,
            lead: Duration::ZERO,
            patience: Duration::ZERO,
            counted: false,
            queues: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_requests_is_rounded_up() {
        assert_eq!(Rate::per_second(10.0).between_ns(), 100_000_000);
        assert_eq!(Rate::per_second(3.0).between_ns(), 333_333_334);
    }

    #[test]
    fn a_rate_that_is_none_is_the_slowest() {
        for nothing in [0.0, -1.0, f64::NAN, 1e-30] {
            assert_eq!(Rate::per_second(nothing).between_ns(), SLOWEST_NS as i64);
        }
    }
}
