//! What the operator's configuration said last, for those who cannot read it and for noticing that it has changed.
//!
//! Indexes: `remembered` by name. Read and written when a dispatcher starts, and when there is something to notify of.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::RetrySchedule;

use crate::database::Tx;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, instance_row, time};

/// Whether `dispatcher.operational_url` is set.
const OPERATOR_LISTENS: &str = "dispatcher.operational_url";
/// The retry schedule of every callback without one of its own.
const SCHEDULE: &str = "dispatcher.schedule";

const WHAT: &str = "the remembered schedule";

/// What a start finds out about the operator's retry schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleChange {
    /// It is the one that everything waits by.
    None,
    /// It is another, and the caller moves what waits.
    Claimed,
    /// It is another, and somebody else moves what waits.
    ClaimedByAnother,
}

impl Store {
    /// Remembers whether the operator wants notices.
    pub async fn remember_operator(&self, listens: bool) -> Result<()> {
        let _timer = Timer::start("remember_operator");
        let value = if listens { "true" } else { "false" };
        let remember = Sql::new(
            "INSERT INTO remembered (name, value, claimed_until) VALUES ($1, $2, 0) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        );
        self.database
            .write(remember.bind(OPERATOR_LISTENS).bind(value))
            .await?;
        Ok(())
    }

    /// The operator's retry schedule, once a dispatcher has started.
    pub async fn operator_schedule(&self) -> Result<Option<RetrySchedule>> {
        let _timer = Timer::start("operator_schedule");
        let sql = Sql::new("SELECT value FROM remembered WHERE name = $1 AND value <> ''");
        let row: Option<(String,)> = self.database.optional(sql.bind(SCHEDULE)).await?;
        row.map(|(json,)| instance_row::from_json(WHAT, &json))
            .transpose()
    }

    /// Compares the operator's schedule with the one that everything waits by. When it is another, one caller gets the
    /// task for as long as `lease`; without [`Store::finish_schedule_change`] it is there to be taken again.
    pub async fn claim_schedule_change(
        &self,
        schedule: &RetrySchedule,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<ScheduleChange> {
        let _timer = Timer::start("claim_schedule_change");
        let value = instance_row::to_json(WHAT, schedule)?;
        let begin = Sql::new(
            "INSERT INTO remembered (name, value, claimed_until) VALUES ($1, '', 0) \
             ON CONFLICT (name) DO NOTHING",
        );
        let claim = Sql::new(
            "UPDATE remembered SET claimed_until = $3 \
             WHERE name = $1 AND value <> $2 AND claimed_until <= $4",
        );
        let other = Sql::new("SELECT value FROM remembered WHERE name = $1 AND value <> $2");
        let mut tx = self.database.begin().await?;
        tx.execute(begin.bind(SCHEDULE)).await?;
        let claim = claim.bind(SCHEDULE).bind(value.as_str());
        let claim = claim.bind(time::after(now, lease)).bind(now);
        let claimed = tx.execute(claim).await? > 0;
        let other: Vec<(String,)> = tx.all(other.bind(SCHEDULE).bind(value)).await?;
        tx.commit().await?;
        Ok(match (claimed, other.is_empty()) {
            (true, _) => ScheduleChange::Claimed,
            (false, true) => ScheduleChange::None,
            (false, false) => ScheduleChange::ClaimedByAnother,
        })
    }

    /// Everything that waits does so by this schedule now.
    pub async fn finish_schedule_change(&self, schedule: &RetrySchedule) -> Result<()> {
        let _timer = Timer::start("finish_schedule_change");
        let value = instance_row::to_json(WHAT, schedule)?;
        let finish =
            Sql::new("UPDATE remembered SET value = $2, claimed_until = 0 WHERE name = $1");
        self.database
            .write(finish.bind(SCHEDULE).bind(value))
            .await?;
        Ok(())
    }
}

/// Whether the operator wants notices.
pub(crate) async fn operator_listens(tx: &mut Tx) -> Result<bool> {
    let sql = Sql::new("SELECT value FROM remembered WHERE name = $1 AND value = 'true'");
    let rows: Vec<(String,)> = tx.all(sql.bind(OPERATOR_LISTENS)).await?;
    Ok(!rows.is_empty())
}
