//! Configurations that are tried before they are saved: a dispatcher calls the callback of one as it would an instance's.
//!
//! A trial has the id of an instance that never comes to be, so that its secrets are sealed like any other's and nothing
//! that lists instances meets it. Index: `trials` by id.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ie_model::{AccountKey, Instance, InstanceId, OrganizationId, UserId};

use crate::instance_row::{from_json, to_json};
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, time};

/// Columns of a trial, in the order of its table.
type Row = (i64, i64, i64, String, String, String, String, i64);

impl Store {
    /// Keeps a configuration while its callback is tried, until [`Store::end_trial`]; those whose time is over are
    /// forgotten, since whoever began them has died.
    pub async fn keep_trial(&self, trial: &Instance, expires_at: DateTime<Utc>) -> Result<()> {
        let _timer = Timer::start("keep_trial");
        let keep = Sql::new(
            "INSERT INTO trials (instance_id, organization_id, user_id, name, configuration, secrets, settings, \
             created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        );
        let configuration = to_json("a trial's configuration", &trial.configuration)?;
        let keep = keep
            .bind(trial.id)
            .bind(trial.organization)
            .bind(trial.user)
            .bind(trial.name.as_str())
            .bind(configuration)
            .bind(to_json("a trial's secrets", &trial.secrets)?)
            .bind(to_json("a trial's settings", &trial.settings)?)
            .bind(trial.created_at)
            .bind(expires_at);
        let forget = Sql::new("DELETE FROM trials WHERE expires_at <= $1");
        let mut tx = self.database.begin().await?;
        tx.execute(forget.bind(trial.created_at)).await?;
        tx.execute(keep).await?;
        tx.commit().await
    }

    /// The configuration that is being tried under this id.
    pub async fn trial(&self, id: InstanceId) -> Result<Option<Instance>> {
        let _timer = Timer::start("trial");
        let sql = Sql::new(
            "SELECT instance_id, organization_id, user_id, name, configuration, secrets, settings, created_at \
             FROM trials WHERE instance_id = $1",
        );
        let row: Option<Row> = self.database.optional(sql.bind(id)).await?;
        row.map(instance).transpose()
    }

    /// Forgets a configuration that has been tried.
    pub async fn end_trial(&self, id: InstanceId) -> Result<()> {
        let _timer = Timer::start("end_trial");
        let end = Sql::new("DELETE FROM trials WHERE instance_id = $1");
        self.database.write(end.bind(id)).await?;
        Ok(())
    }
}

fn instance(row: Row) -> Result<Instance> {
    let (id, organization, user, name, configuration, secrets, settings, created_at) = row;
    let created_at = time::from_ms(created_at)?;
    let secrets: BTreeMap<String, String> = from_json("a trial's secrets", &secrets)?;
    Ok(Instance {
        id: InstanceId(id),
        organization: OrganizationId(organization),
        user: UserId(user),
        name,
        tags: Vec::new(),
        configuration: from_json("a trial's configuration", &configuration)?,
        secrets,
        settings: from_json("a trial's settings", &settings)?,
        account: AccountKey(String::new()),
        valid: true,
        disabled: false,
        reason: None,
        hint_hash: None,
        failing_since: None,
        created_at,
        updated_at: created_at,
    })
}
