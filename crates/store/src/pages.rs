//! What a poll reads and writes: the versions it knows, and each page's changes together with its progress.
//!
//! Indexes: `versions` by poller and object; `pollers` by id for the fence. A page takes a fixed number of statements,
//! however many records it has.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use ie_model::{Digest, Fence, Notification, NotificationId, PollerId, Version, Waiting};

use crate::order::{self, Ordered};
use crate::prune::{self, Prune, Round};
use crate::quarantine::{self, QuarantineChange};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::walks::{self, WalkWrite};
use crate::{Error, Result, Store, ids, packed, time, trace};

/// What one page of a walk writes, all of it or nothing.
#[derive(Clone, Debug)]
pub struct PageCommit {
    /// What is remembered of each object; of several for one object the last counts.
    pub versions: Vec<(String, Version)>,
    /// What is to be delivered.
    pub notifications: Vec<NewNotification>,
    /// How far the walk is.
    pub progress: Progress,
    /// What is put aside because it cannot be read, and what can be read again.
    pub quarantine: QuarantineChange,
    /// Whether old versions are forgotten with it, when it is time for that.
    pub prune: Option<Prune>,
    /// How far a walk through all records is, where the page belongs to one.
    pub walk: Option<WalkWrite>,
}

impl PageCommit {
    /// Progress, and nothing else.
    pub fn new(progress: Progress) -> Self {
        Self {
            versions: Vec::new(),
            notifications: Vec::new(),
            progress,
            quarantine: QuarantineChange::default(),
            prune: None,
            walk: None,
        }
    }
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
    /// What it waits for; none where nothing waits.
    pub ordered: Option<Ordered>,
}

/// A page that is stored.
#[derive(Clone, Debug)]
pub struct Committed {
    /// For the next write.
    pub fence: Fence,
    /// Those of its notifications that have to wait for others: not to be published by whoever stored them.
    pub held: HashSet<NotificationId>,
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
        /// When the poller is due again; a hint that came meanwhile makes it due earlier.
        next_due: DateTime<Utc>,
        /// When it would be due if the account had requests enough; none when that is `next_due`.
        planned: Option<DateTime<Utc>>,
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
    /// A page of a walk through all records, after the poll: only the revision is raised.
    Beside {
        /// When the poller is due at the latest, for the walk to go on.
        due_at: Option<DateTime<Utc>>,
    },
    /// The walk did not begin, or Insightly does not allow it. The cursor stays.
    Postponed {
        /// What the poller waits for. Waiting for requests is no failure, the rest is counted as one.
        waiting: Waiting,
        /// Why, in words for people.
        error: String,
        /// When the poller is due again.
        next_due: DateTime<Utc>,
        /// Now, by our clock.
        at: DateTime<Utc>,
    },
}

pub(crate) const SELECT_VERSIONS: &str = "SELECT versions.object_id, versions.updated_at, versions.digest, versions.sequence, versions.content \
     FROM rows CROSS JOIN versions \
     WHERE versions.poller_id = $1 AND versions.object_id = rows.object_id";

pub(crate) const UPSERT_VERSIONS: &str = "INSERT INTO versions (poller_id, object_id, updated_at, digest, sequence, content) \
     SELECT $1, object_id, updated_at, digest, sequence, content FROM rows WHERE TRUE \
     ON CONFLICT (poller_id, object_id) DO UPDATE SET updated_at = excluded.updated_at, \
     digest = excluded.digest, sequence = excluded.sequence, content = excluded.content";

#[derive(sqlx::FromRow)]
struct VersionRow {
    object_id: String,
    updated_at: i64,
    digest: Vec<u8>,
    sequence: i64,
    content: Option<Vec<u8>>,
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
                // What cannot be unpacked is as good as not known.
                content: row.content.as_deref().and_then(packed::unpack),
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

    /// Writes a page and the progress that it means, in one transaction.
    ///
    /// [`Error::Fenced`] when another claim or another reader has written since: then nothing is stored.
    pub async fn commit_page(&self, fence: Fence, page: &PageCommit) -> Result<Committed> {
        let _timer = Timer::start("commit_page");
        trace::traced(&self.database, "commit page", self.commit(fence, page)).await
    }

    async fn commit(&self, fence: Fence, page: &PageCommit) -> Result<Committed> {
        let mut tx = self.database.begin().await?;
        // First, since it also locks the poller until the end.
        let rounds: Vec<Round> = tx.all(progress(fence, &page.progress)).await?;
        let round = rounds.into_iter().next().ok_or(Error::Fenced)?;
        if !page.versions.is_empty() {
            tx.execute(versions(fence.poller, &page.versions)).await?;
        }
        let mut held = HashSet::new();
        if !page.notifications.is_empty() {
            let (contents, deliveries) = notifications(&page.notifications);
            tx.execute(contents).await?;
            tx.execute(deliveries).await?;
            held = order::store(&mut tx, &page.notifications).await?;
        }
        quarantine::change(&mut tx, fence, &page.quarantine).await?;
        if let Some(walk) = &page.walk {
            walks::write(&mut tx, fence.poller, walk).await?;
        }
        if let Some(prune) = &page.prune {
            prune::prune(&mut tx, fence.poller, round, prune).await?;
        }
        tx.commit().await?;
        let fence = Fence {
            revision: fence.revision + 1,
            ..fence
        };
        Ok(Committed { fence, held })
    }
}

