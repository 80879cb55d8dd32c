//! `GET /dead-letters/export`: dead letters as lines of JSON, however many there are.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures::stream::{self, StreamExt as _};
use ie_model::NotificationId;
use ie_store::{NotificationFilter, Page};

use super::query::Query;
use super::{answer, dead_letters};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::observe;
use crate::openapi::parameters::{Narrowing, OfInstance};
use crate::openapi::refusals::OfNames;
use crate::openapi::tags;

/// Dead letters that are in memory at once; the next are read when the client has taken these.
const AT_ONCE: u32 = 20;

/// Exports dead letters as lines of JSON, the oldest first.
///
/// Each line has the form of `GET /dead-letters/{eventId}`. What goes wrong before the first line is an answer; later the
/// connection breaks off, so that what came before is not taken for everything.
#[utoipa::path(
    get, path = "/dead-letters/export", tag = tags::DEAD_LETTERS, operation_id = "exportDeadLetters",
    params(OfInstance, Narrowing),
    responses((status = 200, description = "A line for each dead letter.", body = String,
        content_type = "application/x-ndjson"), OfNames)
)]
pub(super) async fn export(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Response> {
    let filter = dead_letters::asked_for(&app, &caller, &query).await?;
    lines(app, filter).await
}

/// The dead letters that a filter lets through.
pub(crate) async fn lines(app: App, filter: NotificationFilter) -> Result<Response> {
    let export = Export {
        request: observe::request_id(),
        app,
        filter,
    };
    let first = export.lines(None).await?;
    let rest = stream::try_unfold((export, first.last), async |(export, last)| {
        if last.is_none() {
            return Ok(None);
        }
        match export.lines(last).await {
            Ok(lines) => Ok(Some((lines.text, (export, lines.last)))),
            Err(error) => {
                tracing::error!(%error, request.id = %export.request, "an export broke off");
                Err(error)
            }
        }
    });
    let body = stream::once(async { Ok(first.text) }).chain(rest);
    let head = [(CONTENT_TYPE, "application/x-ndjson")];
    Ok((head, Body::from_stream(body)).into_response())
}

struct Export {
    /// The id of the request, which has been answered when the lines are read.
    request: String,
    app: App,
    filter: NotificationFilter,
}

/// Some of the lines, and the id of the last of them when there may be more.
struct Lines {
    text: String,
    last: Option<i64>,
}

impl Export {
    /// The lines that follow the dead letter of this id.
    async fn lines(&self, after: Option<i64>) -> ie_store::Result<Lines> {
        let store = &self.app.store;
        let limit = AT_ONCE;
        let found = store
            .notifications(&self.filter, Page { after, limit })
            .await?;
        let ids: Vec<NotificationId> = found.iter().map(|stored| stored.notification.id).collect();
        let attempts = store.attempts(&ids).await?;
        let lines = found
            .iter()
            .map(|stored| format!("{}\n", answer::whole_dead_letter(stored, &attempts)));
        let is_full = u32::try_from(ids.len()).is_ok_and(|found| found == AT_ONCE);
        Ok(Lines {
            text: lines.collect(),
            last: ids.last().filter(|_| is_full).map(|id| id.get()),
        })
    }
}
