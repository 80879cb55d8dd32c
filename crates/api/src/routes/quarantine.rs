//! `/instances/{id}/quarantine`: the records that cannot be read, and why.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::query::Query;
use super::subject::Subject;
use super::{answer, paging};
use crate::app::App;
use crate::error::Result;

/// `GET /instances/{id}/quarantine`, in pages.
pub(super) async fn list(
    State(app): State<App>,
    Subject(instance): Subject,
    query: Query,
) -> Result<Response> {
    let page = paging::wanted(&query, &app.config)?;
    let found = app.store.quarantine(instance.id, paging::one_more(page));
    let (found, headers) = paging::cut(found.await?, page, |record| record.id);
    let answers: Vec<Value> = found.iter().map(answer::quarantined).collect();
    Ok((headers, Json(answers)).into_response())
}
