//! What can go wrong with the store. A variant is what the caller decides on.

use std::error::Error as StdError;

/// The source of an error.
pub type Source = Box<dyn StdError + Send + Sync + 'static>;

/// The result of a call to the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another claim or another reader has written since: drop the work, nothing of it was stored.
    #[error("the poller was claimed or written by another reader, this work is void")]
    Fenced,
    /// What was to be changed is not there.
    #[error("no such record")]
    NotFound,
    /// What was to be changed was changed by another since it was read; nothing was stored.
    #[error("the record was changed by another since it was read")]
    Overtaken,
    /// A record of that identity is there already; nothing was stored.
    #[error("a record of that identity exists already")]
    Conflict(#[source] Source),
    /// The database is not there, busy or restarting: the same call may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] Source),
    /// A stored value cannot be read, or a value cannot be stored.
    #[error("cannot convert {what}")]
    Corrupt {
        /// Which value.
        what: &'static str,
        /// Why not.
        #[source]
        source: Source,
    },
    /// The tables could not be brought to this version's form.
    #[error("cannot migrate the database")]
    Migration(#[source] Source),
    /// `store.url` names no database that can be used.
    #[error("store.url: {0}, expected sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE")]
    Url(String),
    /// More records cannot be read than are put aside; nothing was stored.
    #[error("more than {limit} records cannot be read")]
    QuarantineFull {
        /// How many are put aside.
        limit: u32,
    },
    /// The database refused a statement: a defect of this crate.
    #[error("the database refused a statement")]
    Refused(#[source] Source),
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    pub(crate) fn corrupt(what: &'static str, source: impl Into<Source>) -> Self {
        Self::Corrupt {
            what,
            source: source.into(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(database) if database.is_unique_violation() => Self::Conflict(error.into()),
            E::Database(database) if passes(database.as_ref()) => Self::Unavailable(error.into()),
            E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed
            | E::BeginFailed => Self::Unavailable(error.into()),
            E::Configuration(_) => Self::Url(error.to_string()),
            E::ColumnDecode { .. } | E::Decode(_) | E::Encode(_) => {
                Self::corrupt("a column", error)
            }
            E::Migrate(_) => Self::Migration(error.into()),
            _ => Self::Refused(error.into()),
        }
    }
}

/// Whether the database itself says that the same statement may succeed later.
fn passes(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
    {
        postgres_passes(&code)
    } else {
        sqlite_passes(&code)
    }
}

/// Connection trouble (08), serialization failures and deadlocks (40), resources (53), a lock or
/// a statement given up (55P03, 57), and the read-only standby met during a failover (25006).
fn postgres_passes(code: &str) -> bool {
    ["08", "40", "53", "57"]
        .iter()
        .any(|class| code.starts_with(class))
        || matches!(code, "55P03" | "25006")
}

/// BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL and CANTOPEN, in their extended forms too.
fn sqlite_passes(code: &str) -> bool {
    let primary = code.parse::<u32>().map(|code| code & 0xff);
    matches!(primary, Ok(5 | 6 | 7 | 9 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlocks_restarts_and_busy_files_are_transient() {
        for code in [
            "40001", "40P01", "57P01", "57P03", "53300", "08006", "25006",
        ] {
            assert!(postgres_passes(code), "{code}");
        }
        for code in ["5", "517", "6", "10", "13"] {
            assert!(sqlite_passes(code), "{code}");
        }
    }

    #[test]
    fn defects_and_clashes_are_not_transient() {
        for code in ["23505", "42601", "42P01", "22P02"] {
            assert!(!postgres_passes(code), "{code}");
        }
        for code in ["1", "19", "2067", ""] {
            assert!(!sqlite_passes(code), "{code}");
        }
        assert!(!Error::Fenced.is_transient());
    }

    #[test]
    fn a_pool_without_a_free_connection_is_transient() {
        assert!(Error::from(sqlx::Error::PoolTimedOut).is_transient());
        assert!(!Error::from(sqlx::Error::RowNotFound).is_transient());
    }
}
