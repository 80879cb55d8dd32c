//! Connections and transactions of either database.
//!
//! PostgreSQL has one pool. SQLite has one writer, whose transactions begin as writing ones, and several readers:
//! in WAL mode they do not wait for each other.

use std::str::FromStr;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::migrate::MigrateError;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Executor as _, FromRow, Postgres, Sqlite, Transaction};

use crate::dialect;
use crate::patience::{Patience, sign_of_life};
use crate::rows::Rows;
use crate::sql::Sql;
#[cfg(feature = "testing")]
use crate::testing::steps::step;
use crate::{Config, Error, Result};

/// How long SQLite waits for another process' write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that was idle for longer is tried before it is used.
const TRUSTED_IDLE_TIME: Duration = Duration::from_secs(5);

/// A row of either database.
pub(crate) trait Record:
    for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}

impl<T> Record for T where
    T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}

/// The pools of one of the two databases.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Postgres(PgPool, Patience),
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
}

/// A transaction; dropped without [`Tx::commit`], it is rolled back.
pub(crate) enum Tx {
    Postgres(Transaction<'static, Postgres>, Patience),
    Sqlite(Transaction<'static, Sqlite>),
}

impl Database {
    /// Connects and migrates.
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let url = config.url.expose_secret();
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(config, url).await
        } else if url.starts_with("sqlite:") {
            open_sqlite(config, url).await
        } else {
            Err(Error::Url("names no known database".to_owned()))
        }
    }

    /// Begins a transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        #[cfg(feature = "testing")]
        step("begin").await;
        Ok(match self {
            Self::Postgres(pool, patience) => {
                Tx::Postgres(patience.wait(pool.begin()).await?, *patience)
            }
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// Reads every row.
    pub(crate) async fn all<T: Record>(&self, sql: Sql) -> Result<Vec<T>> {
        #[cfg(feature = "testing")]
        step("read").await;
        Ok(match self {
            Self::Postgres(pool, patience) => {
                let sql = sql.postgres()?;
                let query = sqlx::query_as_with(sql.text, sql.arguments);
                patience.wait(query.fetch_all(pool)).await?
            }
            Self::Sqlite { readers, .. } => {
                let sql = sql.sqlite()?;
                let query = sqlx::query_as_with(sql.text, sql.arguments);
                query.fetch_all(readers).await?
            }
        })
    }

    /// Reads the first row.
    pub(crate) async fn optional<T: Record>(&self, sql: Sql) -> Result<Option<T>> {
        Ok(self.all(sql).await?.into_iter().next())
    }

    /// Runs one writing statement, which is its own transaction, and reads what it returns.
    pub(crate) async fn write_returning<T: Record>(&self, sql: Sql) -> Result<Vec<T>> {
        match self {
            Self::Postgres(..) => self.all(sql).await,
            Self::Sqlite { writer, .. } => {
                #[cfg(feature = "testing")]
                step("write").await;
                let sql = sql.sqlite()?;
                let query = sqlx::query_as_with(sql.text, sql.arguments);
                Ok(query.fetch_all(writer).await?)
            }
        }
    }

    /// Runs one writing statement, which is its own transaction; returns how many rows it changed.
    pub(crate) async fn write(&self, sql: Sql) -> Result<u64> {
        #[cfg(feature = "testing")]
        step("write").await;
        Ok(match self {
            Self::Postgres(pool, patience) => {
                let sql = sql.postgres()?;
                let query = sqlx::query_with(sql.text, sql.arguments);
                patience.wait(query.execute(pool)).await?.rows_affected()
            }
            Self::Sqlite { writer, .. } => {
                let sql = sql.sqlite()?;
                let query = sqlx::query_with(sql.text, sql.arguments);
                query.execute(writer).await?.rows_affected()
            }
        })
    }
}

impl Tx {
    /// Runs a statement; returns how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64> {
        Ok(match self {
            Self::Postgres(tx, patience) => {
                let sql = sql.postgres()?;
                let query = sqlx::query_with(sql.text, sql.arguments);
                let executed = patience.wait(query.execute(&mut **tx)).await?;
                executed.rows_affected()
            }
            Self::Sqlite(tx) => {
                let sql = sql.sqlite()?;
                let query = sqlx::query_with(sql.text, sql.arguments);
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    /// Reads every row.
    pub(crate) async fn all<T: Record>(&mut self, sql: Sql) -> Result<Vec<T>> {
        Ok(match self {
            Self::Postgres(tx, patience) => {
                let sql = sql.postgres()?;
                let query = sqlx::query_as_with(sql.text, sql.arguments);
                patience.wait(query.fetch_all(&mut **tx)).await?
            }
            Self::Sqlite(tx) => {
                let sql = sql.sqlite()?;
                let query = sqlx::query_as_with(sql.text, sql.arguments);
                query.fetch_all(&mut **tx).await?
            }
        })
    }

    /// Locks the records of these ids, in the order of their ids: two transactions that change several records of
    /// one table both lock first, and so cannot wait for each other in a circle. SQLite's writer is alone anyway.
    pub(crate) async fn lock(&mut self, lock: Lock, ids: impl Iterator<Item = i64>) -> Result<()> {
        if let Self::Postgres(..) = self {
            let sql = Sql::new(lock.text()).rows(Rows::new().int("id", ids));
            self.execute(sql).await?;
        }
        Ok(())
    }

    /// Makes everything of this transaction durable.
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Postgres(tx, patience) => patience.wait(tx.commit()).await?,
            Self::Sqlite(tx) => tx.commit().await?,
        }
        #[cfg(feature = "testing")]
        step("committed").await;
        Ok(())
    }
}

/// What [`Tx::lock`] locks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    Pollers,
    PollersOfInstances,
    Deliveries,
}

impl Lock {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Pollers => {
                "SELECT id FROM pollers WHERE id IN (SELECT id FROM rows) ORDER BY id{for_update}"
            }
            Self::PollersOfInstances => {
                "SELECT id FROM pollers WHERE instance_id IN (SELECT id FROM rows) \
                 ORDER BY id{for_update}"
            }
            Self::Deliveries => {
                "SELECT notification_id FROM deliveries \
                 WHERE notification_id IN (SELECT id FROM rows) \
                 ORDER BY notification_id{for_update}"
            }
        }
    }
}

