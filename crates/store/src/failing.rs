//! Callbacks that only fail: since when, and switching their instances off.
//!
//! Indexes: `instances` by id. Written when a breaker opens and when a callback accepts again, not with each attempt.

use chrono::{DateTime, Utc};
use ie_model::{Incident, InstanceId};

use crate::database::Lock;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, notices};

impl Store {
    /// Notes since when the instance's callback only fails, unless an earlier time is noted.
    pub async fn note_failing(&self, id: InstanceId, since: DateTime<Utc>) -> Result<()> {
        let _timer = Timer::start("note_failing");
        let note = Sql::new(
            "UPDATE instances SET failing_since = $2 \
             WHERE id = $1 AND deleted_at IS NULL AND disabled = FALSE AND failing_since IS NULL",
        );
        self.database.write(note.bind(id).bind(since)).await?;
        Ok(())
    }

    /// The instance's callback has accepted: it fails no more.
    pub async fn clear_failing(&self, id: InstanceId) -> Result<()> {
        let _timer = Timer::start("clear_failing");
        let clear = Sql::new(
            "UPDATE instances SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL",
        );
        self.database.write(clear.bind(id)).await?;
        Ok(())
    }

    /// Switches an instance off and pauses its pollers, as when its callback says that it is gone.
    ///
    /// Nothing happens when it is deleted or off already. Its owner switches it on again.
    pub async fn disable_instance(
        &self,
        id: InstanceId,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let _timer = Timer::start("disable_instance");
        let disable = Sql::new(
            "UPDATE instances SET disabled = TRUE, reason = $2, updated_at = $3 \
             WHERE id = $1 AND deleted_at IS NULL AND disabled = FALSE",
        );
        let disable = disable.bind(id).bind(reason).bind(now);
        self.disable(id, disable, reason, now).await?;
        Ok(())
    }

    /// The same for a callback that has only failed since `limit` or longer; false when that is not so any more.
    pub async fn disable_failing(
        &self,
        id: InstanceId,
        limit: DateTime<Utc>,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let _timer = Timer::start("disable_failing");
        let disable = Sql::new(
            "UPDATE instances SET disabled = TRUE, reason = $2, updated_at = $3 \
             WHERE id = $1 AND deleted_at IS NULL AND disabled = FALSE AND failing_since <= $4",
        );
        let disable = disable.bind(id).bind(reason).bind(now).bind(limit);
        self.disable(id, disable, reason, now).await
    }

    async fn disable(
        &self,
        id: InstanceId,
        disable: Sql,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let pause = Sql::new("UPDATE pollers SET active = FALSE WHERE instance_id = $1");
        let mut tx = self.database.begin().await?;
        let disabled = tx.execute(disable).await? > 0;
        if disabled {
            tx.lock(Lock::PollersOfInstances, [id.get()].into_iter())
                .await?;
            tx.execute(pause.bind(id)).await?;
            let reason = reason.to_owned();
            notices::store(&mut tx, id, &Incident::Disabled { reason }, now).await?;
        }
        tx.commit().await?;
        Ok(disabled)
    }
}
