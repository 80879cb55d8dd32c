//! Claiming pollers that are due, and the leases of polls under way.
//!
//! Indexes: `pollers_due` (by due time, only the active) serves [`Store::claim_due`] and [`Store::overdue`]: the cost
//! follows what is due, not what exists. Everything else finds pollers by id.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::{Epoch, Instance, InstanceId, PollJob, Poller, PollerId};
use metrics::histogram;

use crate::database::Lock;
use crate::instance_row::{InstanceRow, SELECT_INSTANCES};
use crate::poller_row::{PollerRow, SELECT_POLLERS};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, time};

pub(crate) const SELECT_DUE: &str = "SELECT id, instance_id, epoch, due_at, traceparent FROM pollers \
     WHERE active AND due_at <= $1 ORDER BY due_at LIMIT $2{skip_locked}";

pub(crate) const SELECT_FIRST_DUE: &str =
    "SELECT due_at FROM pollers WHERE active AND due_at <= $1 ORDER BY due_at LIMIT 1";

/// The poll that begins now has seen whatever hints came before it.
pub(crate) const CLAIM: &str = "UPDATE pollers SET epoch = pollers.epoch + 1, due_at = $1, lease_until = $1, \
     hint_gap = NULL, traceparent = NULL WHERE id IN (SELECT id FROM rows)";

/// A poll that has ended already, or went on with a longer lease, keeps its times.
pub(crate) const EXTEND: &str = "UPDATE pollers SET due_at = {greatest}(pollers.due_at, $1), \
     lease_until = {greatest}(pollers.lease_until, $1) FROM rows \
     WHERE pollers.id = rows.id AND pollers.epoch = rows.epoch AND pollers.lease_until IS NOT NULL";

pub(crate) const RELEASE: &str = "UPDATE pollers SET due_at = $1, lease_until = NULL FROM rows \
     WHERE pollers.id = rows.id AND pollers.epoch = rows.epoch AND pollers.lease_until IS NOT NULL";

/// A poller that its claimant may have polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuePoll {
    /// What is to be published.
    pub job: PollJob,
    /// The trace of whoever asked for the poll, if somebody did.
    pub traceparent: Option<String>,
}

impl Store {
    /// Claims up to `limit` pollers that are due, the most overdue first; each claim raises the poller's epoch.
    ///
    /// Any number of schedulers may claim at once: none waits for another, none gets what another has.
    /// A claim is due again when its lease ends. How late each is goes into the histogram `ie_poll_lag_seconds`.
    pub async fn claim_due(
        &self,
        now: DateTime<Utc>,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<DuePoll>> {
        let _timer = Timer::start("claim_due");
        let mut tx = self.database.begin().await?;
        let due = Sql::new(SELECT_DUE).bind(now).bind(limit);
        let due: Vec<(i64, i64, i64, i64, Option<String>)> = tx.all(due).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let claim = Sql::new(CLAIM)
            .bind(time::after(now, lease))
            .rows(Rows::new().int("id", due.iter().map(|(id, ..)| *id)));
        tx.execute(claim).await?;
        tx.commit().await?;
        for (.., due_at, _) in &due {
            let late = time::to_ms(now).saturating_sub(*due_at).max(0);
            histogram!("ie_poll_lag_seconds").record(late as f64 / 1000.0);
        }
        let claim = |(id, instance, epoch, _, traceparent)| DuePoll {
            job: PollJob {
                poller: PollerId(id),
                instance: InstanceId(instance),
                epoch: Epoch(epoch + 1),
            },
            traceparent,
        };
        Ok(due.into_iter().map(claim).collect())
    }

    /// For how long the poller has been due that is due for the longest; nothing when none is.
    pub async fn overdue(&self, now: DateTime<Utc>) -> Result<Duration> {
        let _timer = Timer::start("overdue");
        let first = self
            .database
            .optional::<(i64,)>(Sql::new(SELECT_FIRST_DUE).bind(now))
            .await?;
        let due_at = first.map_or(now, |(due_at,)| time::from_ms(due_at).unwrap_or(now));
        Ok((now - due_at).to_std().unwrap_or_default())
    }

    /// Lengthens the leases of jobs that are in the queue now. Older claims and polls that ended are left alone.
    pub async fn extend_claims(&self, jobs: &[PollJob], until: DateTime<Utc>) -> Result<()> {
        let _timer = Timer::start("extend_claims");
        self.change_claims(Sql::new(EXTEND).bind(until), jobs).await
    }

    /// Gives claims back whose publishing failed: due again at `due_at`. Older claims are left alone.
    pub async fn release_claims(&self, jobs: &[PollJob], due_at: DateTime<Utc>) -> Result<()> {
        let _timer = Timer::start("release_claims");
        self.change_claims(Sql::new(RELEASE).bind(due_at), jobs)
            .await
    }

    /// Ends every lease, and returns how many there were.
    ///
    /// For the start of a process with the queue inside of it: its jobs were lost with its former life.
    pub async fn release_leases(&self, now: DateTime<Utc>) -> Result<u64> {
        let _timer = Timer::start("release_leases");
        let mut tx = self.database.begin().await?;
        let leased = Sql::new(
            "SELECT id FROM pollers WHERE lease_until IS NOT NULL ORDER BY id{for_update}",
        );
        let leased: Vec<(i64,)> = tx.all(leased).await?;
        let release = Sql::new(
            "UPDATE pollers SET due_at = $1, lease_until = NULL WHERE id IN (SELECT id FROM rows)",
        );
        let rows = Rows::new().int("id", leased.into_iter().map(|(id,)| id));
        let released = tx.execute(release.bind(now).rows(rows)).await?;
        tx.commit().await?;
        Ok(released)
    }

    /// What a job's reader needs; none when the job is of an older claim, or its poller is paused or removed.
    pub async fn poll_context(&self, job: &PollJob) -> Result<Option<(Poller, Instance)>> {
        let _timer = Timer::start("poll_context");
        let mut poller = Sql::new(SELECT_POLLERS);
        poller
            .push_bind(" WHERE id = ", job.poller)
            .push_bind(" AND epoch = ", job.epoch.get())
            .push(" AND active");
        let Some(row) = self.database.optional::<PollerRow>(poller).await? else {
            return Ok(None);
        };
        let poller = Poller::try_from(row)?;
        let mut instance = Sql::new(SELECT_INSTANCES);
        instance.push_bind(" AND id = ", poller.instance);
        let Some(row) = self.database.optional::<InstanceRow>(instance).await? else {
            return Ok(None);
        };
        Ok(Some((poller, row.try_into()?)))
    }

    async fn change_claims(&self, change: Sql, jobs: &[PollJob]) -> Result<()> {
        if jobs.is_empty() {
            return Ok(());
        }
        let ids = jobs.iter().map(|job| job.poller.get());
        let epochs = jobs.iter().map(|job| job.epoch.get());
        let rows = Rows::new().int("id", ids.clone()).int("epoch", epochs);
        let mut tx = self.database.begin().await?;
        tx.lock(Lock::Pollers, ids).await?;
        tx.execute(change.rows(rows)).await?;
        tx.commit().await
    }
}
