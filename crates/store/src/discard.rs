//! Dead letters that nobody wants any more.
//!
//! Indexes: `deliveries_failed`, `deliveries` and `notifications` by id. No hot path.

use chrono::{DateTime, Utc};
use ie_model::NotificationId;

use crate::notifications::{NotificationFilter, lock_dead};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, order};

/// Only what is dead at this moment: a redrive that came first wins, and so does an acceptance.
pub(crate) const DISCARD: &str = "UPDATE deliveries SET status = 'DISCARDED', due_at = NULL, ended_at = $1 \
     WHERE status = 'FAILED' AND notification_id IN (SELECT id FROM rows) \
     RETURNING notification_id";

impl Store {
    /// Gives up to `limit` dead letters up, the oldest first, and returns their ids.
    ///
    /// Neither a redrive, a replay nor a late failure takes them up again. Those of deleted instances are left to
    /// their retention.
    pub async fn discard(
        &self,
        filter: &NotificationFilter,
        ids: Option<&[NotificationId]>,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<NotificationId>> {
        let _timer = Timer::start("discard");
        let mut tx = self.database.begin().await?;
        let dead = lock_dead(&mut tx, filter, ids, limit).await?;
        let rows = Rows::new().int("id", dead);
        let discard = Sql::new(DISCARD).bind(now).rows(rows);
        let discarded: Vec<(i64,)> = tx.all(discard).await?;
        let mut discarded: Vec<i64> = discarded.into_iter().map(|(id,)| id).collect();
        // What waited for one of them goes on.
        order::settle(&mut tx, &discarded, now).await?;
        tx.commit().await?;
        discarded.sort_unstable();
        Ok(discarded.into_iter().map(NotificationId).collect())
    }
}
