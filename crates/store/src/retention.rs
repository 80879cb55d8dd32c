//! What was delivered is forgotten after a while, a stretch of notifications at a time.
//!
//! Ids rise with time, so a round goes through the notifications in their order and ends where they are young. No index
//! leads to old ones: it would be written with every delivery, to save reading what is small. What has not ended is passed
//! over however old it is. Indexes: `notifications` and `deliveries` by id, `attempts` by notification.

use chrono::{DateTime, Utc};

use crate::database::Lock;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, order, time};

/// What is old, and how much of it is looked at in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Notifications that ended before this time are forgotten, with their attempts.
    pub events_before: DateTime<Utc>,
    /// Of those that ended before this time, the attempts are.
    pub attempts_before: DateTime<Utc>,
    /// Notifications looked at.
    pub batch: u32,
}

/// What became of a stretch of notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Where the next stretch begins; none when the rest is young.
    pub next: Option<i64>,
    /// Notifications that were forgotten.
    pub events: u64,
    /// Attempts that were forgotten of notifications that stay.
    pub attempts: u64,
}

pub(crate) const SELECT_STRETCH: &str =
    "SELECT id, created_at FROM notifications WHERE id > $1 ORDER BY id LIMIT $2";

pub(crate) const FORGET_DELIVERIES: &str = "DELETE FROM deliveries \
     WHERE notification_id IN (SELECT id FROM rows) AND ended_at < $1 RETURNING notification_id";

pub(crate) const FORGET_NOTIFICATIONS: &str =
    "DELETE FROM notifications WHERE id IN (SELECT id FROM rows)";

pub(crate) const FORGET_ATTEMPTS: &str =
    "DELETE FROM attempts WHERE notification_id IN (SELECT id FROM rows)";

pub(crate) const FORGET_ENDED_ATTEMPTS: &str = "DELETE FROM attempts \
     WHERE notification_id IN (SELECT deliveries.notification_id FROM deliveries \
     WHERE deliveries.notification_id IN (SELECT id FROM rows) AND deliveries.ended_at < $1)";

impl Store {
    /// Forgets what is old of the stretch of notifications after the one with the id `after`.
    pub async fn forget_old(&self, after: i64, retention: &Retention) -> Result<Stretch> {
        let _timer = Timer::start("forget_old");
        let sql = Sql::new(SELECT_STRETCH).bind(after).bind(retention.batch);
        let found: Vec<(i64, i64)> = self.database.all(sql).await?;
        let young = time::to_ms(retention.events_before.max(retention.attempts_before));
        let old: Vec<i64> = found
            .iter()
            .filter(|(_, created_at)| *created_at < young)
            .map(|(id, _)| *id)
            .collect();
        // Ids are reserved before their time is read, so neighbours may be in another order: a whole stretch decides.
        let is_full = u32::try_from(found.len()) == Ok(retention.batch);
        let next = (is_full && !old.is_empty()).then(|| found[found.len() - 1].0);
        if old.is_empty() {
            return Ok(Stretch::default());
        }
        let stretch = self.forget(old, retention).await?;
        Ok(Stretch { next, ..stretch })
    }

    async fn forget(&self, ids: Vec<i64>, retention: &Retention) -> Result<Stretch> {
        let rows = |ids: &[i64]| Rows::new().int("id", ids.iter().copied());
        let mut tx = self.database.begin().await?;
        tx.lock(Lock::Deliveries, ids.iter().copied()).await?;
        let forget = Sql::new(FORGET_DELIVERIES).bind(retention.events_before);
        let gone: Vec<(i64,)> = tx.all(forget.rows(rows(&ids))).await?;
        let gone: Vec<i64> = gone.into_iter().map(|(id,)| id).collect();
        tx.execute(Sql::new(FORGET_ATTEMPTS).rows(rows(&gone)))
            .await?;
        tx.execute(Sql::new(FORGET_NOTIFICATIONS).rows(rows(&gone)))
            .await?;
        // What waited for a dead letter that is forgotten goes on.
        order::settle(&mut tx, &gone, self.clock.now()).await?;
        let ended = Sql::new(FORGET_ENDED_ATTEMPTS).bind(retention.attempts_before);
        let attempts = tx.execute(ended.rows(rows(&ids))).await?;
        tx.commit().await?;
        Ok(Stretch {
            next: None,
            events: gone.len() as u64,
            attempts,
        })
    }
}
