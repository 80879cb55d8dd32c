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
use crate::openapi::parameters::{OneInstance, Paging};
use crate::openapi::schemas::Quarantined;
use crate::openapi::tags;

/// Lists the records of an instance that cannot be read, and why.
#[utoipa::path(
    get, path = "/instances/{id}/quarantine", tag = tags::INSTANCES, operation_id = "listQuarantine",
    params(OneInstance, Paging),
    responses((status = 200, description = "A page of records.", body = Vec<Quarantined>))
)]
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
