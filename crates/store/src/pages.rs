//! What a poll reads and writes: the versions it knows, and each page's changes together with its progress.
//!
//! Indexes: `versions` by poller and object; `pollers` by id for the fence. A page takes a fixed number of statements,
//! however many records it has.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use ie_model::{Digest, Fence, Notification, NotificationId, PollerId, Version};

use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Result, Store, ids, time};

/// What one page of a walk writes, all of it or nothing.
#[derive(Clone, Debug)]
pub struct PageCommit {
    /// What is remembered of each object; of several for one object the last counts.
    pub versions: Vec<(String, Version)>,
    /// What is to be delivered.
    pub notifications: Vec<NewNotification>,
    /// How far the walk is.
    pub progress: Progress,
}

/// A notification to be stored.
#[derive(Clone, Debug)]
pub struct NewNotification {
    /// What is delivered.
    pub notification: Notification,
    /// The trace that the change belongs to.
    pub traceparent: Option<String>,
    /// When the relay publishes it, unless it is marked as received before.
    pub due_at: DateTime<Utc>,
}

/// How far a walk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More pages follow.
    UnderWay {
        /// Until when nobody else may claim the poller.
        lease_until: DateTime<Utc>,
    },
    /// The walk is complete.
    Finished {
        /// Insightly's time up to which every change has been read. An older one than the stored is ignored.
        cursor: DateTime<Utc>,
        /// When the poller is due again.
        next_due: DateTime<Utc>,
        /// The end of the walk, by our clock.
        at: DateTime<Utc>,
    },
    /// The walk was given up. The cursor stays, and the failure is counted.
    Failed {
        /// Why, in words for people.
        error: String,
        /// When the poller is due again.
        next_due: DateTime<Utc>,
        /// The end of the walk, by our clock.
        at: DateTime<Utc>,
    },
}

pub(crate) const SELECT_VERSIONS: &str = "SELECT versions.object_id, versions.updated_at, versions.digest, versions.sequence \
     FROM rows CROSS JOIN versions \
     WHERE versions.poller_id = $1 AND versions.object_id = rows.object_id";

pub(crate) const UPSERT_VERSIONS: &str = "INSERT INTO versions (poller_id, object_id, updated_at, digest, sequence) \
     SELECT $1, object_id, updated_at, digest, sequence FROM rows WHERE TRUE \
     ON CONFLICT (poller_id, object_id) DO UPDATE SET updated_at = excluded.updated_at, \
     digest = excluded.digest, sequence = excluded.sequence";

#[derive(sqlx::FromRow)]
struct VersionRow {
    object_id: String,
    updated_at: i64,
    digest: Vec<u8>,
    sequence: i64,
}

impl Store {
    /// What is remembered of these objects; those that were never seen are left out.
    pub async fn known_versions(
        &self,
        poller: PollerId,
        objects: &[String],
    ) -> Result<HashMap<String, Version>> {
        let _timer = Timer::start("known_versions");
        let rows = Rows::new().text("object_id", objects.iter().map(String::as_str));
        let sql = Sql::new(SELECT_VERSIONS).bind(poller).rows(rows);
        let found: Vec<VersionRow> = self.database.all(sql).await?;
        let versions = found.into_iter().map(|row| {
            let digest = row.digest.try_into();
            let version = Version {
                updated_at: time::from_ms(row.updated_at)?,
                digest: Digest(digest.map_err(|_| {
                    Error::corrupt("a version's digest", "expected 16 bytes".to_owned())
                })?),
                sequence: row.sequence,
            };
            Ok((row.object_id, version))
        });
        versions.collect()
    }

    /// Ids for notifications to be stored, increasing, below 2^53. What is not used is a gap.
    pub async fn reserve_notification_ids(&self, count: u32) -> Result<Vec<NotificationId>> {
        let _timer = Timer::start("reserve_notification_ids");
        let reserved = ids::reserve(&self.database, ids::Kind::Notification, count).await?;
        Ok(reserved.into_iter().map(NotificationId).collect())
    }