/// Pages out of order cost about what pages in order do: what is asked for is in memory, or on no disk that turns.
///
/// With the server's default of 4, fifty rows by their ids are looked for by reading the whole table, until it has some
/// ten thousands of them. A server that was told less is left at that.
const PAGE_COST: &str = "SELECT set_config('random_page_cost', \
     LEAST(CAST(current_setting('random_page_cost') AS double precision), 1.1)::text, false)";

async fn open_postgres(config: &Config, url: &str) -> Result<Database> {
    let options = PgConnectOptions::from_str(url)?.application_name("insightly-events");
    // One connection first: a pool would repeat a refused connection by itself, without saying so.
    let limit = config.acquire_timeout.min(config.connect_timeout);
    let connected = tokio::time::timeout(limit, options.connect()).await;
    let slow = |_| Error::Unavailable("no answer in time".into());
    let mut connection: PgConnection = connected.map_err(slow)?.map_err(connecting)?;
    dialect::POSTGRES
        .run(&mut connection)
        .await
        .map_err(migration)?;
    connection.close().await?;
    let pool = pool(config, config.max_connections)
        .after_connect(|connection: &mut PgConnection, _| {
            Box::pin(async { connection.execute(PAGE_COST).await.map(|_| ()) })
        })
        // In place of what pools have: a connection that the network has forgotten must not hold its place.
        .after_release(|connection: &mut PgConnection, _| {
            connection.shrink_buffers();
            Box::pin(async { sign_of_life(connection.ping()).await.map(|()| true) })
        });
    let patience = Patience::new(config.call_timeout);
    Ok(Database::Postgres(
        pool.connect_lazy_with(options),
        patience,
    ))
}

async fn open_sqlite(config: &Config, url: &str) -> Result<Database> {
    let options = SqliteConnectOptions::from_str(url)?;
    if url.contains(":memory:") || url.contains("mode=memory") {
        let text = "a database in memory is lost with its connection".to_owned();
        return Err(Error::Url(text));
    }
    if let Some(folder) = options.get_filename().parent() {
        let made = tokio::fs::create_dir_all(folder).await;
        made.map_err(|error| Error::Url(format!("cannot create its folder: {error}")))?;
    }
    let options = options
        .create_if_missing(true)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true);
    let writing = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        // A power failure must not take back what a callback or a broker has been told.
        .synchronous(SqliteSynchronous::Full);
    let writer: SqlitePool = pool(config, 1).connect_with(writing).await?;
    // What exists is found out only inside of the write lock: two processes may start at once.
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    dialect::SQLITE.run(&mut *tx).await.map_err(migration)?;
    tx.commit().await?;
    let readers: SqlitePool = pool(config, config.max_connections)
        .connect_with(options.read_only(true).create_if_missing(false))
        .await?;
    Ok(Database::Sqlite { writer, readers })
}

fn pool<DB: sqlx::Database>(config: &Config, connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(config.acquire_timeout)
        // A round trip less for a connection that was in use a moment ago. If it broke since, its statement fails as
        // transient.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut DB::Connection, state| {
            Box::pin(async move {
                // SQLite ends a transaction by itself when its disk is full; the client library does not learn of it and
                // would refuse every further one.
                if connection.is_in_transaction() {
                    return Ok(false);
                }
                if state.idle_for > TRUSTED_IDLE_TIME {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        // A page of notifications is megabytes, and each connection would keep that much for the next.
        .after_release(|connection: &mut DB::Connection, _| {
            connection.shrink_buffers();
            Box::pin(std::future::ready(Ok(true)))
        })
}

/// A user, a password (28) or a database (3D) that does not exist is a matter of the URL.
fn connecting(error: sqlx::Error) -> Error {
    let database = error.as_database_error();
    let code = database.and_then(|database| database.code());
    match (database, code) {
        (Some(database), Some(code)) if code.starts_with("28") || code.starts_with("3D") => {
            Error::Url(database.message().to_owned())
        }
        _ => Error::from(error),
    }
}

/// A migration that met an unavailable database may succeed later, every other failure is for the operator.
fn migration(error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
            match Error::from(source) {
                Error::Unavailable(source) => Error::Unavailable(source),
                other => Error::Migration(other.into()),
            }
        }
        other => Error::Migration(other.into()),
    }
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
