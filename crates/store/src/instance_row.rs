//! How an instance stands in its table.

use chrono::{DateTime, Utc};
use ie_model::{AccountKey, Instance, InstanceId, OrganizationId, UserId};

use crate::sql::Sql;
use crate::{Error, Result, time};

/// Every column of an instance that is read back.
pub(crate) const SELECT_INSTANCES: &str = "SELECT id, organization_id, user_id, name, tags, configuration, secrets, settings, account, \
     valid, disabled, reason, hint_hash, failing_since, created_at, updated_at FROM instances WHERE deleted_at IS NULL";

#[derive(Debug, sqlx::FromRow)]
pub(crate) struct InstanceRow {
    id: i64,
    organization_id: i64,
    user_id: i64,
    name: String,
    tags: String,
    configuration: String,
    secrets: String,
    settings: String,
    account: String,
    valid: bool,
    disabled: bool,
    reason: Option<String>,
    hint_hash: Option<String>,
    failing_since: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<InstanceRow> for Instance {
    type Error = Error;

    fn try_from(row: InstanceRow) -> Result<Self> {
        Ok(Self {
            id: InstanceId(row.id),
            organization: OrganizationId(row.organization_id),
            user: UserId(row.user_id),
            name: row.name,
            tags: from_json("an instance's tags", &row.tags)?,
            configuration: from_json("an instance's configuration", &row.configuration)?,
            secrets: from_json("an instance's secrets", &row.secrets)?,
            settings: from_json("an instance's settings", &row.settings)?,
            account: AccountKey(row.account),
            valid: row.valid,
            disabled: row.disabled,
            reason: row.reason,
            hint_hash: row.hint_hash,
            failing_since: time::from_optional_ms(row.failing_since)?,
            created_at: time::from_ms(row.created_at)?,
            updated_at: time::from_ms(row.updated_at)?,
        })
    }
}

/// Inserts an instance.
pub(crate) fn insert(instance: &Instance, token_hash: &str) -> Result<Sql> {
    let sql = Sql::new(
        "INSERT INTO instances (id, name, tags, configuration, secrets, settings, account, valid, \
         disabled, reason, updated_at, hint_hash, organization_id, user_id, created_at, token_hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    );
    Ok(bind_changeable(sql, instance)?
        .bind(instance.organization)
        .bind(instance.user)
        .bind(instance.created_at)
        .bind(token_hash))
}

/// Replaces everything of an instance but its owner, its token and its time of creation.
///
/// Since when its callback fails is forgotten where the caller forgets it and when it is switched on again, never set.
/// Nothing happens when it was changed since `instance` was read.
pub(crate) fn update(instance: &Instance, now: DateTime<Utc>) -> Result<Sql> {
    let sql = Sql::new(
        "UPDATE instances SET name = $2, tags = $3, configuration = $4, secrets = $5, \
         settings = $6, account = $7, valid = $8, disabled = $9, reason = $10, updated_at = $14, \
         hint_hash = $12, failing_since = CASE WHEN $13 OR disabled AND $9 = FALSE THEN NULL ELSE failing_since END \
         WHERE id = $1 AND deleted_at IS NULL AND updated_at = $11",
    );
    Ok(bind_changeable(sql, instance)?
        .bind(instance.failing_since.is_none())
        .bind(now))
}

fn bind_changeable(sql: Sql, instance: &Instance) -> Result<Sql> {
    Ok(sql
        .bind(instance.id)
        .bind(instance.name.as_str())
        .bind(to_json("an instance's tags", &instance.tags)?)
        .bind(to_json(
            "an instance's configuration",
            &instance.configuration,
        )?)
        .bind(to_json("an instance's secrets", &instance.secrets)?)
        .bind(to_json("an instance's settings", &instance.settings)?)
        .bind(&instance.account)
        .bind(instance.valid)
        .bind(instance.disabled)
        .bind(instance.reason.as_deref())
        .bind(instance.updated_at)
        .bind(instance.hint_hash.as_deref()))
}

pub(crate) fn to_json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::corrupt(what, error))
}

pub(crate) fn from_json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::corrupt(what, error))
}
