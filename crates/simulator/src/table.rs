//! The records of one object in one account: what was written, and what a reader sees of it.
//!
//! A record is its id and its last version; its values are made up when it is read. So a million contacts are three
//! compact vectors and an index, and only what clients wrote takes room of its own.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use crate::bits::Bits;
use crate::dice::Dice;
use crate::ledger::Kind;
use crate::record::{Content, Record};
use crate::schema::Schema;

/// No version.
const NONE: u32 = u32::MAX;
/// Not served yet.
pub(crate) const NEVER: i64 = i64::MIN;

/// A version of a record, kept for as long as the simulator lives: the ledger.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) row: u32,
    pub(crate) revision: u32,
    pub(crate) kind: Kind,
    /// Seconds since 1970: what the API can tell.
    pub(crate) updated: u32,
    /// Milliseconds since 1970.
    pub(crate) visible_at: i64,
    pub(crate) first_served: i64,
    /// 0 until somebody asks, for versions whose content is made up.
    pub(crate) digest: u64,
    /// Let go once a newer version is visible.
    pub(crate) content: Option<Arc<Content>>,
}

#[derive(Debug)]
pub(crate) struct Row {
    created: u32,
    /// The last version written.
    latest: u32,
    /// The version that readers see.
    visible: u32,
    /// When that one was written; kept here so that scans stay within this vector.
    updated: u32,
}

/// A version to write.
pub(crate) struct Write {
    pub(crate) row: u32,
    pub(crate) kind: Kind,
    pub(crate) content: Option<Arc<Content>>,
    pub(crate) updated: u32,
    pub(crate) visible_at: i64,
}

/// The records of one object.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) schema: Arc<Schema>,
    dice: Dice,
    base: i64,
    pub(crate) rows: Vec<Row>,
    pub(crate) versions: Vec<Version>,
    /// Rows that readers see.
    pub(crate) live: Bits,
    /// Rows that were not deleted by the last write.
    pub(crate) alive: Bits,
    /// (second of the update, row) of what readers see.
    pub(crate) by_time: BTreeSet<(u32, u32)>,
    /// (when it becomes visible, version).
    pending: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Table {
    pub(crate) fn new(schema: Arc<Schema>, dice: Dice, base: i64) -> Self {
        Self {
            schema,
            dice,
            base,
            rows: Vec::new(),
            versions: Vec::new(),
            live: Bits::default(),
            alive: Bits::default(),
            by_time: BTreeSet::new(),
            pending: BinaryHeap::new(),
        }
    }

    pub(crate) fn id(&self, row: u32) -> i64 {
        self.base + i64::from(row)
    }

    /// The row of that id, whether or not the record is still there.
    pub(crate) fn row(&self, id: i64) -> Option<u32> {
        let row = u32::try_from(id.checked_sub(self.base)?).ok()?;
        ((row as usize) < self.rows.len()).then_some(row)
    }

    /// When the row's visible version was updated.
    pub(crate) fn updated(&self, row: u32) -> u32 {
        self.rows[row as usize].updated
    }

    /// Adds a row without a version; [`Self::write`] gives it one.
    pub(crate) fn add_row(&mut self, created: u32) -> u32 {
        let row =
            u32::try_from(self.rows.len()).expect("a table holds fewer than four billion rows");
        self.rows.push(Row {
            created,
            latest: NONE,
            visible: NONE,
            updated: 0,
        });
        row
    }

    /// Records a version, and shows it to readers if its time has come.
    pub(crate) fn write(&mut self, write: Write, now: i64) -> u32 {
        let index = u32::try_from(self.versions.len())
            .ok()
            .filter(|index| *index != NONE)
            .expect("a ledger holds fewer than four billion versions");
        let row = &mut self.rows[write.row as usize];
        let revision = match row.latest {
            NONE => 1,
            latest => self.versions[latest as usize].revision + 1,
        };
        row.latest = index;
        self.alive.set(write.row, write.kind != Kind::Deleted);
        self.versions.push(Version {
            row: write.row,
            revision,
            kind: write.kind,
            updated: write.updated,
            visible_at: write.visible_at,
            first_served: NEVER,
            digest: 0,
            content: write.content,
        });
        if write.visible_at <= now {
            self.show(index);
        } else {
            self.pending.push(Reverse((write.visible_at, index)));
        }
        index
    }

    /// Shows what has become visible by `now`.
    pub(crate) fn settle(&mut self, now: i64) {
        while let Some(Reverse((at, index))) = self.pending.peek().copied()
            && at <= now
        {
            self.pending.pop();
            self.show(index);
        }
    }

    fn show(&mut self, index: u32) {
        let version = &self.versions[index as usize];
        let (number, updated, revision) = (version.row, version.updated, version.revision);
        let deleted = version.kind == Kind::Deleted;
        let row = &mut self.rows[number as usize];
        let before = row.visible;
        if before != NONE {
            // A late version does not come back over a newer one.
            if self.versions[before as usize].revision > revision {
                self.versions[index as usize].content = None;
                return;
            }
            self.by_time.remove(&(row.updated, number));
            self.versions[before as usize].content = None;
        }
        row.visible = index;
        row.updated = updated;
        self.live.set(number, !deleted);
        if !deleted {
            self.by_time.insert((updated, number));
        }
    }

    /// What readers see of a row.
    pub(crate) fn visible(&self, row: u32) -> Option<Record> {
        let index = self.rows[row as usize].visible;
        self.live.contains(row).then(|| self.record(index))
    }

    /// What was last written of a row, if that was not its deletion.
    pub(crate) fn latest(&self, row: u32) -> Option<Record> {
        let index = self.rows[row as usize].latest;
        self.alive.contains(row).then(|| self.record(index))
    }

    /// The last version of a row, deletions included.
    pub(crate) fn latest_version(&self, row: u32) -> u32 {
        self.rows[row as usize].latest
    }

    /// The record as of one of its versions. Only the visible and the latest one still have all their content.
    pub(crate) fn record(&self, index: u32) -> Record {
        let version = &self.versions[index as usize];
        Record {
            schema: self.schema.clone(),
            dice: self.dice,
            id: self.id(version.row),
            revision: version.revision,
            created: i64::from(self.rows[version.row as usize].created),
            updated: i64::from(version.updated),
            content: version.content.clone(),
        }
    }

    /// Notes that a reader was given the visible version of these rows.
    pub(crate) fn served(&mut self, rows: &[u32], now: i64) {
        for row in rows {
            let index = self.rows[*row as usize].visible;
            if index != NONE && self.versions[index as usize].first_served == NEVER {
                self.versions[index as usize].first_served = now;
            }
        }
    }
}
