//! Many instances like one that is there, and events of all of them, for measuring: written by the database itself.

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::InstanceId;

use super::pollers::NUMBERS;
use crate::database::Database;
use crate::sql::Sql;
use crate::{Result, Store};

/// Events are spread over as many days as they are kept.
const AGES: TimeDelta = TimeDelta::days(30);

/// Of so many events one is a dead letter, and one waits for its next attempt.
const ONE_IN: i64 = 1_000;

const INSTANCES: &str = "INSERT INTO instances \
     (id, organization_id, user_id, name, tags, configuration, secrets, settings, account, \
     token_hash, valid, disabled, created_at, updated_at) \
     SELECT $2 + n + 1, organization_id, user_id, name || ' ' || CAST(n AS TEXT), tags, configuration, '{}', \
     settings, account, 'many ' || CAST(n AS TEXT), valid, disabled, created_at, updated_at \
     FROM numbers CROSS JOIN instances WHERE instances.id = $2";

const POLLERS: &str = "INSERT INTO pollers \
     (instance_id, resource, object, config, interval_minutes, due_at, epoch, revision, cursor_at, \
     baseline_at, active, failures, planned_at) \
     SELECT $2 + n + 1, resource, object, config, interval_minutes, $3, epoch, revision, cursor_at, \
     baseline_at, active, failures, $3 \
     FROM numbers CROSS JOIN pollers WHERE pollers.instance_id = $2";

/// `$2` the first instance, `$3` how many there are, `$4` when the first was made, `$5` milliseconds for all of them.
const NOTIFICATIONS: &str = "INSERT INTO notifications \
     (id, instance_id, resource, created_at, body) \
     SELECT n + 1, $2 + n % $3, 'contacts', $4 + n * $5 / $1, \
     '{\"id\":' || CAST(n + 1 AS TEXT) || ',\"topic\":\"events\",\"action\":\"create\",\"message\":{\"elementKey\":\"insightly\",\"events\":[{\"objectType\":\"contacts\",\"objectId\":\"' \
     || CAST(n AS TEXT) || '\",\"eventType\":\"UPDATED\",\"date\":\"2026-11-24T09:59:41Z\",\"sequence\":3}],\
     \"raw\":{\"objectType\":\"contacts\",\"contacts\":[{\"CONTACT_ID\":' || CAST(n AS TEXT) \
     || ',\"FIRST_NAME\":\"Kim\",\"LAST_NAME\":\"Example\"}]}}}' FROM numbers";

const DELIVERIES: &str = "INSERT INTO deliveries \
     (notification_id, instance_id, status, attempts, due_at, last_error, ended_at) \
     SELECT n + 1, $2 + n % $3, \
     CASE n % $6 WHEN 0 THEN 'FAILED' WHEN 1 THEN 'DISPATCHED' ELSE 'NOTIFIED' END, 1, \
     CASE n % $6 WHEN 1 THEN $4 + $5 + 3600000 END, \
     CASE WHEN n % $6 < 2 THEN 'the callback answered 500' END, \
     CASE WHEN n % $6 <> 1 THEN $4 + n * $5 / $1 END FROM numbers";

const ATTEMPTS: &str = "INSERT INTO attempts \
     (notification_id, number, at, duration_ms, status_code, error, error_class) \
     SELECT n + 1, 1, $2 + n * $3 / $1, 12, CASE WHEN n % $4 < 2 THEN 500 ELSE 200 END, \
     CASE WHEN n % $4 < 2 THEN 'the callback answered 500' END, \
     CASE WHEN n % $4 < 2 THEN 'server' END FROM numbers";

fn numbered(text: &'static str) -> Sql {
    let mut sql = Sql::new(NUMBERS);
    sql.push(text);
    sql
}

impl Store {
    /// Makes as many instances as are said by copying one without its secrets, which are sealed to it, and as many events
    /// of all of them in turn, of which one in a thousand is a dead letter. No other notification may be there.
    ///
    /// # Errors
    /// There are notifications already, or the database fails.
    pub async fn fill_with_events(
        &self,
        template: InstanceId,
        (instances, events): (u32, u32),
        now: DateTime<Utc>,
    ) -> Result<()> {
        let (instances, events) = (i64::from(instances), i64::from(events));
        let (begin, ages) = (now - AGES, AGES.num_milliseconds());
        let copies = numbered(INSTANCES).bind(instances - 1).bind(template);
        let pollers = numbered(POLLERS).bind(instances - 1).bind(template);
        let told = |text| {
            let sql = numbered(text).bind(events).bind(template);
            sql.bind(instances).bind(begin).bind(ages)
        };
        let attempts = numbered(ATTEMPTS).bind(events).bind(begin).bind(ages);
        let mut tx = self.database.begin().await?;
        tx.execute(copies).await?;
        tx.execute(pollers.bind(now + AGES)).await?;
        tx.execute(told(NOTIFICATIONS)).await?;
        tx.execute(told(DELIVERIES).bind(ONE_IN)).await?;
        tx.execute(attempts.bind(ONE_IN)).await?;
        tx.commit().await?;
        // As autovacuum, and SQLite's own checkpoints, do a little later by themselves.
        let tidy = match self.database {
            Database::Postgres(..) => "VACUUM (ANALYZE)",
            Database::Sqlite { .. } => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        self.database.write(Sql::new(tidy)).await?;
        Ok(())
    }
}
