//! Hints: pollers that are due before their time, because somebody says that records were saved.
//!
//! A hint writes only what is not so already: a poller that is due needs none, and a poll under way is followed by one
//! more, however many hints come meanwhile.
//!
//! Indexes: `instances_by_hint`; `pollers` by instance and resource; `budgets` by account.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::InstanceId;

use crate::database::Lock;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store};

/// Which pollers of an instance are to be due at once, and how urgently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urge<'a> {
    /// Only the poller of this resource; every one without it.
    pub resource: Option<&'a str>,
    /// Now.
    pub now: DateTime<Utc>,
    /// The time between the end of a poll and the next one, at least.
    pub gap: Duration,
    /// Whether pollers that failed, or wait for something, are left to their own time.
    pub modest: bool,
    /// The trace of whoever asks: the next poll goes on with it.
    pub traceparent: Option<&'a str>,
}

/// `$1` instance, `$2` now, `$3` gap, `$4` resource, `$5` modest; `$6` trace.
macro_rules! concerned {
    () => {
        "instance_id = $1 AND active AND ($4 IS NULL OR resource = $4) \
         AND ($5 = FALSE OR (waiting IS NULL AND failures = 0))"
    };
}

/// A poll of the future is one of a clock that was ahead: it counts as one of now.
macro_rules! needy {
    () => {
        "CASE WHEN lease_until IS NULL \
         THEN due_at > {greatest}($2, {least}(COALESCE(last_poll_at, 0), $2) + $3) ELSE hint_gap IS NULL END"
    };
}

pub(crate) const SELECT_CONCERNED: &str = concat!(
    "SELECT COUNT(*), COUNT(CASE WHEN ",
    needy!(),
    " THEN 1 END) FROM pollers WHERE ",
    concerned!()
);

pub(crate) const URGE: &str = concat!(
    "UPDATE pollers SET \
     due_at = CASE WHEN lease_until IS NULL \
       THEN {greatest}($2, {least}(COALESCE(last_poll_at, 0), $2) + $3) ELSE due_at END, \
     planned_at = CASE WHEN lease_until IS NULL THEN {least}(planned_at, $2) ELSE planned_at END, \
     hint_gap = CASE WHEN lease_until IS NULL THEN hint_gap ELSE $3 END, \
     traceparent = COALESCE($6, traceparent) WHERE ",
    concerned!(),
    " AND ",
    needy!()
);

/// `$1` hash, `$2` now.
pub(crate) const SELECT_HINTED: &str = "SELECT instances.id, (SELECT COUNT(*) FROM budgets \
     WHERE budgets.account = instances.account AND budgets.stretch > 1000 \
     AND (budgets.day + 1) * 86400000 + budgets.turns_at > $2) \
     FROM instances WHERE hint_hash = $1 AND deleted_at IS NULL";

impl Store {
    /// Makes pollers of an instance due at once; returns how many are, or will be when the poll under way has ended.
    ///
    /// A poller that is paused is left alone.
    pub async fn make_due(&self, id: InstanceId, urge: Urge<'_>) -> Result<u64> {
        let _timer = Timer::start("make_due");
        let question = urge.bind(Sql::new(SELECT_CONCERNED), id);
        let found: Option<(i64, i64)> = self.database.optional(question).await?;
        let (concerned, needy) = found.unwrap_or_default();
        if needy > 0 {
            let mut tx = self.database.begin().await?;
            tx.lock(Lock::PollersOfInstances, [id.get()].into_iter())
                .await?;
            let sql = urge.bind(Sql::new(URGE), id).bind(urge.traceparent);
            tx.execute(sql).await?;
            tx.commit().await?;
        }
        Ok(concerned.unsigned_abs())
    }

    /// Does what the hint with this token asks for; false when there is no such token.
    ///
    /// While the account's requests are short a hint has no effect: what is left is shared out over the day.
    pub async fn hint(&self, token_hash: &str, urge: Urge<'_>) -> Result<bool> {
        let _timer = Timer::start("hint");
        let question = Sql::new(SELECT_HINTED).bind(token_hash).bind(urge.now);
        let found: Option<(i64, i64)> = self.database.optional(question).await?;
        let Some((id, short)) = found else {
            return Ok(false);
        };
        if short == 0 {
            self.make_due(InstanceId(id), urge).await?;
        }
        Ok(true)
    }
}

impl Urge<'_> {
    fn bind(self, sql: Sql, id: InstanceId) -> Sql {
        let gap = i64::try_from(self.gap.as_millis()).unwrap_or(i64::MAX / 4);
        sql.bind(id)
            .bind(self.now)
            .bind(gap)
            .bind(self.resource)
            .bind(self.modest)
    }
}
