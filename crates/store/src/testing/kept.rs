//! What the memory of versions takes.

use crate::database::Database;
use crate::sql::Sql;
use crate::{Error, Result, Store};

/// What the versions of all pollers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How many there are.
    pub versions: u64,
    /// How many have a content.
    pub contents: u64,
    /// The contents, compressed, in bytes.
    pub packed: u64,
    /// The table with its index, in bytes of the disk.
    pub disk: u64,
}

impl Store {
    /// Measures it.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn kept(&self) -> Result<Kept> {
        let counts = Sql::new(
            "SELECT COUNT(*), COUNT(content), CAST(COALESCE(SUM(LENGTH(content)), 0) AS BIGINT) FROM versions",
        );
        let counts: Option<(i64, i64, i64)> = self.database.optional(counts).await?;
        let disk = Sql::new(match self.database {
            Database::Postgres(..) => "SELECT pg_total_relation_size('versions')",
            Database::Sqlite { .. } => {
                "SELECT CAST(SUM(pgsize) AS BIGINT) FROM dbstat WHERE name LIKE '%versions%'"
            }
        });
        let disk: Option<(i64,)> = self.database.optional(disk).await?;
        let ((versions, contents, packed), (disk,)) = counts.zip(disk).ok_or(Error::NotFound)?;
        Ok(Kept {
            versions: versions.unsigned_abs(),
            contents: contents.unsigned_abs(),
            packed: packed.unsigned_abs(),
            disk: disk.unsigned_abs(),
        })
    }
}
