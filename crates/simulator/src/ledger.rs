//! What was written, and what of it was handed out: what a test compares with what arrived.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::shown;
use crate::table::{NEVER, Table};

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Made up as one of many, before the changes begin; its update may lie long after its creation.
    Seeded,
    /// Created by a change or a client.
    Created,
    /// Changed.
    Updated,
    /// Deleted.
    Deleted,
}

/// One write: one version of one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The object, `Contacts`.
    pub object: String,
    /// The record: a number, or a text for objects known by one.
    pub id: Value,
    /// The number of the version, from 1.
    pub revision: u32,
    /// What the write did.
    pub kind: Kind,
    /// The record's updated time in whole seconds; of a deletion, when it happened.
    pub updated: DateTime<Utc>,
    /// From when on a reader could see it, unless a newer version was visible by then.
    pub visible_at: DateTime<Utc>,
    /// When it was first part of an answer; `None` when it never was.
    pub first_served_at: Option<DateTime<Utc>>,
    /// Identifies the content, see [`crate::digest`]; `None` for a deletion.
    pub digest: Option<String>,
}

/// The entries of a table, in the order of the writes.
pub(crate) fn ledger(table: &Table) -> impl Iterator<Item = Entry> + '_ {
    (0..table.versions.len() as u32).map(|index| entry(table, index))
}

/// The last entry of each of a table's records.
pub(crate) fn state(table: &Table) -> impl Iterator<Item = Entry> + '_ {
    (0..table.rows.len() as u32).map(|row| entry(table, table.latest_version(row)))
}

/// The entry of one version.
pub(crate) fn entry(table: &Table, index: u32) -> Entry {
    let version = &table.versions[index as usize];
    let record = table.record(index);
    let digest = match (version.kind, version.digest) {
        (Kind::Deleted, _) => None,
        // Seeded by the million: worked out when asked for.
        (_, 0) => Some(record.digest()),
        (_, digest) => Some(digest),
    };
    Entry {
        object: table.schema.object.clone(),
        id: record.shown_id(),
        revision: version.revision,
        kind: version.kind,
        updated: seconds(i64::from(version.updated)),
        visible_at: millis(version.visible_at),
        first_served_at: (version.first_served != NEVER).then(|| millis(version.first_served)),
        digest: digest.map(shown),
    }
}

pub(crate) fn seconds(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn millis(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
