//! Walks through all records of an object: how far a poller's snapshot and its sweeps are, and which records exist.
//!
//! A walk's progress is written with its page, by [`Store::commit_page`], under the poller's fence.
//! Indexes: `walks` by poller and kind, `presences` by poller and object.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::{Digest, PollerId, Version};

use crate::database::Tx;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Result, Store, time};

/// What a walk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WalkKind {
    /// Every record that exists, once.
    Snapshot,
    /// The ids of all records, to notice those that are gone.
    Sweep,
}

/// Where a walk stands; one for each poller and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// What it is for.
    pub kind: WalkKind,
    /// How many times it was begun.
    pub number: i64,
    /// Where to go on, in its reader's words; none between two walks.
    pub state: Option<String>,
    /// When it begins or goes on; none when it never does again.
    pub due_at: Option<DateTime<Utc>>,
    /// Records read by this walk, or by the last one.
    pub records: u64,
    /// Records that there are, as the list said.
    pub total: Option<u64>,
    /// Events that came of it.
    pub events: u64,
    /// When it was begun last.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was completed last.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why the last one did not go on, in words for people.
    pub last_error: Option<String>,
}

/// What a page of a walk writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkWrite {
    /// Where the walk stands now.
    pub walk: Walk,
    /// Objects that this sweep has met.
    pub present: Vec<String>,
    /// Objects that exist beside what is polled: not missed until a sweep meets them.
    pub aside: Vec<String>,
    /// Objects that are known to be gone.
    pub gone: Vec<String>,
}

impl WalkKind {
    /// The name in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Sweep => "sweep",
        }
    }
}

impl Walk {
    /// A walk that was never begun, due at that time.
    pub fn new(kind: WalkKind, due_at: DateTime<Utc>) -> Self {
        Self {
            kind,
            number: 0,
            state: None,
            due_at: Some(due_at),
            records: 0,
            total: None,
            events: 0,
            started_at: None,
            finished_at: None,
            last_error: None,
        }
    }

    /// When a walk that is repeated goes on, or begins again so long after its end at the latest.
    ///
    /// `due_at` was set by the interval of then; one that became shorter counts at once.
    pub fn due_at_interval(&self, interval: TimeDelta) -> Option<DateTime<Utc>> {
        let rests = self.state.is_none() && self.last_error.is_none();
        let at_interval = self.finished_at.filter(|_| rests).map(|at| at + interval);
        [self.due_at, at_interval].into_iter().flatten().min()
    }
}

impl WalkWrite {
    /// Progress, and nothing else.
    pub fn new(walk: Walk) -> Self {
        Self {
            walk,
            present: Vec::new(),
            aside: Vec::new(),
            gone: Vec::new(),
        }
    }
}

/// The number of a sweep that never comes: what it met is missed by none.
const ASIDE: i64 = i64::MAX;

pub(crate) const SELECT_WALKS: &str = "SELECT walks.* FROM rows CROSS JOIN walks WHERE walks.poller_id = rows.id \
     ORDER BY walks.poller_id, walks.kind";

/// Known and not met by the sweep `$2`: those of earlier sweeps, and those with events since the last one.
pub(crate) const SELECT_MISSING: &str = "SELECT object_id FROM presences WHERE poller_id = $1 AND sweep < $2 \
     UNION ALL \
     SELECT object_id FROM versions WHERE poller_id = $1 AND digest <> {gone} \
     AND NOT EXISTS (SELECT 1 FROM presences WHERE presences.poller_id = $1 \
     AND presences.object_id = versions.object_id) \
     LIMIT $3";

pub(crate) const SELECT_GONE: &str = "SELECT versions.object_id, versions.updated_at, versions.sequence \
     FROM rows CROSS JOIN versions WHERE versions.poller_id = $1 \
     AND versions.object_id = rows.object_id AND versions.digest = {gone}";

const UPSERT_PRESENCES: &str = "INSERT INTO presences (poller_id, object_id, sweep) \
     SELECT $1, object_id, sweep FROM rows WHERE TRUE \
     ON CONFLICT (poller_id, object_id) DO UPDATE SET sweep = excluded.sweep";

pub(crate) const DELETE_PRESENCES: &str =
    "DELETE FROM presences WHERE poller_id = $1 AND object_id IN (SELECT object_id FROM rows)";

const UPSERT_WALK: &str = "INSERT INTO walks (poller_id, kind, number, state, due_at, records, total, events, \
     started_at, finished_at, last_error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (poller_id, kind) DO UPDATE SET number = excluded.number, \
     state = excluded.state, due_at = excluded.due_at, records = excluded.records, \
     total = excluded.total, events = excluded.events, started_at = excluded.started_at, \
     finished_at = excluded.finished_at, last_error = excluded.last_error";

