//! What one process at a time does now and then, such as forgetting old events.
//!
//! A chore is a row: claiming it moves its due time to the end of a lease, so that a process which dies in the middle is
//! followed by another. A chore must do no harm when it is done twice. Index: `chores` by name.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, time};

pub(crate) const CLAIM: &str = "INSERT INTO chores (name, due_at, position) VALUES ($1, $2, 0) \
     ON CONFLICT (name) DO UPDATE SET due_at = $2 WHERE chores.due_at <= $3 RETURNING position";

pub(crate) const NOTE: &str = "UPDATE chores SET due_at = $2, position = $3 WHERE name = $1";

impl Store {
    /// Claims a chore that is due for the time of `lease`; gives where it goes on (0 at its beginning), or none when it is
    /// not due, or another process is at it.
    pub async fn claim_chore(
        &self,
        name: &str,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<i64>> {
        let _timer = Timer::start("claim_chore");
        let claim = Sql::new(CLAIM)
            .bind(name)
            .bind(time::after(now, lease))
            .bind(now);
        let claimed: Vec<(i64,)> = self.database.write_returning(claim).await?;
        Ok(claimed.first().map(|(position,)| *position))
    }

    /// Notes how far a claimed chore has come, and until when it is claimed or when it is due again.
    pub async fn note_chore(&self, name: &str, position: i64, due_at: DateTime<Utc>) -> Result<()> {
        let _timer = Timer::start("note_chore");
        let note = Sql::new(NOTE).bind(name).bind(due_at).bind(position);
        self.database.write(note).await?;
        Ok(())
    }
}
