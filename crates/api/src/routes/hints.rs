//! `POST /events/insightly/{token}`: somebody says that records were saved.
//!
//! What Insightly's workflow rules call. A hint is never trusted as an event and never needed: it makes pollers due.
//! Whoever has the address may give hints, and nothing else.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use ie_platform::telemetry::current_traceparent;
use ie_store::Urge;
use metrics::counter;

use super::query::Query;
use crate::app::App;
use crate::auth;
use crate::error::{ApiError, Result};
use crate::hints::{FOLD, Key, Verdict};
use crate::openapi::parameters::{HintToken, HubResource, OfResource};
use crate::openapi::tags;

/// Makes the pollers of an instance due, or those of `resource`.
///
/// The body is not read, whatever it is.
#[utoipa::path(
    post, path = "/events/insightly/{token}", tag = tags::HINTS, operation_id = "giveHint", security(()),
    params(HintToken, OfResource),
    responses((status = 202, description = "It is taken."))
)]
pub(super) async fn hint(
    State(app): State<App>,
    Path(names): Path<Vec<String>>,
    query: Query,
) -> Result<StatusCode> {
    let mut names = names.into_iter();
    let token = names.next().unwrap_or_default();
    let resource = names.next().or(query.get("resource").map(str::to_owned));
    let key = (auth::hash(&token), resource);
    let outcome = match app.hints.arrive(&key, app.clock.now()) {
        Verdict::Look if look(&app, &key).await? => "taken",
        Verdict::Look | Verdict::Unknown => {
            counter!("ie_hints_total", "outcome" => "unknown").increment(1);
            return Err(ApiError::not_found("there is nothing at this address"));
        }
        Verdict::Fold => {
            let (own, later) = (app.clone(), key);
            drop(app.lifecycle.spawn_detail(look_later(own, later)));
            "folded"
        }
        Verdict::Folded => "folded",
    };
    counter!("ie_hints_total", "outcome" => outcome).increment(1);
    Ok(StatusCode::ACCEPTED)
}

/// Makes the poller of a resource due.
///
/// The body is not read, whatever it is.
#[utoipa::path(
    post, path = "/events/insightly/{token}/{resource}", tag = tags::HINTS, operation_id = "giveHintOfResource",
    security(()), params(HintToken, HubResource),
    responses((status = 202, description = "It is taken."))
)]
pub(super) async fn hint_of_resource(
    state: State<App>,
    names: Path<Vec<String>>,
    query: Query,
) -> Result<StatusCode> {
    hint(state, names, query).await
}

async fn look(app: &App, key: &Key) -> Result<bool> {
    let (token_hash, resource) = key;
    let traceparent = current_traceparent();
    let urge = Urge {
        resource: resource.as_deref(),
        now: app.clock.now(),
        gap: app.config.hint_gap,
        modest: true,
        traceparent: traceparent.as_deref(),
    };
    let known = app.store.hint(token_hash, urge).await?;
    app.hints.learn(key, known);
    Ok(known)
}

/// At the end of a flood, or at once when the process stops.
async fn look_later(app: App, key: Key) {
    let pause = tokio::time::sleep(FOLD);
    app.lifecycle.run_until_stopped(pause).await.unwrap_or(());
    app.hints.unfold(&key);
    if let Err(error) = look(&app, &key).await {
        tracing::warn!(?error, "a flood of hints had no effect");
    }
}
