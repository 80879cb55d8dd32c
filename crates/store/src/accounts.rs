//! Who may use the API: organizations and their users, known by the hashes of their secrets.
//!
//! Indexes: `organizations` and `users` by name (unique), `users_by_secret`.

use std::str::FromStr as _;

use ie_model::{OrganizationId, Role, UserId};

use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Result, Store};

/// An organization and one of its users, to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// The organization's name.
    pub organization: String,
    /// The user's name.
    pub user: String,
    /// The SHA-256 of the organization's secret, in hex.
    pub organization_secret_hash: String,
    /// The SHA-256 of the user's secret, in hex.
    pub user_secret_hash: String,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The organization.
    pub organization: OrganizationId,
    /// The user.
    pub user: UserId,
    /// What it may do.
    pub role: Role,
}

impl Store {
    /// Creates the organization and the user unless they are there by name, and replaces their secrets.
    pub async fn ensure_account(&self, account: &NewAccount) -> Result<Principal> {
        let _timer = Timer::start("ensure_account");
        let organization = Sql::new(
            "INSERT INTO organizations (name, secret_hash) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET secret_hash = excluded.secret_hash RETURNING id",
        )
        .bind(account.organization.as_str())
        .bind(account.organization_secret_hash.as_str());
        let user = Sql::new(
            "INSERT INTO users (organization_id, name, secret_hash) VALUES ($1, $2, $3) \
             ON CONFLICT (organization_id, name) DO UPDATE SET secret_hash = excluded.secret_hash \
             RETURNING id, role",
        );

        let mut tx = self.database.begin().await?;
        let (organization,): (i64,) = returned(tx.all(organization).await?)?;
        let user = user
            .bind(organization)
            .bind(account.user.as_str())
            .bind(account.user_secret_hash.as_str());
        let (user, role): (i64, String) = returned(tx.all(user).await?)?;
        tx.commit().await?;
        principal((organization, user, role))
    }

    /// Who has these two secrets.
    pub async fn principal(
        &self,
        organization_secret_hash: &str,
        user_secret_hash: &str,
    ) -> Result<Option<Principal>> {
        let _timer = Timer::start("principal");
        let sql = Sql::new(
            "SELECT users.organization_id, users.id, users.role FROM users \
             JOIN organizations ON organizations.id = users.organization_id \
             WHERE users.secret_hash = $1 AND organizations.secret_hash = $2 \
             ORDER BY users.id LIMIT 1",
        )
        .bind(user_secret_hash)
        .bind(organization_secret_hash);
        let found: Option<(i64, i64, String)> = self.database.optional(sql).await?;
        found.map(principal).transpose()
    }

    /// The user of an organization that has this secret.
    pub async fn member(
        &self,
        organization: OrganizationId,
        user_secret_hash: &str,
    ) -> Result<Option<Principal>> {
        let _timer = Timer::start("member");
        let sql = Sql::new(
            "SELECT organization_id, id, role FROM users WHERE secret_hash = $1 AND organization_id = $2 \
             ORDER BY id LIMIT 1",
        )
        .bind(user_secret_hash)
        .bind(organization);
        let found: Option<(i64, i64, String)> = self.database.optional(sql).await?;
        found.map(principal).transpose()
    }

    /// Whether anybody can use the API yet.
    pub async fn has_accounts(&self) -> Result<bool> {
        let _timer = Timer::start("has_accounts");
        let sql = Sql::new("SELECT id FROM users LIMIT 1");
        Ok(self.database.optional::<(i64,)>(sql).await?.is_some())
    }
}

/// The one row that an upsert returns.
fn returned<T>(rows: Vec<T>) -> Result<T> {
    let row = rows.into_iter().next();
    row.ok_or_else(|| Error::Refused("an upsert returned no row".into()))
}

/// A principal as it is read: organization, user, role.
pub(crate) fn principal((organization, user, role): (i64, i64, String)) -> Result<Principal> {
    Ok(Principal {
        organization: OrganizationId(organization),
        user: UserId(user),
        role: Role::from_str(&role).map_err(|error| Error::corrupt("a user's role", error))?,
    })
}
