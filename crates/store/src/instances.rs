//! Connector instances and their pollers, as clients manage them.
//!
//! Indexes: `instances` by id, `instances_by_token`, `instances_by_organization`; `pollers` by instance and resource.

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::{
    Incident, Instance, InstanceId, OrganizationId, Poller, PollerStatus, ResourceConfig,
};

use crate::database::{Database, Lock, Tx};
use crate::instance_row::{self, InstanceRow, SELECT_INSTANCES};
use crate::poller_row::{self, PollerRow, SELECT_POLLERS};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Receipt, Result, Store, idempotency, ids, notices, order, time};

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The id of the last record already seen.
    pub after: Option<i64>,
    /// Records at the most.
    pub limit: u32,
}

/// A poller to be there.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPoller {
    /// The hub's name of the resource: `contacts`. One poller of an instance per resource.
    pub resource: String,
    /// Insightly's name of the object: `Contacts`.
    pub object: String,
    /// How it is polled.
    pub config: ResourceConfig,
    /// Minutes between two polls.
    pub interval_minutes: u32,
    /// Insightly's time from which changes are read; also the baseline.
    pub cursor: DateTime<Utc>,
    /// When it is claimed first.
    pub due_at: DateTime<Utc>,
    /// Whether it runs.
    pub status: PollerStatus,
}

/// What becomes of an instance's pollers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PollerChanges {
    /// Created; or, where the resource has one, given the new configuration, interval and status.
    pub upsert: Vec<NewPoller>,
    /// False removes the pollers that `upsert` does not name.
    pub keep_others: bool,
}

impl Store {
    /// An id for an instance to be created: secrets are sealed for it before it is stored.
    pub async fn next_instance_id(&self) -> Result<InstanceId> {
        let _timer = Timer::start("next_instance_id");
        let reserved = ids::reserve(&self.database, ids::Kind::Instance, 1).await?;
        let first = reserved.first().copied();
        first
            .map(InstanceId)
            .ok_or_else(|| Error::Refused("no instance id was reserved".into()))
    }

    /// Stores an instance with its pollers, in one transaction. An id or a token that is there is a [`Error::Conflict`].
    pub async fn create_instance(
        &self,
        instance: &Instance,
        token_hash: &str,
        pollers: &[NewPoller],
    ) -> Result<()> {
        self.create_instance_once(instance, token_hash, pollers, None)
            .await
    }

    /// The same, together with the answer of the request that asked for it: both or neither.
    /// [`Error::Overtaken`] when another has taken that request over.
    pub async fn create_instance_once(
        &self,
        instance: &Instance,
        token_hash: &str,
        pollers: &[NewPoller],
        receipt: Option<Receipt<'_>>,
    ) -> Result<()> {
        let _timer = Timer::start("create_instance");
        let insert = instance_row::insert(instance, token_hash)?;
        let pollers = poller_row::upsert(instance.id, pollers)?;
        let mut tx = self.database.begin().await?;
        tx.execute(insert).await?;
        tx.execute(pollers).await?;
        if let Some(receipt) = receipt {
            idempotency::note(&mut tx, receipt).await?;
        }
        tx.commit().await
    }

    /// An instance, unless it is deleted.
    pub async fn instance(&self, id: InstanceId) -> Result<Option<Instance>> {
        let _timer = Timer::start("instance");
        let mut sql = Sql::new(SELECT_INSTANCES);
        sql.push_bind(" AND id = ", id);
        first_instance(&self.database, sql).await
    }

    /// The instance that a token belongs to, unless it is deleted.
    pub async fn instance_by_token(&self, token_hash: &str) -> Result<Option<Instance>> {
        let _timer = Timer::start("instance_by_token");
        let mut sql = Sql::new(SELECT_INSTANCES);
        sql.push_bind(" AND token_hash = ", token_hash);
        first_instance(&self.database, sql).await
    }

    /// The instances of an organization by id, without the deleted.
    pub async fn instances(
        &self,
        organization: OrganizationId,
        page: Page,
    ) -> Result<Vec<Instance>> {
        let _timer = Timer::start("instances");
        let mut sql = Sql::new(SELECT_INSTANCES);
        sql.push_bind(" AND organization_id = ", organization)
            .push_bind(" AND id > ", page.after.unwrap_or(i64::MIN))
            .push_bind(" ORDER BY id LIMIT ", page.limit);
        let rows: Vec<InstanceRow> = self.database.all(sql).await?;
        rows.into_iter().map(Instance::try_from).collect()
    }

