//! How a poller stands in its table.

use std::collections::BTreeMap;

use ie_model::{Epoch, InstanceId, Poller, PollerId, PollerStatus, Waiting};

use crate::instance_row::{from_json, to_json};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::{Error, NewPoller, Result, time};

/// Every column of a poller.
pub(crate) const SELECT_POLLERS: &str = "SELECT id, instance_id, resource, object, config, interval_minutes, due_at, lease_until, epoch, \
     revision, cursor_at, baseline_at, active, last_poll_at, last_error, failures, \
     quarantined, planned_at, waiting FROM pollers";

#[derive(Debug, sqlx::FromRow)]
pub(crate) struct PollerRow {
    id: i64,
    instance_id: i64,
    resource: String,
    object: String,
    config: String,
    interval_minutes: i64,
    due_at: i64,
    lease_until: Option<i64>,
    epoch: i64,
    revision: i64,
    cursor_at: i64,
    baseline_at: i64,
    active: bool,
    last_poll_at: Option<i64>,
    last_error: Option<String>,
    failures: i64,
    quarantined: i64,
    planned_at: i64,
    waiting: Option<String>,
}

impl TryFrom<PollerRow> for Poller {
    type Error = Error;

    fn try_from(row: PollerRow) -> Result<Self> {
        Ok(Self {
            id: PollerId(row.id),
            instance: InstanceId(row.instance_id),
            resource: row.resource,
            object: row.object,
            config: from_json("a poller's configuration", &row.config)?,
            interval_minutes: to_u32("a poller's interval", row.interval_minutes)?,
            due_at: time::from_ms(row.due_at)?,
            lease_until: time::from_optional_ms(row.lease_until)?,
            epoch: Epoch(row.epoch),
            revision: row.revision,
            cursor: time::from_ms(row.cursor_at)?,
            baseline: time::from_ms(row.baseline_at)?,
            status: if row.active {
                PollerStatus::Active
            } else {
                PollerStatus::Paused
            },
            last_poll_at: time::from_optional_ms(row.last_poll_at)?,
            last_error: row.last_error,
            failures: to_u32("a poller's failures", row.failures)?,
            quarantined: to_u32(
                "how many records of a poller cannot be read",
                row.quarantined,
            )?,
            planned_at: time::from_ms(row.planned_at)?,
            waiting: row.waiting.as_deref().map(waiting).transpose()?,
        })
    }
}

/// Inserts pollers; those that are there keep what they have read and take the rest.
///
/// A poller that waits is due at the earlier time of both, so that a corrected key is tried at once. One that goes on
/// after a pause loses its lease: its job may have been dropped meanwhile, and if not, the next claim fences it.
pub(crate) fn upsert(instance: InstanceId, pollers: &[NewPoller]) -> Result<Sql> {
    let sql = Sql::new(
        "INSERT INTO pollers (instance_id, resource, object, config, interval_minutes, due_at, \
         planned_at, epoch, revision, cursor_at, baseline_at, active, failures) \
         SELECT $1, resource, object, config, interval_minutes, due_at, due_at, 0, 0, cursor_at, \
         cursor_at, active, 0 FROM rows WHERE TRUE \
         ON CONFLICT (instance_id, resource) DO UPDATE SET object = excluded.object, \
         config = excluded.config, interval_minutes = excluded.interval_minutes, \
         active = excluded.active, due_at = CASE WHEN pollers.lease_until IS NULL \
         OR (excluded.active AND NOT pollers.active) \
         THEN {least}(pollers.due_at, excluded.due_at) ELSE pollers.due_at END, \
         planned_at = CASE WHEN pollers.active THEN pollers.planned_at ELSE excluded.due_at END, \
         lease_until = CASE WHEN excluded.active AND NOT pollers.active \
         THEN NULL ELSE pollers.lease_until END, waiting = NULL",
    );
    // One poller per resource, in the order in which every other transaction locks them.
    let pollers: BTreeMap<&str, &NewPoller> = pollers
        .iter()
        .map(|poller| (poller.resource.as_str(), poller))
        .collect();
    let configs: Vec<String> = pollers
        .values()
        .map(|poller| to_json("a poller's configuration", &poller.config))
        .collect::<Result<_>>()?;
    let active = |poller: &&NewPoller| poller.status == PollerStatus::Active;
    let rows = Rows::new()
        .text("resource", pollers.keys().copied())
        .text("object", pollers.values().map(|new| new.object.as_str()))
        .text("config", configs)
        .int(
            "interval_minutes",
            pollers.values().map(|new| i64::from(new.interval_minutes)),
        )
        .int(
            "due_at",
            pollers.values().map(|new| time::to_ms(new.due_at)),
        )
        .int(
            "cursor_at",
            pollers.values().map(|new| time::to_ms(new.cursor)),
        )
        .bool("active", pollers.values().copied().map(|new| active(&new)));
    Ok(sql.bind(instance).rows(rows))
}

fn waiting(name: &str) -> Result<Waiting> {
    let known = Waiting::ALL.into_iter().find(|one| one.as_str() == name);
    known.ok_or_else(|| Error::corrupt("what a poller waits for", format!("{name:?} is not known")))
}

pub(crate) fn to_u32(what: &'static str, number: i64) -> Result<u32> {
    number
        .try_into()
        .map_err(|error| Error::corrupt(what, error))
}
