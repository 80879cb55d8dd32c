//! How the database answers somebody who looks from outside: for a diagnosis, without migrating anything.

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::{Config, Error, Result, time};

/// What a look at PostgreSQL found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// How long one question took.
    pub took: Duration,
    /// The database's time, in the middle of that question.
    pub time: DateTime<Utc>,
}

/// Asks PostgreSQL one question on a connection of its own; none for SQLite, which is a file of this machine.
///
/// # Errors
/// It cannot be reached within the limit, or refuses.
pub async fn probe(config: &Config, limit: Duration) -> Result<Option<Probe>> {
    let url = config.url.expose_secret();
    if url.starts_with("sqlite:") {
        return Ok(None);
    }
    let asked = tokio::time::timeout(limit, ask(url)).await;
    let late = |_| Error::Unavailable(format!("no answer within {limit:?}").into());
    asked.map_err(late)?.map(Some)
}

async fn ask(url: &str) -> Result<Probe> {
    let mut connection: PgConnection = PgConnectOptions::from_str(url)?.connect().await?;
    let begin = Instant::now();
    let question = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT";
    let question = sqlx::query_as(question).fetch_one(&mut connection);
    let (time,): (i64,) = question.await?;
    let took = begin.elapsed();
    connection.close().await?;
    Ok(Probe {
        took,
        time: time::from_ms(time)?,
    })
}
