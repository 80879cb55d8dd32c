//! Notifications as people look at them, and the redrive of dead letters.
//!
//! Indexes: `notifications` by id, `notifications_by_instance`, `notifications_by_time`; `deliveries_new` and
//! `deliveries_failed` when the filter names that status; `attempts` by notification. None of this is a hot path:
//! [`Store::counts`] reads one narrow row per notification.

use chrono::{DateTime, Utc};
use ie_model::{
    Attempt, ErrorClass, InstanceId, Notification, NotificationId, NotificationStatus,
    OrganizationId, StoredNotification,
};

use crate::database::{Lock, Tx};
use crate::notification_row::{self, AttemptRow, NotificationRow, SELECT_NOTIFICATIONS};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{NewNotification, Pace, Page, Result, Store, pages, relay, time};

pub(crate) const REDRIVE: &str = "UPDATE deliveries SET status = 'NEW', due_at = rows.due_at, ended_at = NULL, \
     earlier = deliveries.attempts FROM rows WHERE deliveries.notification_id = rows.id \
     AND deliveries.status = 'FAILED' RETURNING deliveries.notification_id";

/// Which notifications; a field that is not set excludes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotificationFilter {
    /// Of this organization's instances.
    pub organization: Option<OrganizationId>,
    /// Of this instance.
    pub instance: Option<InstanceId>,
    /// In this status.
    pub status: Option<NotificationStatus>,
    /// Stored at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Stored before this time.
    pub to: Option<DateTime<Utc>>,
    /// Of this resource.
    pub resource: Option<String>,
    /// Whose last attempt failed like this; `Some(None)` for those that no attempt failed.
    pub error_class: Option<Option<ErrorClass>>,
    /// With a higher id than this: what is rare among many would be looked for through all of them.
    pub above: Option<i64>,
}

/// Of the statement's notification the last attempt, whose class is …
const LAST_ATTEMPT: &str = "EXISTS (SELECT 1 FROM attempts \
     WHERE attempts.notification_id = deliveries.notification_id \
     AND attempts.number = deliveries.attempts AND attempts.error_class ";

impl Store {
    /// The notifications that the filter lets through, by id: the newest last.
    pub async fn notifications(
        &self,
        filter: &NotificationFilter,
        page: Page,
    ) -> Result<Vec<StoredNotification>> {
        let _timer = Timer::start("notifications");
        let mut sql = Sql::new(SELECT_NOTIFICATIONS);
        sql.push_bind(" WHERE notifications.id > ", page.after.unwrap_or(i64::MIN));
        filter.narrow(&mut sql);
        sql.push_bind(" ORDER BY notifications.id LIMIT ", page.limit);
        let rows: Vec<NotificationRow> = self.database.all(sql).await?;
        rows.into_iter().map(StoredNotification::try_from).collect()
    }

    /// The notifications that the filter lets through, the newest first; `page.after` is the last one seen.
    pub async fn newest_notifications(
        &self,
        filter: &NotificationFilter,
        page: Page,
    ) -> Result<Vec<StoredNotification>> {
        let _timer = Timer::start("newest_notifications");
        let mut sql = Sql::new(SELECT_NOTIFICATIONS);
        sql.push_bind(" WHERE notifications.id < ", page.after.unwrap_or(i64::MAX));
        filter.narrow(&mut sql);
        sql.push_bind(" ORDER BY notifications.id DESC LIMIT ", page.limit);
        let rows: Vec<NotificationRow> = self.database.all(sql).await?;
        rows.into_iter().map(StoredNotification::try_from).collect()
    }

    /// The notification of this id, if the filter lets it through.
    pub async fn matching(
        &self,
        id: NotificationId,
        filter: &NotificationFilter,
    ) -> Result<Option<StoredNotification>> {
        let _timer = Timer::start("matching");
        let mut sql = Sql::new(SELECT_NOTIFICATIONS);
        sql.push_bind(" WHERE notifications.id = ", id);
        filter.narrow(&mut sql);
        let row: Option<NotificationRow> = self.database.optional(sql).await?;
        row.map(StoredNotification::try_from).transpose()
    }

    /// One notification.
    pub async fn notification(&self, id: NotificationId) -> Result<Option<StoredNotification>> {
        let _timer = Timer::start("notification");
        let mut sql = Sql::new(SELECT_NOTIFICATIONS);
        sql.push_bind(" WHERE notifications.id = ", id);
        let row: Option<NotificationRow> = self.database.optional(sql).await?;
        row.map(StoredNotification::try_from).transpose()
    }

