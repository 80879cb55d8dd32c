//! Ids that are known before their record is stored.

use crate::Result;
use crate::database::{Database, Tx};
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
    let postgres = matches!(database, Database::Postgres(..));
    let rows = database
        .write_returning(statement(kind, count, postgres))
        .await?;
    Ok(taken(&rows, count, postgres))
}

/// The same within a transaction, for records that follow from what it finds.
pub(crate) async fn reserve_in(tx: &mut Tx, kind: Kind, count: u32) -> Result<Vec<i64>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let postgres = matches!(tx, Tx::Postgres(..));
    let rows = tx.all(statement(kind, count, postgres)).await?;
    Ok(taken(&rows, count, postgres))
}

fn statement(kind: Kind, count: u32, postgres: bool) -> Sql {
    // A sequence, since a row that everybody increases would be locked until its transaction is on disk.
    let (sequence, name) = match kind {
        Kind::Instance => (
            "SELECT nextval('instance_ids') FROM generate_series(1, $1)",
            "instance_ids",
        ),
        Kind::Notification => (
            "SELECT nextval('notification_ids') FROM generate_series(1, $1)",
            "notification_ids",
        ),
    };
    if postgres {
        return Sql::new(sequence).bind(count);
    }
    let sql = Sql::new("UPDATE counters SET value = value + $1 WHERE name = $2 RETURNING value");
    sql.bind(count).bind(name)
}

fn taken(rows: &[(i64,)], count: u32, postgres: bool) -> Vec<i64> {
    if postgres {
        let mut ids: Vec<i64> = rows.iter().map(|(id,)| *id).collect();
        ids.sort_unstable();
        return ids;
    }
    let last = rows.first().map_or(0, |(value,)| *value);
    (last - i64::from(count) + 1..=last).collect()
}
