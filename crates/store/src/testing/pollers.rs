//! Pollers by the million, for measuring: written by the database itself, in two statements.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::database::Database;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::{NewAccount, Result, Store, time};

/// Pollers of one instance, as many as a tenant commonly watches.
const PER_INSTANCE: i64 = 4;

/// As long as a poller's configuration commonly is: what a tick must not read is measured with its real size.
const CONFIG: &str = r#"{"url":"/hubs/crm/contacts?where=updated_after_utc='${date:yyyy-MM-dd HH:mm:ss}'","id_field":"CONTACT_ID","updated":{"path":"DATE_UPDATED_UTC","format":"yyyy-MM-dd HH:mm:ss","zone":"UTC"},"created":{"path":"DATE_CREATED_UTC","format":"yyyy-MM-dd HH:mm:ss","zone":"UTC"},"filter_by_updated_date":true,"created_check_tolerance":10,"page_size":null,"poll_delay":0}"#;

pub(super) const NUMBERS: &str = "WITH RECURSIVE numbers(n) AS (SELECT CAST(0 AS BIGINT) UNION ALL \
     SELECT n + 1 FROM numbers WHERE n + 1 < $1) ";

const INSTANCES: &str = "INSERT INTO instances \
     (id, organization_id, user_id, name, tags, configuration, secrets, settings, account, \
     token_hash, valid, disabled, created_at, updated_at) \
     SELECT n + 1, $2, $3, 'many', '[]', '{}', '{}', '{}', 'many', CAST(n AS TEXT), \
     TRUE, FALSE, $4, $4 FROM numbers";

const POLLERS: &str = "INSERT INTO pollers \
     (instance_id, resource, object, config, interval_minutes, due_at, epoch, revision, cursor_at, \
     baseline_at, active, failures) \
     SELECT n / $2 + 1, 'resource ' || CAST(n % $2 AS TEXT), 'Contacts', $3, 15, \
     $4 + n * 7919 % 900000, 0, 0, $5, $5, TRUE, 0 FROM numbers";

impl Store {
    /// Fills an empty database with that many pollers, none of them due within a day.
    ///
    /// # Errors
    /// The database is not empty, or fails.
    pub async fn fill_with_pollers(&self, count: u32, now: DateTime<Utc>) -> Result<()> {
        let account = NewAccount {
            organization: "many".to_owned(),
            user: "many".to_owned(),
            organization_secret_hash: "many".to_owned(),
            user_secret_hash: "many".to_owned(),
        };
        let owner = self.ensure_account(&account).await?;
        let count = i64::from(count);
        let mut instances = Sql::new(NUMBERS);
        instances.push(INSTANCES);
        let instances = instances
            .bind((count + PER_INSTANCE - 1) / PER_INSTANCE)
            .bind(owner.organization)
            .bind(owner.user)
            .bind(now);
        let mut pollers = Sql::new(NUMBERS);
        pollers.push(POLLERS);
        let pollers = pollers
            .bind(count)
            .bind(PER_INSTANCE)
            .bind(CONFIG)
            .bind(time::after(now, Duration::from_secs(86_400)))
            .bind(now);
        let mut tx = self.database.begin().await?;
        tx.execute(instances).await?;
        tx.execute(pollers).await?;
        tx.commit().await?;
        // As autovacuum does a little later by itself.
        let tidy = match self.database {
            Database::Postgres(..) => "VACUUM (ANALYZE) pollers",
            Database::Sqlite { .. } => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        self.database.write(Sql::new(tidy)).await?;
        Ok(())
    }

    /// Makes the n-th poller and every `step`-th after it due, `due` pollers in all, whatever lease they have.
    ///
    /// # Errors
    /// The database fails.
    pub async fn make_pollers_due(
        &self,
        first: u32,
        step: u32,
        due: u32,
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let ids = (0..due).map(|n| i64::from(first) + i64::from(n) * i64::from(step) + 1);
        let sql = Sql::new(
            "UPDATE pollers SET due_at = $1, lease_until = NULL WHERE id IN (SELECT id FROM rows)",
        );
        let sql = sql.bind(now).rows(Rows::new().int("id", ids));
        self.database.write(sql).await
    }
}