#[derive(sqlx::FromRow)]
struct WalkRow {
    poller_id: i64,
    kind: String,
    number: i64,
    state: Option<String>,
    due_at: Option<i64>,
    records: i64,
    total: Option<i64>,
    events: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    last_error: Option<String>,
}

impl Store {
    /// Where the walks of these pollers stand; those that were never begun are left out.
    pub async fn walks(&self, pollers: &[PollerId]) -> Result<Vec<(PollerId, Walk)>> {
        let _timer = Timer::start("walks");
        let ids = pollers.iter().map(|poller| poller.get());
        let sql = Sql::new(SELECT_WALKS).rows(Rows::new().int("id", ids));
        let rows: Vec<WalkRow> = self.database.all(sql).await?;
        rows.into_iter()
            .map(|row| Ok((PollerId(row.poller_id), row.try_into()?)))
            .collect()
    }

    /// Objects of a poller that its sweep of that number has not met, up to `limit`.
    ///
    /// Read when the sweep has met all that there are: it looks at everything that is known of the poller's objects.
    pub async fn missing_objects(
        &self,
        poller: PollerId,
        sweep: i64,
        limit: u32,
    ) -> Result<Vec<String>> {
        let _timer = Timer::start("missing_objects");
        let sql = Sql::new(SELECT_MISSING)
            .bind(poller)
            .bind(sweep)
            .bind(limit);
        let rows: Vec<(String,)> = self.database.all(sql).await?;
        Ok(rows.into_iter().map(|(object,)| object).collect())
    }

    /// Which of these objects were deleted by their last event, and what is remembered of them.
    pub async fn gone_versions(
        &self,
        poller: PollerId,
        objects: &[String],
    ) -> Result<HashMap<String, Version>> {
        let _timer = Timer::start("gone_versions");
        let rows = Rows::new().text("object_id", objects.iter().map(String::as_str));
        let sql = Sql::new(SELECT_GONE).bind(poller).rows(rows);
        let rows: Vec<(String, i64, i64)> = self.database.all(sql).await?;
        let versions = rows.into_iter().map(|(object, updated_at, sequence)| {
            let version = Version {
                updated_at: time::from_ms(updated_at)?,
                digest: Digest::GONE,
                sequence,
                content: None,
            };
            Ok((object, version))
        });
        versions.collect()
    }
}

/// Writes a walk's page inside of the transaction that holds the poller's fence.
pub(crate) async fn write(tx: &mut Tx, poller: PollerId, write: &WalkWrite) -> Result<()> {
    let walk = &write.walk;
    let upsert = Sql::new(UPSERT_WALK)
        .bind(poller)
        .bind(walk.kind.as_str())
        .bind(walk.number)
        .bind(walk.state.as_deref())
        .bind(walk.due_at)
        .bind(to_i64(walk.records))
        .bind(walk.total.map(to_i64))
        .bind(to_i64(walk.events))
        .bind(walk.started_at)
        .bind(walk.finished_at)
        .bind(walk.last_error.as_deref());
    tx.execute(upsert).await?;
    // Each object once, and all in one order.
    let met = write.present.iter().map(|object| (object, walk.number));
    let aside = write.aside.iter().map(|object| (object, ASIDE));
    let presences: BTreeMap<&String, i64> = met.chain(aside).collect();
    if !presences.is_empty() {
        let rows = Rows::new()
            .text("object_id", presences.keys().map(|object| object.as_str()))
            .int("sweep", presences.values().copied());
        let upsert = Sql::new(UPSERT_PRESENCES).bind(poller).rows(rows);
        tx.execute(upsert).await?;
    }
    if !write.gone.is_empty() {
        let rows = Rows::new().text("object_id", write.gone.iter().map(String::as_str));
        tx.execute(Sql::new(DELETE_PRESENCES).bind(poller).rows(rows))
            .await?;
    }
    Ok(())
}

impl TryFrom<WalkRow> for Walk {
    type Error = Error;

    fn try_from(row: WalkRow) -> Result<Self> {
        let kind = match row.kind.as_str() {
            "snapshot" => WalkKind::Snapshot,
            "sweep" => WalkKind::Sweep,
            other => {
                let found = format!("expected snapshot or sweep, found {other:?}");
                return Err(Error::corrupt("a walk's kind", found));
            }
        };
        let count = |number: i64| {
            u64::try_from(number).map_err(|error| Error::corrupt("a walk's count", error))
        };
        Ok(Self {
            kind,
            number: row.number,
            state: row.state,
            due_at: time::from_optional_ms(row.due_at)?,
            records: count(row.records)?,
            total: row.total.map(count).transpose()?,
            events: count(row.events)?,
            started_at: time::from_optional_ms(row.started_at)?,
            finished_at: time::from_optional_ms(row.finished_at)?,
            last_error: row.last_error,
        })
    }
}

/// What a list says of itself may be anything.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
