//! Records that cannot be read: put aside with the reason, until they can be.
//!
//! Indexes: `quarantine` by poller and key, `quarantine_retry` (by poller and time, only those that are read again),
//! `quarantine_by_instance`. A poller's row says how many it has, so that a poll without any asks nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ie_model::{Digest, Fence, InstanceId, PollerId};

use crate::database::Tx;
use crate::poller_row::to_u32;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Page, Result, Store, packed, time};

/// Of a record that cannot be read so much is kept for people to look at.
const MOST_CONTENT: usize = 64 * 1024;

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewQuarantined {
    /// Its id, if that could be read.
    pub object_id: Option<String>,
    /// The digest of its content, which stands for an id where there is none.
    pub digest: Digest,
    /// Why it cannot be read.
    pub reason: String,
    /// Its JSON; what is beyond 64 KiB is cut off.
    pub content: String,
    /// The start of the window in which it was met.
    pub window_start: DateTime<Utc>,
    /// When it was met, by our clock.
    pub seen_at: DateTime<Utc>,
    /// When it is read again by its id; an earlier time than the stored is ignored.
    pub retry_at: Option<DateTime<Utc>>,
}

/// What a page says of a poller's quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuarantineChange {
    /// Records that cannot be read.
    pub found: Vec<NewQuarantined>,
    /// Objects that can be read, or are gone: they leave.
    pub readable: Vec<String>,
    /// Records that were to be read again, but not handed out.
    pub postponed: Vec<Postponed>,
    /// What a complete walk says of the records without an id.
    pub walked: Option<Walked>,
    /// More than so many are not put aside: the page is refused with [`Error::QuarantineFull`].
    pub limit: u32,
}

/// A record whose reading again was of no avail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postponed {
    /// Its id.
    pub object_id: String,
    /// When it is read again.
    pub retry_at: DateTime<Utc>,
}

/// A complete walk through a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Where its window began. Records without an id that were met from there on, and not again, leave.
    pub window_start: DateTime<Utc>,
    /// When it began, by our clock.
    pub began: DateTime<Utc>,
    /// Records without an id that were met last before this time leave, too: nobody can read them again.
    pub forget_before: DateTime<Utc>,
}

/// A record to be read again by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRecord {
    /// Its id.
    pub object_id: String,
    /// The start of the earliest window in which it was met.
    pub window_start: DateTime<Utc>,
    /// How often it could not be read.
    pub times: u32,
}

/// A record in quarantine, as people look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its place in the list.
    pub id: i64,
    /// The hub's name of the resource.
    pub resource: String,
    /// Its id, if that could be read.
    pub object_id: Option<String>,
    /// Why it cannot be read.
    pub reason: String,
    /// Its JSON, up to 64 KiB.
    pub content: Option<String>,
    /// When it could not be read first.
    pub first_seen: DateTime<Utc>,
    /// When it could not be read last.
    pub last_seen: DateTime<Utc>,
    /// How often it could not be read.
    pub times: u32,
    /// When it is read again by its id.
    pub retry_at: Option<DateTime<Utc>>,
}

pub(crate) const SELECT_DUE: &str = "SELECT object_id, window_at, times FROM quarantine \
     WHERE poller_id = $1 AND retry_at <= $2 ORDER BY retry_at LIMIT $3";

const PUT_ASIDE: &str = "INSERT INTO quarantine (instance_id, poller_id, record_key, object_id, reason, content, window_at, \
     first_seen_at, last_seen_at, times, retry_at) \
     SELECT pollers.instance_id, $1, rows.record_key, rows.object_id, rows.reason, rows.content, \
     rows.window_at, rows.seen_at, rows.seen_at, 1, rows.retry_at \
     FROM rows CROSS JOIN pollers WHERE pollers.id = $1 \
     ON CONFLICT (poller_id, record_key) DO UPDATE SET reason = excluded.reason, \
     content = excluded.content, window_at = {least}(quarantine.window_at, excluded.window_at), \
     last_seen_at = excluded.last_seen_at, times = quarantine.times + 1, \
     retry_at = {greatest}(quarantine.retry_at, excluded.retry_at)";

pub(crate) const RELEASE: &str = "DELETE FROM quarantine WHERE poller_id = $1 \
     AND record_key IN (SELECT record_key FROM rows)";

pub(crate) const RELEASE_UNMET: &str = "DELETE FROM quarantine WHERE poller_id = $1 AND object_id IS NULL \
     AND ((window_at >= $2 AND last_seen_at < $3) OR last_seen_at < $4)";

pub(crate) const POSTPONE: &str = "UPDATE quarantine SET times = quarantine.times + 1, retry_at = rows.retry_at FROM rows \
     WHERE quarantine.poller_id = $1 AND quarantine.record_key = rows.record_key";

const COUNT: &str = "UPDATE pollers SET quarantined = \
     (SELECT COUNT(*) FROM quarantine WHERE poller_id = $1) WHERE id = $1 RETURNING quarantined";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    resource: String,
    object_id: Option<String>,
    reason: String,
    content: Vec<u8>,
    first_seen_at: i64,
    last_seen_at: i64,
    times: i64,
    retry_at: Option<i64>,
}