/// `$1` poller, `$2` epoch, `$3` revision; the rest as [`progress`] binds it.
fn progress_text(progress: &Progress) -> &'static str {
    match progress {
        Progress::UnderWay { .. } => {
            "UPDATE pollers SET revision = revision + 1, due_at = $4, lease_until = $4 \
             WHERE id = $1 AND epoch = $2 AND revision = $3 RETURNING prune_at, prune_after"
        }
        Progress::Finished { .. } => {
            "UPDATE pollers SET revision = revision + 1, lease_until = NULL, \
             due_at = CASE WHEN hint_gap IS NULL THEN $4 ELSE {least}($4, $5 + hint_gap) END, \
             planned_at = CASE WHEN hint_gap IS NULL THEN $7 ELSE {least}($7, $5 + hint_gap) END, \
             waiting = CASE WHEN $7 < $4 THEN 'budget' END, hint_gap = NULL, \
             last_poll_at = $5, cursor_at = {greatest}(cursor_at, $6), last_error = NULL, \
             failures = 0 WHERE id = $1 AND epoch = $2 AND revision = $3 RETURNING prune_at, prune_after"
        }
        Progress::Failed { .. } => {
            "UPDATE pollers SET revision = revision + 1, due_at = $4, lease_until = NULL, \
             last_poll_at = $5, last_error = $6, failures = failures + 1, waiting = NULL, \
             hint_gap = NULL WHERE id = $1 AND epoch = $2 AND revision = $3 RETURNING prune_at, prune_after"
        }
        Progress::Beside { .. } => {
            "UPDATE pollers SET revision = revision + 1, due_at = {least}(due_at, COALESCE($4, due_at)) \
             WHERE id = $1 AND epoch = $2 AND revision = $3 RETURNING prune_at, prune_after"
        }
        Progress::Postponed { .. } => {
            "UPDATE pollers SET revision = revision + 1, due_at = $4, lease_until = NULL, \
             last_poll_at = CASE WHEN $8 = 0 THEN last_poll_at ELSE $5 END, last_error = $6, \
             waiting = $7, failures = failures + $8, hint_gap = NULL \
             WHERE id = $1 AND epoch = $2 AND revision = $3 RETURNING prune_at, prune_after"
        }
    }
}

pub(crate) fn progress(fence: Fence, progress: &Progress) -> Sql {
    let sql = Sql::new(progress_text(progress))
        .bind(fence.poller)
        .bind(fence.epoch.get())
        .bind(fence.revision);
    match progress {
        Progress::UnderWay { lease_until } => sql.bind(*lease_until),
        Progress::Beside { due_at } => sql.bind(*due_at),
        Progress::Finished {
            cursor,
            next_due,
            planned,
            at,
        } => {
            let sql = sql.bind(*next_due).bind(*at).bind(*cursor);
            sql.bind(planned.unwrap_or(*next_due))
        }
        Progress::Postponed {
            waiting,
            error,
            next_due,
            at,
        } => {
            let asked = matches!(waiting, Waiting::RefusedKey | Waiting::Skipped);
            let sql = sql.bind(*next_due).bind(*at).bind(error.as_str());
            sql.bind(waiting.as_str()).bind(i64::from(asked))
        }
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
        )
        .bytes(
            "content",
            versions
                .values()
                .map(|version| version.content.as_deref().map(packed::pack)),
        );
    Sql::new(UPSERT_VERSIONS).bind(poller).rows(rows)
}

/// What is delivered, and where it stands.
pub(crate) fn notifications(new: &[NewNotification]) -> (Sql, Sql) {
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
        .text(
            "body",
            contents.clone().map(|notification| notification.body.get()),
        )
        .text(
            "purpose",
            contents
                .clone()
                .map(|notification| notification.purpose.as_str()),
        )
        .text(
            "media_type",
            contents.map(|notification| notification.media_type.as_str()),
        )
        .optional_text("traceparent", new.iter().map(|new| new.traceparent.clone()));
    let insert = Sql::new(
        "INSERT INTO notifications (id, instance_id, resource, created_at, body, purpose, media_type, traceparent) \
         SELECT id, instance_id, resource, created_at, body, purpose, media_type, traceparent FROM rows",
    );
    let start = Sql::new(
        "INSERT INTO deliveries (notification_id, instance_id, status, attempts, due_at) \
         SELECT id, instance_id, 'NEW', 0, due_at FROM rows",
    );
    (insert.rows(contents), start.rows(deliveries))
}
