//! Who may use the API: organizations and their users, known by the hashes of their secrets.
//!
//! Indexes: `organizations` and `users` by name (unique), `users_by_secret`, `users_by_previous_secret`.

use std::str::FromStr as _;

use ie_model::{OrganizationId, Role, UserId};

use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Result, Store};

/// The organization and the user of the configuration, to be there.
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

/// A secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// Its SHA-256, in hex: by this it is known again.
    pub hash: String,
    /// The secret, sealed: from this its owner is told.
    pub sealed: String,
}

/// The secrets of a user and of its organization; `sealed` is none for one that was made before copies were kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSecrets {
    /// The user's hash, and the sealed secret.
    pub user: (String, Option<String>),
    /// The organization's.
    pub organization: (String, Option<String>),
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

/// A secret that was replaced is as good as the fresh one until its time.
const SELECT_PRINCIPAL: &str = "SELECT users.organization_id, users.id, users.role FROM users \
     JOIN organizations ON organizations.id = users.organization_id \
     WHERE users.disabled = FALSE AND (users.secret_hash = $1 \
     OR users.previous_secret_hash = $1 AND users.previous_until > $2)";

impl Store {
    /// Creates the organization and the user unless they are there by name, and replaces their secrets.
    ///
    /// A secret that was rotated stays as it is for as long as the configuration says what it said before.
    pub async fn ensure_account(&self, account: &NewAccount) -> Result<Principal> {
        let _timer = Timer::start("ensure_account");
        let organization = Sql::new(
            "INSERT INTO organizations (name, secret_hash, configured_hash) VALUES ($1, $2, $2) \
             ON CONFLICT (name) DO UPDATE SET configured_hash = excluded.configured_hash, secret_hash = \
             CASE WHEN organizations.configured_hash = excluded.configured_hash THEN organizations.secret_hash \
             ELSE excluded.secret_hash END RETURNING id",
        )
        .bind(account.organization.as_str())
        .bind(account.organization_secret_hash.as_str());
        let user = Sql::new(
            "INSERT INTO users (organization_id, name, secret_hash, configured_hash) VALUES ($1, $2, $3, $3) \
             ON CONFLICT (organization_id, name) DO UPDATE SET configured_hash = excluded.configured_hash, \
             secret_hash = CASE WHEN users.configured_hash = excluded.configured_hash THEN users.secret_hash \
             ELSE excluded.secret_hash END RETURNING id, role",
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

    /// Keeps sealed copies of the secrets of a user and its organization, of each whose hash is still the current one.
    pub async fn keep_copies(
        &self,
        of: Principal,
        organization: &KeptSecret,
        user: &KeptSecret,
    ) -> Result<()> {
        let _timer = Timer::start("keep_copies");
        let of_organization = Sql::new(
            "UPDATE organizations SET sealed_secret = $3 WHERE id = $1 AND secret_hash = $2",
        );
        let of_user =
            Sql::new("UPDATE users SET sealed_secret = $3 WHERE id = $1 AND secret_hash = $2");
        let mut tx = self.database.begin().await?;
        for (sql, id, secret) in [
            (of_organization, of.organization.get(), organization),
            (of_user, of.user.get(), user),
        ] {
            let sql = sql.bind(id).bind(secret.hash.as_str());
            tx.execute(sql.bind(secret.sealed.as_str())).await?;
        }
        tx.commit().await
    }

    /// Who has these two secrets.
    pub async fn principal(
        &self,
        organization_secret_hash: &str,
        user_secret_hash: &str,
    ) -> Result<Option<Principal>> {
        let _timer = Timer::start("principal");
        let mut sql = self.with_secret(user_secret_hash);
        sql.push_bind(
            " AND (organizations.secret_hash = ",
            organization_secret_hash,
        )
        .push(" OR organizations.previous_secret_hash = $3 AND organizations.previous_until > $2)");
        self.first_principal(sql).await
    }

    /// The user of an organization that has this secret.
    pub async fn member(
        &self,
        organization: OrganizationId,
        user_secret_hash: &str,
    ) -> Result<Option<Principal>> {
        let _timer = Timer::start("member");
        let mut sql = self.with_secret(user_secret_hash);
        sql.push_bind(" AND users.organization_id = ", organization);
        self.first_principal(sql).await
    }

    /// The secrets of a user and of its organization.
    pub async fn own_secrets(&self, user: UserId) -> Result<Option<OwnSecrets>> {
        let _timer = Timer::start("own_secrets");
        let sql = Sql::new(
            "SELECT users.secret_hash, users.sealed_secret, organizations.secret_hash, organizations.sealed_secret \
             FROM users JOIN organizations ON organizations.id = users.organization_id WHERE users.id = $1",
        );
        type Row = (String, Option<String>, String, Option<String>);
        let found: Option<Row> = self.database.optional(sql.bind(user)).await?;
        Ok(
            found.map(|(user, sealed, organization, sealed_too)| OwnSecrets {
                user: (user, sealed),
                organization: (organization, sealed_too),
            }),
        )
    }

    /// Whether anybody can use the API yet.
    pub async fn has_accounts(&self) -> Result<bool> {
        let _timer = Timer::start("has_accounts");
        let sql = Sql::new("SELECT id FROM users LIMIT 1");
        Ok(self.database.optional::<(i64,)>(sql).await?.is_some())
    }

    fn with_secret(&self, user_secret_hash: &str) -> Sql {
        let sql = Sql::new(SELECT_PRINCIPAL);
        sql.bind(user_secret_hash).bind(self.clock.now())
    }

    async fn first_principal(&self, mut sql: Sql) -> Result<Option<Principal>> {
        sql.push(" ORDER BY users.id LIMIT 1");
        let found: Option<(i64, i64, String)> = self.database.optional(sql).await?;
        found.map(principal).transpose()
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
        role: read_role(&role)?,
    })
}

/// A role as it is stored.
pub(crate) fn read_role(role: &str) -> Result<Role> {
    Role::from_str(role).map_err(|error| Error::corrupt("a user's role", error))
}
