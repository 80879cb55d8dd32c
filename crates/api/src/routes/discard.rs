//! `POST /dead-letters/discard`: dead letters that nobody wants any more.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::body::OptionalBody;
use super::dead_letters::{last, parse};
use crate::app::App;
use crate::auth::Caller;
use crate::dead_letters::{Which, discard as discard_now};
use crate::error::{ApiError, Result};
use crate::openapi::refusals::OfNames;
use crate::openapi::schemas::{DeadLettersWanted, Discarded};
use crate::openapi::tags;

/// Gives dead letters up.
///
/// Something beside `limit` is required: unlike a redrive it cannot be undone.
#[utoipa::path(
    post, path = "/dead-letters/discard", tag = tags::DEAD_LETTERS, operation_id = "discardDeadLetters",
    request_body = DeadLettersWanted,
    responses((status = 200, description = "How many.", body = Discarded), OfNames)
)]
pub(super) async fn discard(
    State(app): State<App>,
    caller: Caller,
    OptionalBody(body): OptionalBody,
) -> Result<Json<Value>> {
    let wanted = parse(body.as_ref(), app.config.redrive_limit).map_err(ApiError::from)?;
    if wanted.is_everything() {
        return Err(ApiError::bad_request(
            "expected ids (a list such as [\"1042\"]), instanceId, objectType, errorClass, from or to: what is discarded \
             does not come back, so say what",
        ));
    }
    let filter = wanted.filter(&app, &caller).await?;
    let which = Which {
        filter: &filter,
        ids: wanted.ids.as_deref(),
        limit: wanted.limit,
    };
    let done = discard_now(&app, which).await?;
    Ok(Json(json!({
        "discarded": done.discarded,
        "last": last(done.rest),
        "remaining": done.rest.remaining,
        "more": done.rest.remaining > 0,
    })))
}
