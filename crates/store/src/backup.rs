//! A copy of the SQLite database, taken while it is used, and put back.
//!
//! What is put back does not know which ids were given after the copy was made. Receivers do, and drop what comes under an
//! id that they have seen: so ids go on far beyond those.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::NamedTempFile;

use crate::{Config, dialect};

/// More notifications than are stored between a backup and its return.
const NOTIFICATION_GAP: i64 = 1_000_000_000;

/// More instances than are created between the two.
const INSTANCE_GAP: i64 = 1_000_000;

/// How long a copy waits for a checkpoint that is being made.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why no copy was made or put back. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// `store.url` names no SQLite file.
    #[error(
        "store.url names no SQLite file: PostgreSQL is backed up by its own means, such as pg_dump or an archive of its log"
    )]
    NotEmbedded,
    /// There is nothing to be copied.
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    /// A backup never overwrites.
    #[error("{} is there already: choose another file", .0.display())]
    Exists(PathBuf),
    /// There is a database where the copy belongs.
    #[error("there is a database at {} already: --force replaces it", .0.display())]
    Occupied(PathBuf),
    /// A process has the database open.
    #[error("a process uses {}: stop the server first", .0.display())]
    InUse(PathBuf),
    /// The file is not what [`back_up`] writes, or is damaged.
    #[error("{} is no backup that can be used: {why}", .file.display())]
    NoBackup {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("cannot use {}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The database cannot be read.
    #[error("cannot copy the database")]
    Database(#[source] crate::Source),
}

/// Copies the database into a new file that only its owner can read, as it stands at one moment; others go on writing.
///
/// # Errors
/// The database is not SQLite's or not there; the file exists or cannot be written.
pub async fn back_up(config: &Config, to: &Path) -> Result<(), BackupError> {
    let database = file(config)?;
    if !database.exists() {
        return Err(BackupError::Missing(database));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let written = |source| BackupError::File {
        file: to.to_owned(),
        source,
    };
    let copy = NamedTempFile::new_in(folder(to)).map_err(written)?;
    copy_database(&database, copy.path())
        .await
        .map_err(|error| BackupError::Database(error.into()))?;
    copy.as_file().sync_all().map_err(written)?;
    match copy.persist_noclobber(to) {
        Ok(_) => sync(folder(to)).map_err(written),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(BackupError::Exists(to.to_owned()))
        }
        Err(error) => Err(written(error.error)),
    }
}

/// Puts a copy of [`back_up`] in the place of the database; with `force` also where there is one that nobody uses.
///
/// # Errors
/// The file is no backup, or one of a later version; there is a database already, or a process that uses it.
pub async fn restore(config: &Config, from: &Path, force: bool) -> Result<(), BackupError> {
    let database = file(config)?;
    if database.exists() && !force {
        return Err(BackupError::Occupied(database));
    }
    let read = |source| BackupError::File {
        file: from.to_owned(),
        source,
    };
    let written = |source| BackupError::File {
        file: database.clone(),
        source,
    };
    let mut backup = std::fs::File::open(from).map_err(read)?;
    std::fs::create_dir_all(folder(&database)).map_err(written)?;
    let mut copy = NamedTempFile::new_in(folder(&database)).map_err(written)?;
    io::copy(&mut backup, &mut copy).map_err(written)?;
    let renewed = renew(copy.path()).await;
    renewed.map_err(|error| BackupError::NoBackup {
        file: from.to_owned(),
        why: error.to_string(),
    })?;
    copy.as_file().sync_all().map_err(written)?;
    if database.exists() {
        vacate(&database).await?;
    }
    copy.persist(&database)
        .map_err(|error| written(error.error))?;
    sync(folder(&database)).map_err(written)
}

async fn copy_database(from: &Path, to: &Path) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnectOptions::new()
        .filename(from)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .connect()
        .await?;
    sqlx::query("VACUUM INTO $1")
        .bind(to.to_string_lossy())
        .execute(&mut connection)
        .await?;
    connection.close().await
}

/// Looks whether a copy is whole and of a version that is known, and lets its ids go on far ahead.
async fn renew(copy: &Path) -> Result<(), sqlx::Error> {
    let mut connection = alone(copy).await?;
    let check = sqlx::query_as("PRAGMA quick_check(1)");
    let (check,): (String,) = check.fetch_one(&mut connection).await?;
    if check != "ok" {
        return Err(sqlx::Error::Protocol(check));
    }
    let version = sqlx::query_as("SELECT MAX(version) FROM _sqlx_migrations");
    let (version,): (Option<i64>,) = version.fetch_one(&mut connection).await?;
    let known = dialect::SQLITE.iter().map(|migration| migration.version);
    if version > known.max() {
        let why = "it was made by a later version of this program".to_owned();
        return Err(sqlx::Error::Protocol(why));
    }
    for (name, gap) in [
        ("notification_ids", NOTIFICATION_GAP),
        ("instance_ids", INSTANCE_GAP),
    ] {
        sqlx::query("UPDATE counters SET value = value + $1 WHERE name = $2")
            .bind(gap)
            .bind(name)
            .execute(&mut connection)
            .await?;
    }
    connection.close().await
}

/// Makes sure that nobody uses the database, and leaves nothing beside it that would be taken for the next one's.
async fn vacate(database: &Path) -> Result<(), BackupError> {
    if let Err(error) = lock(database).await {
        let code = error.as_database_error().and_then(|error| error.code());
        // SQLITE_BUSY and SQLITE_LOCKED. What else is wrong with it is a reason to replace it.
        if matches!(code.as_deref(), Some("5" | "6" | "261")) {
            return Err(BackupError::InUse(database.to_owned()));
        }
    }
    for suffix in ["-wal", "-shm"] {
        let mut beside = database.as_os_str().to_owned();
        beside.push(suffix);
        match std::fs::remove_file(&beside) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                let file = beside.into();
                return Err(BackupError::File { file, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// In WAL mode whoever has a database open shares its lock, so that nobody else has it alone.
async fn lock(database: &Path) -> Result<(), sqlx::Error> {
    let mut connection = alone(database).await?;
    sqlx::query("BEGIN EXCLUSIVE")
        .execute(&mut connection)
        .await?;
    sqlx::query("COMMIT").execute(&mut connection).await?;
    connection.close().await
}

/// A connection that shares the database with nobody, and does not wait for it.
async fn alone(database: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(false)
        .busy_timeout(Duration::ZERO)
        .pragma("locking_mode", "EXCLUSIVE")
        .connect()
        .await
}

/// The file of the configured database.
fn file(config: &Config) -> Result<PathBuf, BackupError> {
    let url = config.url.expose_secret();
    if !url.starts_with("sqlite:") {
        return Err(BackupError::NotEmbedded);
    }
    let options =
        SqliteConnectOptions::from_str(url).map_err(|error| BackupError::Database(error.into()))?;
    Ok(options.get_filename().to_owned())
}

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file's name is durable once its folder is.
fn sync(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}
