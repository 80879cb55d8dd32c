//! How the database would run a statement: one step a line.

use chrono::{DateTime, Utc};
use ie_model::NotificationId;

use crate::database::{Database, Lock};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::{Result, Span, Store, analytics, polls, relay};

impl Store {
    /// The plan of the search for due pollers, as the database tells it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn explain_due(&self, now: DateTime<Utc>, limit: u32) -> Result<String> {
        let due = Sql::new(polls::SELECT_DUE).bind(now).bind(limit);
        self.explain(due).await
    }

    /// The plans of both ways of counting events.
    ///
    /// # Errors
    /// The database fails.
    pub async fn explain_analytics(&self, span: &Span) -> Result<[String; 2]> {
        let count = self.explain(analytics::count(span)).await?;
        let outcomes = self.explain(analytics::outcomes(span, 1000)).await?;
        Ok([count, outcomes])
    }

    /// The plans of what is done to notifications by their ids: the lock, and the mark that the broker has them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn explain_by_ids(&self, ids: &[NotificationId]) -> Result<[String; 2]> {
        let rows = Rows::new().int("id", ids.iter().map(|id| id.get()));
        let lock = Sql::new(Lock::Deliveries.text()).rows(rows.clone());
        let mark = Sql::new(relay::MARK_RECEIVED).bind(DateTime::<Utc>::UNIX_EPOCH);
        Ok([
            self.explain(lock).await?,
            self.explain(mark.rows(rows)).await?,
        ])
    }

    async fn explain(&self, sql: Sql) -> Result<String> {
        let sql = sql.ask(match self.database {
            Database::Postgres(..) => "EXPLAIN ",
            Database::Sqlite { .. } => "EXPLAIN QUERY PLAN ",
        });
        let steps: Vec<String> = match &self.database {
            Database::Postgres(..) => {
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
