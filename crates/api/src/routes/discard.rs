//! `POST /dead-letters/discard`: dead letters that nobody wants any more.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use ie_model::Queue;
use serde_json::{Value, json};

use super::body::OptionalBody;
use super::dead_letters::parse;
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Result};

/// The body of a redrive, of which something beside `limit` is required: unlike a redrive it cannot be undone.
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
    let discarded = app
        .store
        .discard(
            &filter,
            wanted.ids.as_deref(),
            wanted.limit,
            app.clock.now(),
        )
        .await?;
    let ids: HashSet<String> = discarded.iter().map(ToString::to_string).collect();
    // The store has decided; copies left in the dead queue only look odd.
    if let Err(error) = app.broker.discard_dead(Queue::Changes, &ids).await {
        tracing::warn!(%error, "discarded notifications stay in the dead-letter queue");
    }
    tracing::info!(discarded = discarded.len(), "dead letters discarded");
    Ok(Json(json!({ "discarded": discarded.len() })))
}
