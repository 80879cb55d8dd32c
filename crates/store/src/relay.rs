//! What is stored and not yet in the queue: published by the fetcher at once, or by a relay later.
//!
//! Indexes: `deliveries_new` (by due time, only NEW) serves [`Store::claim_unpublished`] and [`Store::unpublished`].

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::{NotificationId, StoredNotification};

use crate::database::{Lock, Tx};
use crate::notification_row::{NotificationRow, select_by_ids};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, time};

/// A backlog is counted up to here: beyond it the exact number helps nobody and costs a scan.
const COUNTED_BACKLOG: u32 = 100_000;

pub(crate) const MARK_RECEIVED: &str = "UPDATE deliveries SET status = 'RECEIVED', due_at = $1 \
     WHERE status = 'NEW' AND notification_id IN (SELECT id FROM rows)";

pub(crate) const SELECT_UNPUBLISHED: &str = "SELECT notification_id FROM deliveries WHERE status = 'NEW' AND due_at <= $1 \
     ORDER BY due_at, notification_id LIMIT $2{skip_locked}";

pub(crate) const COUNT_UNPUBLISHED: &str = "SELECT COUNT(*) FROM (SELECT notification_id FROM deliveries \
     WHERE status = 'NEW' AND due_at IS NOT NULL LIMIT $1) AS backlog";

impl Store {
    /// The broker has confirmed these: NEW becomes RECEIVED. What a dispatcher reported meanwhile stays.
    pub async fn mark_received(&self, ids: &[NotificationId], due_at: DateTime<Utc>) -> Result<()> {
        let _timer = Timer::start("mark_received");
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.iter().map(|id| id.get());
        let mark = Sql::new(MARK_RECEIVED)
            .bind(due_at)
            .rows(Rows::new().int("id", ids.clone()));
        let mut tx = self.database.begin().await?;
        tx.lock(Lock::Deliveries, ids).await?;
        tx.execute(mark).await?;
        tx.commit().await
    }

    /// Claims up to `limit` notifications that are due and NEW, the longest overdue first.
    ///
    /// No other relay gets them before `now + lease`; they stay NEW until marked as received.
    pub async fn claim_unpublished(
        &self,
        now: DateTime<Utc>,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<StoredNotification>> {
        let _timer = Timer::start("claim_unpublished");
        let mut tx = self.database.begin().await?;
        let due = Sql::new(SELECT_UNPUBLISHED).bind(now).bind(limit);
        let due: Vec<(i64,)> = tx.all(due).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = due.into_iter().map(|(id,)| id).collect();
        let claim = Sql::new(
            "UPDATE deliveries SET due_at = $1 WHERE notification_id IN (SELECT id FROM rows)",
        );
        let claim = claim
            .bind(time::after(now, lease))
            .rows(Rows::new().int("id", ids.iter().copied()));
        tx.execute(claim).await?;
        let claimed = stored(&mut tx, &ids).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    /// Takes back everything that was in the queue, and returns how many that was.
    ///
    /// For the start of a process with the queue inside of it: its messages were lost with its former life.
    /// What waits for its next attempt keeps that time.
    pub async fn reset_unfinished(&self, now: DateTime<Utc>) -> Result<u64> {
        let _timer = Timer::start("reset_unfinished");
        let unfinished = Sql::new(
            "SELECT notification_id FROM deliveries WHERE status IN ('RECEIVED', 'DISPATCHED') \
             ORDER BY notification_id{for_update}",
        );
        let reset = Sql::new(
            "UPDATE deliveries SET due_at = CASE WHEN status = 'DISPATCHED' AND due_at > $1 \
             THEN due_at ELSE $1 END, status = 'NEW' \
             WHERE notification_id IN (SELECT id FROM rows)",
        );
        let mut tx = self.database.begin().await?;
        let ids: Vec<(i64,)> = tx.all(unfinished).await?;
        let rows = Rows::new().int("id", ids.into_iter().map(|(id,)| id));
        let taken_back = tx.execute(reset.bind(now).rows(rows)).await?;
        tx.commit().await?;
        Ok(taken_back)
    }

    /// How many notifications are NEW and not held, counted up to 100,000.
    pub async fn unpublished(&self) -> Result<u64> {
        let _timer = Timer::start("unpublished");
        let sql = Sql::new(COUNT_UNPUBLISHED).bind(COUNTED_BACKLOG);
        let count = self.database.optional::<(i64,)>(sql).await?;
        Ok(count.map_or(0, |(count,)| count.unsigned_abs()))
    }
}

/// The notifications of these ids, in their order.
pub(crate) async fn stored(tx: &mut Tx, ids: &[i64]) -> Result<Vec<StoredNotification>> {
    let rows: Vec<NotificationRow> = tx.all(select_by_ids(ids.iter().copied())).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let notification = StoredNotification::try_from(row)?;
        found.insert(notification.notification.id.get(), notification);
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}
