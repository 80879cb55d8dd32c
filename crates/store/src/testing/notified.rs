//! Notifications that were delivered, by the hundred thousand: what a store holds after a while.

use chrono::{DateTime, Utc};

use super::pollers::NUMBERS;
use crate::database::Database;
use crate::sql::Sql;
use crate::{Result, Store};

const NOTIFICATIONS: &str = "INSERT INTO notifications (id, instance_id, resource, created_at, body) \
     SELECT n + 1, 1, 'contacts', $2 + n % 1000, '{\"id\": 1}' FROM numbers";

const DELIVERIES: &str = "INSERT INTO deliveries (notification_id, instance_id, status, attempts, ended_at) \
     SELECT n + 1, 1, 'NOTIFIED', 1, $2 + n % 1000 FROM numbers";

const ATTEMPTS: &str = "INSERT INTO attempts (notification_id, number, at, duration_ms, status_code) \
     SELECT n + 1, 1, $2, 5, 200 FROM numbers";

const HISTORY: &str = "INSERT INTO notifications (id, instance_id, resource, created_at, body) \
     SELECT n + 1, n % $3 + 1, 'contacts', $2 + n * 1000, '{\"id\": 1}' FROM numbers";

const ENDS: &str = "INSERT INTO deliveries (notification_id, instance_id, status, attempts, ended_at) \
     SELECT n + 1, n % $3 + 1, CASE WHEN n % 50 = 0 THEN 'FAILED' ELSE 'NOTIFIED' END, 1, $2 + n * 1000 FROM numbers";

impl Store {
    /// Gives the instances 1 to `instances` that many notifications in turn, one each second from `begin` on; of fifty
    /// one is a dead letter.
    ///
    /// # Errors
    /// There are notifications already, or the database fails.
    pub async fn fill_with_history(
        &self,
        count: u32,
        instances: u32,
        begin: DateTime<Utc>,
    ) -> Result<()> {
        let mut tx = self.database.begin().await?;
        for text in [HISTORY, ENDS] {
            let mut sql = Sql::new(NUMBERS);
            sql.push(text);
            tx.execute(sql.bind(count).bind(begin).bind(instances))
                .await?;
        }
        tx.commit().await?;
        if let Database::Postgres(..) = self.database {
            // As autovacuum does a little later by itself.
            for table in [
                "VACUUM (ANALYZE) notifications",
                "VACUUM (ANALYZE) deliveries",
            ] {
                self.database.write(Sql::new(table)).await?;
            }
        }
        Ok(())
    }

    /// Fills an empty database with that many notifications, stored and accepted now, with an attempt each.
    ///
    /// # Errors
    /// The database is not empty, or fails.
    pub async fn fill_with_notified(&self, count: u32, now: DateTime<Utc>) -> Result<()> {
        let mut tx = self.database.begin().await?;
        for text in [NOTIFICATIONS, DELIVERIES, ATTEMPTS] {
            let mut sql = Sql::new(NUMBERS);
            sql.push(text);
            tx.execute(sql.bind(count).bind(now)).await?;
        }
        tx.commit().await
    }
}
