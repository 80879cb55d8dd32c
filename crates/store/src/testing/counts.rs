//! How many rows there are of everything: whether something was stored.

use std::collections::BTreeMap;

use crate::database::Database;
use crate::sql::Sql;
use crate::{Result, Store};

impl Store {
    /// The rows of each table, by its name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn row_counts(&self) -> Result<BTreeMap<String, i64>> {
        let tables: Vec<(String,)> = self.database.all(Sql::new(match self.database {
            Database::Postgres(..) => {
                "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()"
            }
            Database::Sqlite { .. } => {
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            }
        }))
        .await?;
        let mut counts = BTreeMap::new();
        for (table,) in tables {
            let count = Sql::new("").after(&format!("SELECT COUNT(*) FROM {table}"));
            let count: Option<(i64,)> = self.database.optional(count).await?;
            counts.insert(table, count.unwrap_or_default().0);
        }
        Ok(counts)
    }
}