    /// Replaces an instance and its pollers' configuration, in one transaction.
    ///
    /// Owner, token and time of creation stay. A poller that is there keeps cursor, baseline, epoch and versions. Gives the
    /// time of the change, which is the instance's `updated_at` from then on.
    ///
    /// [`Error::Overtaken`] when it is not as it was read, by its `updated_at`: two changes at once would undo each other.
    pub async fn update_instance(
        &self,
        instance: &Instance,
        pollers: &PollerChanges,
    ) -> Result<DateTime<Utc>> {
        let _timer = Timer::start("update_instance");
        // Later than what was read, also within a millisecond.
        let now = (instance.updated_at + TimeDelta::milliseconds(1)).max(self.clock.now());
        let update = instance_row::update(instance, now)?;
        let upsert = poller_row::upsert(instance.id, &pollers.upsert)?;
        let mut tx = self.database.begin().await?;
        if tx.execute(update).await? == 0 {
            let there = Sql::new("SELECT id FROM instances WHERE id = $1 AND deleted_at IS NULL");
            let there: Vec<(i64,)> = tx.all(there.bind(instance.id)).await?;
            return Err(if there.is_empty() {
                Error::NotFound
            } else {
                Error::Overtaken
            });
        }
        tx.lock(Lock::PollersOfInstances, [instance.id.get()].into_iter())
            .await?;
        if !pollers.keep_others {
            let kept = pollers.upsert.iter().map(|poller| poller.resource.as_str());
            let others = Sql::new(
                "SELECT id FROM pollers WHERE instance_id = $1 \
                 AND resource NOT IN (SELECT resource FROM rows)",
            );
            let others = others
                .bind(instance.id)
                .rows(Rows::new().text("resource", kept));
            remove_pollers(&mut tx, others).await?;
        }
        tx.execute(upsert).await?;
        let delivery = &instance.settings.delivery;
        let modes = (delivery.order, delivery.dead_letter_order);
        order::switch(&mut tx, instance.id, modes, self.clock.now()).await?;
        tx.commit().await?;
        Ok(now)
    }

