//! Stored events again: what has ended begins a new round of attempts, under the same id.
//!
//! Indexes: `notifications_by_instance`; `deliveries` by id. The relay publishes what is due, so the due times are the
//! rate.

use chrono::{DateTime, Utc};
use ie_model::{InstanceId, NotificationId, NotificationStatus, mark_replayed};
use serde_json::value::RawValue;

use crate::database::Lock;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Pace, Result, Store, time};

/// Which events of an instance are sent again, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Whose.
    pub instance: InstanceId,
    /// Stored at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Stored before this time.
    pub to: Option<DateTime<Utc>>,
    /// Of these resources; empty for all.
    pub resources: Vec<String>,
    /// That ended like this: accepted, or dead.
    pub statuses: Vec<NotificationStatus>,
    /// That ended no later than this, so that what a replay has sent is not sent by it again.
    pub ended_by: DateTime<Utc>,
    /// None but this one.
    pub only: Option<NotificationId>,
}

/// What a step of a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events found: those that are sent again, unless they were only counted.
    pub events: u32,
    /// The last one looked at; none when there are no more.
    pub last: Option<NotificationId>,
}

pub(crate) const REVIVE: &str = "UPDATE deliveries SET status = 'NEW', due_at = rows.due_at, ended_at = NULL, \
     earlier = deliveries.attempts FROM rows WHERE deliveries.notification_id = rows.id \
     AND deliveries.status IN ('NOTIFIED', 'FAILED', 'CONSUMED') RETURNING deliveries.notification_id";

pub(crate) const MARK: &str =
    "UPDATE notifications SET body = rows.body FROM rows WHERE notifications.id = rows.id";

impl Store {
    /// The next events of a replay after `after`, at most `limit`, without sending them.
    pub async fn count_replay(
        &self,
        replay: &Replay,
        after: Option<NotificationId>,
        limit: u32,
    ) -> Result<Replayed> {
        let _timer = Timer::start("count_replay");
        let found: Vec<(i64, String)> = self.database.all(replay.select(after, limit)).await?;
        Ok(replayed(&found, found.len(), limit))
    }

    /// Sends the next events of a replay after `after` again, at most `limit`, in this pace. Their bodies are marked first, once and for all later attempts.
    pub async fn replay(
        &self,
        replay: &Replay,
        after: Option<NotificationId>,
        limit: u32,
        pace: Pace,
    ) -> Result<Replayed> {
        let _timer = Timer::start("replay");
        let mut tx = self.database.begin().await?;
        let found: Vec<(i64, String)> = tx.all(replay.select(after, limit)).await?;
        let ids = || found.iter().map(|(id, _)| *id);
        tx.lock(Lock::Deliveries, ids()).await?;
        let due = (0..)
            .zip(&found)
            .map(|(place, _)| time::to_ms(pace.due_at(place)));
        let rows = Rows::new().int("id", ids()).int("due_at", due);
        let revived: Vec<(i64,)> = tx.all(Sql::new(REVIVE).rows(rows)).await?;
        let revived: std::collections::HashSet<i64> = revived.into_iter().map(|(id,)| id).collect();
        let mut marked = Vec::with_capacity(revived.len());
        for (id, body) in &found {
            if revived.contains(id) {
                marked.push((*id, marked_body(body)?));
            }
        }
        let rows = Rows::new()
            .int("id", marked.iter().map(|(id, _)| *id))
            .text("body", marked.iter().map(|(_, body)| body.as_str()));
        tx.execute(Sql::new(MARK).rows(rows)).await?;
        tx.commit().await?;
        Ok(replayed(&found, marked.len(), limit))
    }
}

fn marked_body(body: &str) -> Result<String> {
    let corrupt = |error| Error::corrupt("a notification's body", error);
    let raw: &RawValue = serde_json::from_str(body).map_err(corrupt)?;
    Ok(mark_replayed(raw).map_err(corrupt)?.get().to_owned())
}

fn replayed(found: &[(i64, String)], events: usize, limit: u32) -> Replayed {
    let is_full = u32::try_from(found.len()) == Ok(limit);
    let last = found.last().filter(|_| is_full);
    Replayed {
        events: u32::try_from(events).unwrap_or(u32::MAX),
        last: last.map(|(id, _)| NotificationId(*id)),
    }
}

impl Replay {
    fn select(&self, after: Option<NotificationId>, limit: u32) -> Sql {
        let mut sql = Sql::new(
            "SELECT notifications.id, notifications.body FROM notifications \
             JOIN deliveries ON deliveries.notification_id = notifications.id \
             WHERE notifications.instance_id = $1 AND notifications.id > $2 AND deliveries.ended_at <= $3 \
             AND notifications.purpose = 'changes'",
        )
        .bind(self.instance)
        .bind(after.map_or(i64::MIN, NotificationId::get))
        .bind(self.ended_by);
        if let Some(only) = self.only {
            sql.push_bind(" AND notifications.id = ", only);
        }
        if let Some(from) = self.from {
            sql.push_bind(" AND notifications.created_at >= ", from);
        }
        if let Some(to) = self.to {
            sql.push_bind(" AND notifications.created_at < ", to);
        }
        let wants = |status| self.statuses.contains(&status);
        sql.push(
            match (
                wants(NotificationStatus::Notified),
                wants(NotificationStatus::Failed),
            ) {
                (true, false) => " AND deliveries.status IN ('NOTIFIED', 'CONSUMED')",
                (false, true) => " AND deliveries.status = 'FAILED'",
                _ => " AND deliveries.status IN ('NOTIFIED', 'CONSUMED', 'FAILED')",
            },
        );
        if !self.resources.is_empty() {
            sql.push(" AND notifications.resource IN (SELECT resource FROM rows)");
            sql = sql.rows(Rows::new().text("resource", self.resources.iter().map(String::as_str)));
        }
        sql.push_bind(" ORDER BY notifications.id LIMIT ", limit);
        sql
    }
}
