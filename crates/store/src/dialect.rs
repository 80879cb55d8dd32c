//! Where PostgreSQL and SQLite differ: every difference in the text of a statement, and each one's migrations.

use std::sync::LazyLock;

use sqlx::migrate::Migrator;

/// A database's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// The tables of PostgreSQL. Its lock while migrating is an advisory one of the database.
pub(crate) static POSTGRES: LazyLock<Migrator> =
    LazyLock::new(|| beside_the_next(sqlx::migrate!("migrations/postgres")));

/// The tables of SQLite. It has no advisory lock: they are migrated inside of one write transaction.
pub(crate) static SQLITE: LazyLock<Migrator> =
    LazyLock::new(|| beside_the_next(sqlx::migrate!("migrations/sqlite")));

/// While the next version is rolled out, processes of this one may start when its migrations have run already.
fn beside_the_next(mut migrator: Migrator) -> Migrator {
    migrator.set_ignore_missing(true);
    migrator
}

/// What stands in a text, PostgreSQL's words for it, SQLite's words for it.
///
/// SQLite has one writer at a time, and so nothing to skip.
const MARKS: [(&str, &str, &str); 5] = [
    ("{skip_locked}", " FOR UPDATE SKIP LOCKED", ""),
    ("{for_update}", " FOR UPDATE", ""),
    ("{greatest}", "GREATEST", "max"),
    ("{least}", "LEAST", "min"),
    // The digest of what was deleted, `Digest::GONE`.
    (
        "{gone}",
        "'\\x00000000000000000000000000000000'::bytea",
        "zeroblob(16)",
    ),
];

impl Dialect {
    /// The text in this language.
    pub(crate) fn replace_marks(self, text: &str) -> String {
        let mut replaced = text.to_owned();
        for (mark, postgres, sqlite) in MARKS {
            if replaced.contains(mark) {
                let words = match self {
                    Self::Postgres => postgres,
                    Self::Sqlite => sqlite,
                };
                replaced = replaced.replace(mark, words);
            }
        }
        replaced
    }
}
