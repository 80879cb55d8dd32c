//! Databases that a test creates on the server of `TEST_DATABASE_URL`, and removes; pollers by the million;
//! callers that go on one step at a time.

mod broken;
mod claims;
mod counts;
mod explain;
mod kept;
mod looks_sealed;
mod many;
mod notified;
mod pollers;
pub mod steps;

use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::Error;

pub use kept::Kept;

/// An empty PostgreSQL database of its own.
#[derive(Debug)]
pub struct Database {
    server: PgConnectOptions,
    name: String,
    url: String,
}

impl Database {
    /// Creates a database with a random name beside the one that `server_url` names.
    ///
    /// # Errors
    /// The server cannot be reached, or does not let this user create databases.
    pub async fn create(server_url: &str) -> Result<Self, Error> {
        let server = PgConnectOptions::from_str(server_url)?;
        let name = format!("ie_test_{:032x}", rand::random::<u128>());
        execute(
            &server,
            format!("CREATE DATABASE {name} TEMPLATE template0"),
        )
        .await?;
        let (address, query) = server_url.split_once('?').unwrap_or((server_url, ""));
        let base = address.rsplit_once('/').map_or(address, |(base, _)| base);
        let url = format!("{base}/{name}?{query}");
        Ok(Self { server, name, url })
    }

    /// How to connect to it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Removes it, and ends the connections that are still open.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn remove(self) -> Result<(), Error> {
        execute(
            &self.server,
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        )
        .await
    }
}

async fn execute(server: &PgConnectOptions, statement: String) -> Result<(), Error> {
    let mut connection: PgConnection = server.connect().await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await?;
    Ok(())
}
