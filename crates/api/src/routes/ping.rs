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

/// `GET /ping`: asks Insightly with the instance's key.
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

/// `GET /objects`: the names of the hub's resources. Custom objects are resources under their own names.
pub(super) async fn objects(_: Subject) -> Json<Vec<&'static str>> {
    Json(connector::resource_names().collect())
}
