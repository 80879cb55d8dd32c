//! Users as their operator manages them. A deleted one stays as a row, since instances name it, without secrets and with
//! its name free again.
//!
//! Indexes: `users` by id, by organization and name; `users_by_sign_in`, `sessions_by_user`.

use chrono::{DateTime, Utc};
use ie_model::{OrganizationId, Role, UserId};

use crate::accounts::read_role;
use crate::database::Tx;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, KeptSecret, Page, Result, Store};

/// A user to be created in an organization that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// The organization.
    pub organization: OrganizationId,
    /// The user's name, by which it signs in.
    pub name: String,
    /// Its secret for the API.
    pub secret: KeptSecret,
    /// Its password as a PHC string; without one it cannot sign in.
    pub password_hash: Option<String>,
    /// What it may do.
    pub role: Role,
}

/// A user of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its organization.
    pub organization: OrganizationId,
    /// Its name, which no other of the organization has.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may do nothing at all for now.
    pub disabled: bool,
    /// Whether it has a password, and so can sign in.
    pub has_password: bool,
}

/// What becomes of a user; what is none stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// What it may do from now on.
    pub role: Option<Role>,
    /// Whether it may do nothing.
    pub disabled: Option<bool>,
    /// Another password as a PHC string.
    pub password_hash: Option<String>,
}

type Row = (i64, i64, String, String, bool, bool);

const COLUMNS: &str = "id, organization_id, name, role, disabled, password_hash IS NOT NULL";

impl Store {
    /// Creates a user. [`Error::NotFound`] when there is no such organization, [`Error::Conflict`] when its name is taken
    /// there, or with a password in any organization: one signs in by name alone.
    pub async fn create_user(&self, user: &NewUser) -> Result<UserId> {
        let _timer = Timer::start("create_user");
        let sql = Sql::new(
            "INSERT INTO users (organization_id, name, secret_hash, sealed_secret, password_hash, role) \
             SELECT id, $2, $3, $4, $5, $6 FROM organizations WHERE id = $1 RETURNING id",
        )
        .bind(user.organization)
        .bind(user.name.as_str())
        .bind(user.secret.hash.as_str())
        .bind(user.secret.sealed.as_str())
        .bind(user.password_hash.as_deref())
        .bind(user.role.as_str());
        let created: Vec<(i64,)> = self.database.write_returning(sql).await?;
        let id = created.first().map(|(id,)| UserId(*id));
        id.ok_or(Error::NotFound)
    }

    /// The users of an organization by id, or the one of this name.
    pub async fn users(
        &self,
        organization: OrganizationId,
        name: Option<&str>,
        page: Page,
    ) -> Result<Vec<User>> {
        let _timer = Timer::start("users");
        let mut sql = Sql::new("SELECT ");
        sql.push(COLUMNS)
            .push(" FROM users WHERE deleted_at IS NULL")
            .push_bind(" AND organization_id = ", organization)
            .push_bind(" AND id > ", page.after.unwrap_or(i64::MIN));
        if let Some(name) = name {
            sql.push_bind(" AND name = ", name);
        }
        sql.push_bind(" ORDER BY id LIMIT ", page.limit);
        let found: Vec<Row> = self.database.all(sql).await?;
        found.into_iter().map(user).collect()
    }

    /// Changes a user; none when there is no such user. Another password and being disabled end its sessions.
    /// [`Error::Conflict`] when it gets its first password and another user signs in by its name.
    pub async fn change_user(&self, id: UserId, change: &UserChange) -> Result<Option<User>> {
        let _timer = Timer::start("change_user");
        let mut sql = Sql::new("UPDATE users SET name = name");
        if let Some(role) = change.role {
            sql.push_bind(", role = ", role.as_str());
        }
        if let Some(disabled) = change.disabled {
            sql.push_bind(", disabled = ", disabled);
        }
        if let Some(hash) = &change.password_hash {
            sql.push_bind(", password_hash = ", hash.as_str());
        }
        sql.push_bind(" WHERE deleted_at IS NULL AND id = ", id)
            .push(" RETURNING ")
            .push(COLUMNS);
        let mut tx = self.database.begin().await?;
        let changed: Vec<Row> = tx.all(sql).await?;
        let Some(row) = changed.into_iter().next() else {
            return Ok(None);
        };
        if change.password_hash.is_some() || change.disabled == Some(true) {
            end_sessions(&mut tx, id).await?;
        }
        tx.commit().await?;
        user(row).map(Some)
    }

    /// Deletes a user and ends its sessions; false when there is no such user.
    pub async fn delete_user(&self, id: UserId) -> Result<bool> {
        let _timer = Timer::start("delete_user");
        let delete = Sql::new(
            "UPDATE users SET deleted_at = $2, disabled = TRUE, name = '(deleted) ' || id, secret_hash = '', \
             sealed_secret = NULL, previous_secret_hash = NULL, previous_until = NULL, configured_hash = NULL, \
             password_hash = NULL WHERE id = $1 AND deleted_at IS NULL",
        );
        let delete = delete.bind(id).bind(self.clock.now());
        let mut tx = self.database.begin().await?;
        if tx.execute(delete).await? == 0 {
            return Ok(false);
        }
        end_sessions(&mut tx, id).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Replaces a user's secret, as [`Store::rotate_organization_secret`] does an organization's. False when there is no
    /// such user.
    pub async fn rotate_user_secret(
        &self,
        id: UserId,
        secret: &KeptSecret,
        previous_until: Option<DateTime<Utc>>,
    ) -> Result<bool> {
        let _timer = Timer::start("rotate_user_secret");
        let sql = Sql::new(
            "UPDATE users SET previous_secret_hash = secret_hash, previous_until = $4, \
             secret_hash = $2, sealed_secret = $3 WHERE id = $1 AND deleted_at IS NULL",
        );
        let sql = sql.bind(id).bind(secret.hash.as_str());
        let sql = sql.bind(secret.sealed.as_str()).bind(previous_until);
        Ok(self.database.write(sql).await? > 0)
    }
}

async fn end_sessions(tx: &mut Tx, user: UserId) -> Result<()> {
    let end = Sql::new("DELETE FROM sessions WHERE user_id = $1");
    tx.execute(end.bind(user)).await?;
    Ok(())
}

fn user((id, organization, name, role, disabled, has_password): Row) -> Result<User> {
    Ok(User {
        id: UserId(id),
        organization: OrganizationId(organization),
        name,
        role: read_role(&role)?,
        disabled,
        has_password,
    })
}
