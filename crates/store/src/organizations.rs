//! Organizations as their operator manages them. Indexes: `organizations` by id and by name.

use chrono::{DateTime, Utc};
use ie_model::OrganizationId;

use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, KeptSecret, Page, Result, Store};

/// An organization: the owner of users and instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name, which no other has.
    pub name: String,
}

impl Store {
    /// Creates an organization. [`Error::Conflict`] when its name is taken.
    pub async fn create_organization(
        &self,
        name: &str,
        secret: &KeptSecret,
    ) -> Result<OrganizationId> {
        let _timer = Timer::start("create_organization");
        let sql = Sql::new(
            "INSERT INTO organizations (name, secret_hash, sealed_secret) VALUES ($1, $2, $3) RETURNING id",
        );
        let sql = sql.bind(name).bind(secret.hash.as_str());
        let sql = sql.bind(secret.sealed.as_str());
        let created: Vec<(i64,)> = self.database.write_returning(sql).await?;
        let id = created.first().map(|(id,)| OrganizationId(*id));
        id.ok_or_else(|| Error::Refused("an insert returned no row".into()))
    }

    /// The organizations by id, or the one of this name.
    pub async fn organizations(&self, name: Option<&str>, page: Page) -> Result<Vec<Organization>> {
        let _timer = Timer::start("organizations");
        let mut sql = Sql::new("SELECT id, name FROM organizations WHERE id > ");
        sql.push_bind("", page.after.unwrap_or(i64::MIN));
        if let Some(name) = name {
            sql.push_bind(" AND name = ", name);
        }
        sql.push_bind(" ORDER BY id LIMIT ", page.limit);
        let found: Vec<(i64, String)> = self.database.all(sql).await?;
        let organization = |(id, name)| Organization {
            id: OrganizationId(id),
            name,
        };
        Ok(found.into_iter().map(organization).collect())
    }

    /// Whether there is an organization of this id.
    pub async fn has_organization(&self, id: OrganizationId) -> Result<bool> {
        let _timer = Timer::start("has_organization");
        let sql = Sql::new("SELECT id FROM organizations WHERE id = $1").bind(id);
        Ok(self.database.optional::<(i64,)>(sql).await?.is_some())
    }

    /// Replaces an organization's secret; the one before is good until `previous_until`, if that is given, and what was
    /// before that one is good no more. False when there is no such organization.
    pub async fn rotate_organization_secret(
        &self,
        id: OrganizationId,
        secret: &KeptSecret,
        previous_until: Option<DateTime<Utc>>,
    ) -> Result<bool> {
        let _timer = Timer::start("rotate_organization_secret");
        let sql = Sql::new(
            "UPDATE organizations SET previous_secret_hash = secret_hash, previous_until = $4, \
             secret_hash = $2, sealed_secret = $3 WHERE id = $1",
        );
        let sql = sql.bind(id).bind(secret.hash.as_str());
        let sql = sql.bind(secret.sealed.as_str()).bind(previous_until);
        Ok(self.database.write(sql).await? > 0)
    }
}
