//! Ids that are known before their record is stored.

use crate::Result;
use crate::database::Database;
use crate::sql::Sql;

/// What is numbered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Instance,
    Notification,
}

/// Takes `count` ids, increasing. What a crash leaves unused is a gap.
pub(crate) async fn reserve(database: &Database, kind: Kind, count: u32) -> Result<Vec<i64>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut ids = match database {
        // A sequence, since a row that everybody increases would be locked until its transaction is on disk.
        Database::Postgres(_) => {
            let sql = match kind {
                Kind::Instance => "SELECT nextval('instance_ids') FROM generate_series(1, $1)",
                Kind::Notification => {
                    "SELECT nextval('notification_ids') FROM generate_series(1, $1)"
                }
            };
            let rows: Vec<(i64,)> = database.write_returning(Sql::new(sql).bind(count)).await?;
            rows.into_iter().map(|(id,)| id).collect::<Vec<_>>()
        }
        Database::Sqlite { .. } => {
            let name = match kind {
                Kind::Instance => "instance_ids",
                Kind::Notification => "notification_ids",
            };
            let sql =
                Sql::new("UPDATE counters SET value = value + $1 WHERE name = $2 RETURNING value");
            let sql = sql.bind(count).bind(name);
            let rows: Vec<(i64,)> = database.write_returning(sql).await?;
            let last = rows.first().map_or(0, |(value,)| *value);
            (last - i64::from(count) + 1..=last).collect()
        }
    };
    ids.sort_unstable();
    Ok(ids)
}
