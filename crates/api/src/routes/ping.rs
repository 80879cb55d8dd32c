//! `/ping` and `/objects`: what an Element token reaches.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::answer;
use super::subject::Subject;
use crate::app::App;
use crate::connector;
use crate::error::Result;
use crate::instances;
use crate::openapi::refusals::OfKeyCheck;
use crate::openapi::schemas::Pong;
use crate::openapi::tags;

/// Asks Insightly with the key of the Element token's instance.
#[utoipa::path(
    get, path = "/ping", tag = tags::CONNECTOR, operation_id = "ping",
    responses((status = 200, description = "Insightly has answered.", body = Pong), OfKeyCheck)
)]
pub(super) async fn ping(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<Json<Value>> {
    let identity = instances::ping(&app, &instance).await?;
    Ok(Json(json!({
        "endpoint": connector::KEY,
        "dateTime": answer::date(identity.server_date),
    })))
}

/// Lists the names of the hub's resources.
///
/// Custom objects are resources under their own names.
#[utoipa::path(
    get, path = "/objects", tag = tags::HUB, operation_id = "listObjects",
    responses((status = 200, description = "The names.", body = Vec<String>))
)]
pub(super) async fn objects(_: Subject) -> Json<Vec<&'static str>> {
    Json(connector::resource_names().collect())
}
