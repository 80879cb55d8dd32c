//! How short of requests the Insightly accounts are, all of them together: a number for each would be too many.

use chrono::{DateTime, Utc};

use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store};

/// A share is counted in millionths.
const WHOLE: i64 = 1_000_000;

/// `$1` now. A row of a day that is over says nothing: its account has the whole of today. Decision 2 is
/// [`crate::Permit::DaySpent`]: whoever asked last was told so, by Insightly's limit, the operator's or the owner's.
///
/// It reads a row per account, which is little beside what the accounts' polls read.
const SHORTAGE: &str = "SELECT \
     CAST(MIN({greatest}(today.rest, 0) * $2 / NULLIF(today.day_limit, 0)) AS BIGINT), \
     CAST(COALESCE(SUM(CASE WHEN today.decision = 2 OR today.rest <= 0 THEN 1 ELSE 0 END), 0) AS BIGINT) \
     FROM (SELECT decision, day_limit, COALESCE(remaining, day_limit - used) AS rest FROM budgets \
       WHERE (day + 1) * 86400000 + turns_at > $1) AS today";

/// How short of requests the accounts are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shortage {
    /// What is left of the day's requests to the account that has the smallest share left, from 0 to 1.
    pub least_left: f64,
    /// How many accounts have used up their day.
    pub spent: u64,
}

impl Store {
    /// How short of requests the accounts are on their day of `now`.
    pub async fn shortage(&self, now: DateTime<Utc>) -> Result<Shortage> {
        let _timer = Timer::start("shortage");
        let sql = Sql::new(SHORTAGE).bind(now).bind(WHOLE);
        let row = self.database.optional::<(Option<i64>, i64)>(sql).await?;
        let (least, spent) = row.unwrap_or((None, 0));
        Ok(Shortage {
            least_left: least.map_or(1.0, |least| (least as f64 / WHOLE as f64).min(1.0)),
            spent: spent.unsigned_abs(),
        })
    }
}
