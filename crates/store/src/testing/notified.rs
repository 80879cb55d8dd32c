//! Notifications that were delivered, by the hundred thousand: what a store holds after a while.

use chrono::{DateTime, Utc};

use super::pollers::NUMBERS;
use crate::sql::Sql;
use crate::{Result, Store};

const NOTIFICATIONS: &str = "INSERT INTO notifications (id, instance_id, resource, created_at, body) \
     SELECT n + 1, 1, 'contacts', $2 + n % 1000, '{\"id\": 1}' FROM numbers";

const DELIVERIES: &str = "INSERT INTO deliveries (notification_id, instance_id, status, attempts, ended_at) \
     SELECT n + 1, 1, 'NOTIFIED', 1, $2 + n % 1000 FROM numbers";

const ATTEMPTS: &str = "INSERT INTO attempts (notification_id, number, at, duration_ms, status_code) \
     SELECT n + 1, 1, $2, 5, 200 FROM numbers";

impl Store {
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
