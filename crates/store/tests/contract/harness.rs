//! A database of its own for each test, gone when the test ends.

use std::str::FromStr;
use std::time::Duration;

use ie_platform::{Context, Process, TestClock};
use ie_store::{Config, Store};
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::sync::Arc;
use tempfile::TempDir;

use crate::samples::at;

const PROCESS: Process = Process {
    name: "ie-store-contract",
    version: "0",
};

/// Which database a test runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// An empty database; it is removed when this is dropped.
pub(crate) struct Blank {
    pub(crate) url: String,
    _place: Place,
}

/// A store on an empty database.
pub(crate) struct Db {
    pub(crate) store: Store,
    pub(crate) clock: TestClock,
    blank: Blank,
}

enum Place {
    Folder { _folder: TempDir },
    Database { _database: Box<Temporary> },
}

/// A database of the server that `TEST_DATABASE_URL` names.
struct Temporary {
    server: PgConnectOptions,
    name: String,
}

impl Backend {
    /// A store on an empty database.
    pub(crate) async fn start(self) -> Db {
        let blank = self.blank().await;
        let clock = TestClock::at(at(0));
        let store = blank.open_with(&clock).await.unwrap();
        Db {
            store,
            clock,
            blank,
        }
    }

    /// An empty database without tables.
    pub(crate) async fn blank(self) -> Blank {
        match self {
            Self::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join("state.db").display());
                let place = Place::Folder { _folder: folder };
                Blank { url, _place: place }
            }
            Self::Postgres => {
                let server = server_url();
                let name = format!("ie_store_{}", uuid::Uuid::new_v4().simple());
                let options = PgConnectOptions::from_str(&server).unwrap();
                run(
                    &options,
                    format!("CREATE DATABASE {name} TEMPLATE template0"),
                )
                .await;
                let url = on_server(&server, &name);
                let database = Temporary {
                    server: options,
                    name,
                };
                let place = Place::Database {
                    _database: Box::new(database),
                };
                Blank { url, _place: place }
            }
        }
    }
}

impl Blank {
    /// Opens it as another process would, with its own connections.
    pub(crate) async fn open(&self) -> ie_store::Result<Store> {
        self.open_with(&TestClock::at(at(0))).await
    }

    async fn open_with(&self, clock: &TestClock) -> ie_store::Result<Store> {
        Store::open(&config(&self.url), &context(clock)).await
    }
}

impl Db {
    /// Where the database is, for what a store does not do.
    pub(crate) fn url(&self) -> &str {
        &self.blank.url
    }

    /// The same database through another process' store.
    pub(crate) async fn another(&self) -> Store {
        self.blank.open_with(&self.clock).await.unwrap()
    }
}

/// The URL of a database `name` on the tests' server.
pub(crate) fn on_server(server: &str, name: &str) -> String {
    let (address, query) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = address.rsplit_once('/').unwrap();
    format!("{host}/{name}?{query}")
}

/// Where PostgreSQL is. Without it the suite fails: half of the contract would be unproven.
pub(crate) fn server_url() -> String {
    ie_platform::config::env("TEST_DATABASE_URL").expect(
        "TEST_DATABASE_URL is not set: run `make test`, or \
         `IE_SERVICES=postgres scripts/services.sh run -- cargo nextest run -p ie-store`",
    )
}

pub(crate) fn config(url: &str) -> Config {
    Config {
        url: SecretString::from(url),
        max_connections: 4,
        connect_timeout: Duration::from_secs(20),
        acquire_timeout: Duration::from_secs(20),
        call_timeout: Duration::from_secs(20),
        refused_retry: Duration::from_secs(3600),
    }
}

pub(crate) fn context(clock: &TestClock) -> Context {
    Context {
        clock: Arc::new(clock.clone()),
        ..Context::new(PROCESS)
    }
}

async fn run(server: &PgConnectOptions, statement: String) {
    let mut connection = server.clone().connect().await.unwrap();
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
    connection.close().await.unwrap();
}

impl Drop for Temporary {
    /// On a thread with a runtime of its own, since the test's runtime waits here.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(run(&server, format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        removal.join().unwrap();
    }
}
