//! Where the database holds what looks sealed, whatever the code says of it.

use crate::database::Database;
use crate::sql::Sql;
use crate::{Result, Store};

/// Every column of text.
const POSTGRES: &str = "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns \
     WHERE table_schema = current_schema() AND data_type = 'text'";

const SQLITE: &str = "SELECT tables.name, columns.name FROM sqlite_schema AS tables, \
     pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' AND columns.type = 'TEXT'";

impl Store {
    /// The columns, with their tables, in which some text holds a sealed value.
    ///
    /// # Errors
    /// The database fails.
    pub async fn columns_that_look_sealed(&self) -> Result<Vec<(String, String)>> {
        let columns: Vec<(String, String)> = self
            .database
            .all(Sql::new(match self.database {
                Database::Postgres(..) => POSTGRES,
                Database::Sqlite { .. } => SQLITE,
            }))
            .await?;
        let mut sealed = Vec::new();
        for (table, column) in columns {
            // The version, eight digits of a key's id, and what is sealed.
            let found =
                format!("SELECT 1 FROM {table} WHERE {column} LIKE '%v1.________.%' LIMIT 1");
            let found: Option<(i32,)> = self.database.optional(Sql::new("").after(&found)).await?;
            if found.is_some() {
                sealed.push((table, column));
            }
        }
        Ok(sealed)
    }
}