    /// Writes a page and the progress that it means, in one transaction; returns the fence for the next write.
    ///
    /// [`Error::Fenced`] when another claim or another reader has written since: then nothing is stored.
    pub async fn commit_page(&self, fence: Fence, page: &PageCommit) -> Result<Fence> {
        let _timer = Timer::start("commit_page");
        let mut tx = self.database.begin().await?;
        // First, since it also locks the poller until the end.
        if tx.execute(progress(fence, &page.progress)).await? == 0 {
            return Err(Error::Fenced);
        }
        if !page.versions.is_empty() {
            tx.execute(versions(fence.poller, &page.versions)).await?;
        }
        if !page.notifications.is_empty() {
            let (contents, deliveries) = notifications(&page.notifications);
            tx.execute(contents).await?;
            tx.execute(deliveries).await?;
        }
        tx.commit().await?;
        Ok(Fence {
            revision: fence.revision + 1,
            ..fence
        })
    }
}

pub(crate) fn progress(fence: Fence, progress: &Progress) -> Sql {
    let sql = match progress {
        Progress::UnderWay { .. } => {
            "UPDATE pollers SET revision = revision + 1, due_at = $4, lease_until = $4 \
             WHERE id = $1 AND epoch = $2 AND revision = $3"
        }
        Progress::Finished { .. } => {
            "UPDATE pollers SET revision = revision + 1, due_at = $4, lease_until = NULL, \
             last_poll_at = $5, cursor_at = {greatest}(cursor_at, $6), last_error = NULL, \
             failures = 0 WHERE id = $1 AND epoch = $2 AND revision = $3"
        }
        Progress::Failed { .. } => {
            "UPDATE pollers SET revision = revision + 1, due_at = $4, lease_until = NULL, \
             last_poll_at = $5, last_error = $6, failures = failures + 1 \
             WHERE id = $1 AND epoch = $2 AND revision = $3"
        }
    };
    let sql = Sql::new(sql)
        .bind(fence.poller)
        .bind(fence.epoch.get())
        .bind(fence.revision);
    match progress {
        Progress::UnderWay { lease_until } => sql.bind(*lease_until),
        Progress::Finished {
            cursor,
            next_due,
            at,
        } => sql.bind(*next_due).bind(*at).bind(*cursor),
        Progress::Failed {
            error,
            next_due,
            at,
        } => sql.bind(*next_due).bind(*at).bind(error.as_str()),
    }
}

fn versions(poller: PollerId, versions: &[(String, Version)]) -> Sql {
    let versions: BTreeMap<&str, &Version> = versions
        .iter()
        .map(|(object, version)| (object.as_str(), version))
        .collect();
    let rows = Rows::new()
        .text("object_id", versions.keys().copied())
        .int(
            "updated_at",
            versions
                .values()
                .map(|version| time::to_ms(version.updated_at)),
        )
        .bytes(
            "digest",
            versions.values().map(|version| version.digest.0.to_vec()),
        )
        .int(
            "sequence",
            versions.values().map(|version| version.sequence),
        );
    Sql::new(UPSERT_VERSIONS).bind(poller).rows(rows)
}

/// What is delivered, and where it stands.
fn notifications(new: &[NewNotification]) -> (Sql, Sql) {
    let contents = new.iter().map(|new| &new.notification);
    let identity = Rows::new()
        .int(
            "id",
            contents.clone().map(|notification| notification.id.get()),
        )
        .int(
            "instance_id",
            contents
                .clone()
                .map(|notification| notification.instance.get()),
        );
    let deliveries = identity
        .clone()
        .int("due_at", new.iter().map(|new| time::to_ms(new.due_at)));
    let contents = identity
        .text(
            "resource",
            contents
                .clone()
                .map(|notification| notification.resource.as_str()),
        )
        .int(
            "created_at",
            contents
                .clone()
                .map(|notification| time::to_ms(notification.created_at)),
        )
        .text("body", contents.map(|notification| notification.body.get()))
        .optional_text("traceparent", new.iter().map(|new| new.traceparent.clone()));
    let insert = Sql::new(
        "INSERT INTO notifications (id, instance_id, resource, created_at, body, traceparent) \
         SELECT id, instance_id, resource, created_at, body, traceparent FROM rows",
    );
    let start = Sql::new(
        "INSERT INTO deliveries (notification_id, instance_id, status, attempts, due_at) \
         SELECT id, instance_id, 'NEW', 0, due_at FROM rows",
    );
    (insert.rows(contents), start.rows(deliveries))
}
