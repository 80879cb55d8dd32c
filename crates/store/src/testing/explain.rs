//! How the database would run the statement of a scheduler's tick.

use chrono::{DateTime, Utc};

use crate::database::Database;
use crate::sql::Sql;
use crate::{Result, Store, polls};

impl Store {
    /// The plan of the search for due pollers, as the database tells it: one step a line.
    ///
    /// # Errors
    /// The database fails.
    pub async fn explain_due(&self, now: DateTime<Utc>, limit: u32) -> Result<String> {
        let explain = match self.database {
            Database::Postgres(_) => "EXPLAIN ",
            Database::Sqlite { .. } => "EXPLAIN QUERY PLAN ",
        };
        let mut sql = Sql::new(explain);
        sql.push(polls::SELECT_DUE);
        let sql = sql.bind(now).bind(limit);
        let steps: Vec<String> = match &self.database {
            Database::Postgres(_) => {
                let rows: Vec<(String,)> = self.database.all(sql).await?;
                rows.into_iter().map(|(step,)| step).collect()
            }
            Database::Sqlite { .. } => {
                let rows: Vec<(i64, i64, i64, String)> = self.database.all(sql).await?;
                rows.into_iter().map(|(.., step)| step).collect()
            }
        };
        Ok(steps.join("\n"))
    }
}
