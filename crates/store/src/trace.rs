//! Transactions as spans, where they are a step of a change's way: a poll's page. The rest is measured only (`timer.rs`).

use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::Error;
use crate::database::Database;

/// Runs a transaction within a span; `summary` says what it is for, in few and fixed words.
pub(crate) async fn traced<T>(
    database: &Database,
    summary: &'static str,
    transaction: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let span = span(database, summary);
    let result = transaction.instrument(span.clone()).await;
    if let Err(error) = &result {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", kind(error));
    }
    result
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Fenced => "fenced",
        Error::QuarantineFull { .. } => "quarantine_full",
        error if error.is_transient() => "unavailable",
        // The conventions' word for everything else.
        _ => "_OTHER",
    }
}

/// As the conventions for databases have it.
fn span(database: &Database, summary: &'static str) -> Span {
    let system = match database {
        Database::Postgres(..) => "postgresql",
        Database::Sqlite { .. } => "sqlite",
    };
    tracing::info_span!(
        "transaction",
        otel.name = summary,
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = system,
        db.query.summary = summary,
        error.type = Empty,
    )
}
