//! `POST /dead-letters/discard`: dead letters that nobody wants any more.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::body::OptionalBody;
use super::dead_letters::{failed_of, parse};
use crate::app::App;
use crate::auth::Caller;
use crate::dead_letters::{Which, discard as discard_now};
use crate::error::{ApiError, Result};

/// `{instanceId?, ids?, limit?}`, of which one of the first two is required: unlike a redrive it cannot be undone.
pub(super) async fn discard(
    State(app): State<App>,
    caller: Caller,
    OptionalBody(body): OptionalBody,
) -> Result<Json<Value>> {
    let wanted = parse(body.as_ref(), app.config.redrive_limit).map_err(ApiError::from)?;
    if wanted.ids.is_none() && wanted.instance.is_none() {
        return Err(ApiError::bad_request(
            "expected ids (a list such as [\"1042\"]) or instanceId: what is discarded does not come back, so say what",
        ));
    }
    let filter = failed_of(&app, &caller, wanted.instance.as_deref()).await?;
    let which = Which {
        filter: &filter,
        ids: wanted.ids.as_deref(),
        limit: wanted.limit,
    };
    let discarded = discard_now(&app, which).await?;
    Ok(Json(json!({ "discarded": discarded })))
}