    /// The attempts of these notifications, by notification and number.
    pub async fn attempts(&self, ids: &[NotificationId]) -> Result<Vec<Attempt>> {
        let _timer = Timer::start("attempts");
        let sql = Sql::new(
            "SELECT notification_id, number, at, duration_ms, status_code, error, error_class, response, headers \
             FROM attempts WHERE notification_id IN (SELECT id FROM rows) \
             ORDER BY notification_id, number",
        );
        let sql = sql.rows(Rows::new().int("id", ids.iter().map(|id| id.get())));
        let rows: Vec<AttemptRow> = self.database.all(sql).await?;
        rows.into_iter().map(Attempt::try_from).collect()
    }

    /// Takes up to `limit` dead letters back to NEW, the oldest first, and returns them to be published.
    ///
    /// Those of deleted instances stay dead. Attempts go on counting. What the caller does not publish, a relay does
    /// after half a minute.
    pub async fn redrive(
        &self,
        filter: &NotificationFilter,
        ids: Option<&[NotificationId]>,
        limit: u32,
        pace: Pace,
    ) -> Result<Vec<StoredNotification>> {
        let _timer = Timer::start("redrive");
        let mut tx = self.database.begin().await?;
        let dead = lock_dead(&mut tx, filter, ids, limit).await?;
        let due = (0..)
            .zip(&dead)
            .map(|(place, _)| time::to_ms(pace.due_at(place)));
        let rows = Rows::new()
            .int("id", dead.iter().copied())
            .int("due_at", due);
        let revived: Vec<(i64,)> = tx.all(Sql::new(REDRIVE).rows(rows)).await?;
        let mut revived: Vec<i64> = revived.into_iter().map(|(id,)| id).collect();
        revived.sort_unstable();
        let stored = relay::stored(&mut tx, &revived).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Stores a notification by which its sender tries the callback, as one that is in the queue: no relay takes it.
    pub async fn store_test(&self, notification: &Notification) -> Result<()> {
        let _timer = Timer::start("store_test");
        let new = NewNotification {
            notification: notification.clone(),
            traceparent: None,
            due_at: notification.created_at,
            ordered: None,
        };
        let (content, delivery) = pages::notifications(&[new]);
        let queued = Sql::new(
            "UPDATE deliveries SET status = 'RECEIVED' WHERE notification_id = $1 AND status = 'NEW'",
        );
        let mut tx = self.database.begin().await?;
        tx.execute(content).await?;
        tx.execute(delivery).await?;
        tx.execute(queued.bind(notification.id)).await?;
        tx.commit().await
    }

    /// How many dead letters a redrive or a discard would find; at most `most` are counted.
    pub async fn count_dead(
        &self,
        filter: &NotificationFilter,
        ids: Option<&[NotificationId]>,
        most: u32,
    ) -> Result<u64> {
        let _timer = Timer::start("count_dead");
        let mut sql = Sql::new("SELECT COUNT(*) FROM (");
        sql.push(SELECT_DEAD);
        let mut sql = narrow_dead(sql, filter, ids, most);
        sql.push(") AS dead");
        self.count(sql).await
    }

    /// How many notifications stand where; a status without any is left out.
    pub async fn counts(&self) -> Result<Vec<(NotificationStatus, u64)>> {
        let _timer = Timer::start("counts");
        let sql = Sql::new("SELECT status, COUNT(*) FROM deliveries GROUP BY status");
        let rows: Vec<(String, i64)> = self.database.all(sql).await?;
        let counts = rows
            .into_iter()
            .map(|(status, count)| Ok((notification_row::status(&status)?, count.unsigned_abs())));
        let mut counts = counts.collect::<Result<Vec<_>>>()?;
        counts.sort_by_key(|(status, _)| *status as u8);
        Ok(counts)
    }
}

impl NotificationFilter {
    /// Adds the conditions to a statement that has a WHERE already.
    pub(crate) fn narrow(&self, sql: &mut Sql) {
        // What the operator is told is not for the instance's owner.
        sql.push(" AND notifications.purpose <> 'operator'");
        if let Some(organization) = self.organization {
            self.narrow_to(organization, sql);
        }
        if let Some(instance) = self.instance {
            sql.push_bind(" AND notifications.instance_id = ", instance);
            if self.status == Some(NotificationStatus::Failed) {
                // Dead letters of one instance are found by their own index.
                sql.push_bind(" AND deliveries.instance_id = ", instance);
            }
        }
        if let Some(status) = self.status {
            // A literal, since a partial index is found only by one.
            sql.push(match status {
                NotificationStatus::New => " AND deliveries.status = 'NEW'",
                NotificationStatus::Received => " AND deliveries.status = 'RECEIVED'",
                NotificationStatus::Dispatched => " AND deliveries.status = 'DISPATCHED'",
                NotificationStatus::Consumed => " AND deliveries.status = 'CONSUMED'",
                NotificationStatus::Notified => " AND deliveries.status = 'NOTIFIED'",
                // A test that failed is no dead letter.
                NotificationStatus::Failed => {
                    " AND deliveries.status = 'FAILED' AND notifications.purpose <> 'test'"
                }
                NotificationStatus::Discarded => " AND deliveries.status = 'DISCARDED'",
            });
        }
        if let Some(from) = self.from {
            sql.push_bind(" AND notifications.created_at >= ", from);
        }
        if let Some(to) = self.to {
            sql.push_bind(" AND notifications.created_at < ", to);
        }
        if let Some(resource) = &self.resource {
            sql.push_bind(" AND notifications.resource = ", resource.as_str());
        }
        if let Some(above) = self.above {
            sql.push_bind(" AND notifications.id > ", above);
        }
        match self.error_class {
            None => {}
            Some(None) => {
                sql.push(" AND NOT ")
                    .push(LAST_ATTEMPT)
                    .push("IS NOT NULL)");
            }
            Some(Some(class)) => {
                sql.push(" AND ").push(LAST_ATTEMPT);
                sql.push_bind("= ", class.as_str()).push(")");
            }
        }
    }
    fn narrow_to(&self, organization: OrganizationId, sql: &mut Sql) {
        if self.instance.is_none() && self.status == Some(NotificationStatus::Failed) {
            // Dead letters are few, and have an index of their own.
            sql.push_bind(
                " AND notifications.id IN (SELECT notification_id FROM deliveries \
                 WHERE status = 'FAILED' AND instance_id IN \
                 (SELECT id FROM instances WHERE organization_id = ",
                organization,
            )
            .push("))");
        }
        // The plus keeps SQLite on the order of the ids: by the index it would sort all that there are.
        sql.push_bind(
            " AND +notifications.instance_id IN \
             (SELECT id FROM instances WHERE organization_id = ",
            organization,
        )
        .push(")");
    }
}

/// The dead letters that can be delivered, the oldest first, locked; none when the filter wants another status.
pub(crate) async fn lock_dead(
    tx: &mut Tx,
    filter: &NotificationFilter,
    ids: Option<&[NotificationId]>,
    limit: u32,
) -> Result<Vec<i64>> {
    if !matches!(filter.status, None | Some(NotificationStatus::Failed)) {
        return Ok(Vec::new());
    }
    let select = narrow_dead(Sql::new(SELECT_DEAD), filter, ids, limit);
    let dead: Vec<(i64,)> = tx.all(select).await?;
    let dead: Vec<i64> = dead.into_iter().map(|(id,)| id).collect();
    tx.lock(Lock::Deliveries, dead.iter().copied()).await?;
    Ok(dead)
}

/// Dead letters that can be delivered: those of deleted instances cannot.
const SELECT_DEAD: &str = "SELECT deliveries.notification_id FROM deliveries \
     JOIN notifications ON notifications.id = deliveries.notification_id \
     JOIN instances ON instances.id = deliveries.instance_id \
     WHERE instances.deleted_at IS NULL";

/// The oldest of them that the filter lets through.
fn narrow_dead(
    mut sql: Sql,
    filter: &NotificationFilter,
    ids: Option<&[NotificationId]>,
    limit: u32,
) -> Sql {
    let dead = NotificationFilter {
        status: Some(NotificationStatus::Failed),
        ..filter.clone()
    };
    dead.narrow(&mut sql);
    if let Some(ids) = ids {
        sql.push(" AND deliveries.notification_id IN (SELECT id FROM rows)");
        sql = sql.rows(Rows::new().int("id", ids.iter().map(|id| id.get())));
    }
    sql.push_bind(" ORDER BY deliveries.notification_id LIMIT ", limit);
    sql
}