impl TryFrom<Row> for Quarantined {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id,
            resource: row.resource,
            object_id: row.object_id,
            reason: row.reason,
            content: packed::unpack(&row.content),
            first_seen: time::from_ms(row.first_seen_at)?,
            last_seen: time::from_ms(row.last_seen_at)?,
            times: to_u32("how often a record could not be read", row.times)?,
            retry_at: time::from_optional_ms(row.retry_at)?,
        })
    }
}

impl Store {
    /// The records of a poller that are due to be read again, the longest overdue first.
    pub async fn due_records(
        &self,
        poller: PollerId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueRecord>> {
        let _timer = Timer::start("due_records");
        let sql = Sql::new(SELECT_DUE).bind(poller).bind(now).bind(limit);
        let rows: Vec<(String, i64, i64)> = self.database.all(sql).await?;
        let due = rows.into_iter().map(|(object_id, window_at, times)| {
            Ok(DueRecord {
                object_id,
                window_start: time::from_ms(window_at)?,
                times: to_u32("how often a record could not be read", times)?,
            })
        });
        due.collect()
    }

    /// The records of an instance that cannot be read, the first put aside first.
    pub async fn quarantine(&self, instance: InstanceId, page: Page) -> Result<Vec<Quarantined>> {
        let _timer = Timer::start("quarantine");
        let mut sql = Sql::new(
            "SELECT quarantine.id, pollers.resource, quarantine.object_id, quarantine.reason, \
             quarantine.content, quarantine.first_seen_at, quarantine.last_seen_at, \
             quarantine.times, quarantine.retry_at \
             FROM quarantine JOIN pollers ON pollers.id = quarantine.poller_id",
        );
        sql.push_bind(" WHERE quarantine.instance_id = ", instance)
            .push_bind(" AND quarantine.id > ", page.after.unwrap_or(i64::MIN))
            .push_bind(" ORDER BY quarantine.id LIMIT ", page.limit);
        let rows: Vec<Row> = self.database.all(sql).await?;
        rows.into_iter().map(Quarantined::try_from).collect()
    }
}

/// Writes what a page says of the quarantine, and how many records are in it.
pub(crate) async fn change(tx: &mut Tx, fence: Fence, change: &QuarantineChange) -> Result<()> {
    let poller = fence.poller;
    let mut changed = 0;
    if !change.readable.is_empty() {
        let keys = change.readable.iter().map(|id| key_of_object(id));
        let rows = Rows::new().text("record_key", keys);
        changed += tx
            .execute(Sql::new(RELEASE).bind(poller).rows(rows))
            .await?;
    }
    if !change.postponed.is_empty() {
        let postponed = change.postponed.iter();
        let rows = Rows::new()
            .text(
                "record_key",
                postponed.clone().map(|late| key_of_object(&late.object_id)),
            )
            .int("retry_at", postponed.map(|late| time::to_ms(late.retry_at)));
        tx.execute(Sql::new(POSTPONE).bind(poller).rows(rows))
            .await?;
    }
    if !change.found.is_empty() {
        changed += tx.execute(put_aside(poller, &change.found)).await?;
    }
    if let Some(walked) = change.walked {
        let unmet = Sql::new(RELEASE_UNMET)
            .bind(poller)
            .bind(walked.window_start)
            .bind(walked.began)
            .bind(walked.forget_before);
        changed += tx.execute(unmet).await?;
    }
    if changed == 0 {
        return Ok(());
    }
    let counted: Vec<(i64,)> = tx.all(Sql::new(COUNT).bind(poller)).await?;
    let full = |(count,): &(i64,)| *count > i64::from(change.limit);
    if !change.found.is_empty() && counted.first().is_some_and(full) {
        return Err(Error::QuarantineFull {
            limit: change.limit,
        });
    }
    Ok(())
}

fn put_aside(poller: PollerId, found: &[NewQuarantined]) -> Sql {
    // Of several copies of one record the last counts, as for versions.
    let found: BTreeMap<String, &NewQuarantined> =
        found.iter().map(|record| (key(record), record)).collect();
    let values = || found.values().copied();
    let rows = Rows::new()
        .text("record_key", found.keys().map(String::as_str))
        .optional_text("object_id", values().map(|new| new.object_id.clone()))
        .text("reason", values().map(|new| new.reason.as_str()))
        .bytes("content", values().map(|new| packed::pack(shown(new))))
        .int(
            "window_at",
            values().map(|new| time::to_ms(new.window_start)),
        )
        .int("seen_at", values().map(|new| time::to_ms(new.seen_at)))
        .int(
            "retry_at",
            values().map(|new| new.retry_at.map(time::to_ms)),
        );
    Sql::new(PUT_ASIDE).bind(poller).rows(rows)
}

fn key(record: &NewQuarantined) -> String {
    match &record.object_id {
        Some(id) => key_of_object(id),
        None => format!("content:{}", hex::encode(record.digest.0)),
    }
}

/// As in `prune.rs`.
fn key_of_object(id: &str) -> String {
    format!("id:{id}")
}

fn shown(record: &NewQuarantined) -> &str {
    let content = record.content.as_str();
    &content[..content.floor_char_boundary(MOST_CONTENT)]
}
