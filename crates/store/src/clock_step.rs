//! What a clock that was ahead has left behind: times that nobody would wait for if it had been right.
//!
//! No index: every active poller and every account is looked at, once for each step of a clock.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::budget_row::nanoseconds;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store};

/// `$1` now, `$2` the step. A poll in the future was noted by the clock that was ahead; one that waits for its turn waits
/// for moments of that clock. A short lease is of the right clock.
const POLLERS: &str = "UPDATE pollers SET \
     last_poll_at = CASE WHEN last_poll_at > $1 THEN $1 ELSE last_poll_at END, \
     planned_at = CASE WHEN planned_at > $1 THEN {greatest}($1, planned_at - $2) ELSE planned_at END, \
     due_at = CASE WHEN due_at > $1 AND (lease_until IS NULL OR lease_until > $1 + $2) \
       THEN {greatest}($1, due_at - $2) ELSE due_at END, \
     lease_until = CASE WHEN lease_until > $1 + $2 THEN {greatest}($1, lease_until - $2) ELSE lease_until END \
     WHERE active AND (last_poll_at > $1 OR waiting = 'rate' OR lease_until > $1 + $2)";

/// `$1` now, `$2` the step. What waits for a retry may come early by it.
const DELIVERIES: &str = "UPDATE deliveries SET due_at = {greatest}($1, due_at - $2) \
     WHERE status = 'NEW' AND due_at > $1";

/// The same.
const CHORES: &str = "UPDATE chores SET due_at = {greatest}($1, due_at - $2) WHERE due_at > $1";

/// `$1` now, `$2` the step, in nanoseconds.
const BUDGETS: &str = "UPDATE budgets SET \
     arrival_ns = CASE WHEN arrival_ns > $1 THEN {greatest}($1, arrival_ns - $2) ELSE arrival_ns END, \
     queue_end_ns = CASE WHEN queue_end_ns > $1 THEN {greatest}($1, queue_end_ns - $2) ELSE queue_end_ns END, \
     held_until_ns = CASE WHEN held_until_ns > $1 THEN {greatest}($1, held_until_ns - $2) ELSE held_until_ns END \
     WHERE arrival_ns > $1 OR queue_end_ns > $1 OR held_until_ns > $1";

impl Store {
    /// The clock went back by `step` to `now`: what it had put off while it was ahead comes that much sooner.
    ///
    /// Done twice it does no harm, but that what is put off rightly may come early.
    pub async fn clock_went_back(&self, now: DateTime<Utc>, step: Duration) -> Result<()> {
        let _timer = Timer::start("clock_went_back");
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX / 4);
        let step_ns = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX / 4);
        for statement in [POLLERS, DELIVERIES, CHORES] {
            let statement = Sql::new(statement).bind(now).bind(step_ms);
            self.database.write(statement).await?;
        }
        let budgets = Sql::new(BUDGETS).bind(nanoseconds(now)?).bind(step_ns);
        self.database.write(budgets).await?;
        Ok(())
    }
}