    /// Marks an instance as deleted: false when there is none.
    ///
    /// Its secrets, pollers and versions are removed, and what was not delivered yet fails.
    pub async fn delete_instance(&self, id: InstanceId) -> Result<bool> {
        let _timer = Timer::start("delete_instance");
        let now = self.clock.now();
        let mark = Sql::new(
            "UPDATE instances SET deleted_at = $2, updated_at = $2, secrets = '{}' \
             WHERE id = $1 AND deleted_at IS NULL",
        );
        let mut tx = self.database.begin().await?;
        if tx.execute(mark.bind(id).bind(now)).await? == 0 {
            return Ok(false);
        }
        // With its pollers gone every later write of a poll is fenced: no notification can follow.
        tx.lock(Lock::PollersOfInstances, [id.get()].into_iter())
            .await?;
        let pollers = Sql::new("SELECT id FROM pollers WHERE instance_id = $1").bind(id);
        remove_pollers(&mut tx, pollers).await?;
        fail_undelivered(&mut tx, id, now).await?;
        order::forget(&mut tx, id).await?;
        let notices = Sql::new("DELETE FROM dead_letter_notices WHERE instance_id = $1");
        tx.execute(notices.bind(id)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Notes whether Insightly accepts the instance's key; nothing happens when it is deleted.
    ///
    /// A refused key is tried again rarely: its pollers are due after `store.refused_retry` at the earliest.
    /// A key that is accepted again makes them due at once. The first refusal is an operational notice.
    pub async fn set_validity(
        &self,
        id: InstanceId,
        valid: bool,
        reason: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let _timer = Timer::start("set_validity");
        let note = Sql::new(
            "UPDATE instances SET valid = $2, updated_at = $4, \
             reason = CASE WHEN $2 AND disabled THEN reason ELSE $3 END \
             WHERE id = $1 AND deleted_at IS NULL AND ($2 = FALSE OR valid = FALSE)",
        );
        let note = note.bind(id).bind(valid).bind(reason).bind(now);
        let mut tx = self.database.begin().await?;
        let before = Sql::new(
            "SELECT valid FROM instances WHERE id = $1 AND deleted_at IS NULL{for_update}",
        );
        let before: Vec<(bool,)> = tx.all(before.bind(id)).await?;
        if tx.execute(note).await? > 0 {
            tx.lock(Lock::PollersOfInstances, [id.get()].into_iter())
                .await?;
            if !valid && before == [(true,)] {
                let reason = reason.unwrap_or_default().to_owned();
                notices::store(&mut tx, id, &Incident::KeyRefused { reason }, now).await?;
            }
            let pollers = if valid {
                due_at_once(id, now)
            } else {
                let postpone = Sql::new(
                    "UPDATE pollers SET due_at = {greatest}(due_at, $2), \
                     waiting = CASE WHEN lease_until IS NULL THEN 'refused key' ELSE waiting END \
                     WHERE instance_id = $1",
                );
                postpone.bind(id).bind(time::after(now, self.refused_retry))
            };
            tx.execute(pollers).await?;
        }
        tx.commit().await
    }

    /// The pollers of an instance, by id.
    pub async fn pollers(&self, instance: InstanceId) -> Result<Vec<Poller>> {
        let _timer = Timer::start("pollers");
        let mut sql = Sql::new(SELECT_POLLERS);
        sql.push_bind(" WHERE instance_id = ", instance)
            .push(" ORDER BY id");
        let rows: Vec<PollerRow> = self.database.all(sql).await?;
        rows.into_iter().map(Poller::try_from).collect()
    }
}

async fn first_instance(database: &Database, sql: Sql) -> Result<Option<Instance>> {
    let row: Option<InstanceRow> = database.optional(sql).await?;
    row.map(Instance::try_from).transpose()
}

fn due_at_once(id: InstanceId, now: DateTime<Utc>) -> Sql {
    let sql = Sql::new(
        "UPDATE pollers SET due_at = {least}(due_at, $2), \
         waiting = CASE WHEN waiting = 'refused key' THEN NULL ELSE waiting END \
         WHERE instance_id = $1 AND active AND lease_until IS NULL",
    );
    sql.bind(id).bind(now)
}

/// Removes the pollers that `which` selects, and what is remembered for them.
async fn remove_pollers(tx: &mut Tx, which: Sql) -> Result<()> {
    let ids: Vec<(i64,)> = tx.all(which).await?;
    if ids.is_empty() {
        return Ok(());
    }
    let rows = Rows::new().int("id", ids.iter().map(|(id,)| *id));
    let versions = Sql::new("DELETE FROM versions WHERE poller_id IN (SELECT id FROM rows)");
    let pollers = Sql::new("DELETE FROM pollers WHERE id IN (SELECT id FROM rows)");
    let quarantine = Sql::new("DELETE FROM quarantine WHERE poller_id IN (SELECT id FROM rows)");
    tx.execute(versions.rows(rows.clone())).await?;
    tx.execute(quarantine.rows(rows.clone())).await?;
    let walks = Sql::new("DELETE FROM walks WHERE poller_id IN (SELECT id FROM rows)");
    let presences = Sql::new("DELETE FROM presences WHERE poller_id IN (SELECT id FROM rows)");
    tx.execute(walks.rows(rows.clone())).await?;
    tx.execute(presences.rows(rows.clone())).await?;
    tx.execute(pollers.rows(rows)).await?;
    Ok(())
}

/// Ends what was not delivered when its instance was deleted.
async fn fail_undelivered(tx: &mut Tx, id: InstanceId, now: DateTime<Utc>) -> Result<()> {
    let undelivered = Sql::new(
        "SELECT notification_id FROM deliveries \
         WHERE notification_id IN (SELECT id FROM notifications WHERE instance_id = $1) \
         AND status IN ('NEW', 'RECEIVED', 'DISPATCHED')",
    );
    let ids: Vec<(i64,)> = tx.all(undelivered.bind(id)).await?;
    let ids: Vec<i64> = ids.into_iter().map(|(id,)| id).collect();
    crate::deliveries::fail(tx, &ids, "instance deleted", now).await
}
