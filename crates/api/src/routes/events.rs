//! `/instances/{id}/events`: what was notified, and how that went.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use ie_model::{Attempt, NotificationId, NotificationStatus, Purpose, StoredNotification};
use ie_store::{NotificationFilter, Page};
use serde_json::Value;

use super::query::Query;
use super::subject::Subject;
use super::{answer, paging};
use crate::app::App;
use crate::error::{ApiError, Result};

/// `GET /instances/{id}/events`: `from`, `to` (exclusive), `status`, in pages.
pub(super) async fn list(
    State(app): State<App>,
    Subject(instance): Subject,
    query: Query,
) -> Result<Response> {
    let (from, to) = span(&query)?;
    let status = query.get("status").map(str::parse::<NotificationStatus>);
    let status = status.transpose();
    let status = status.map_err(|error| ApiError::bad_request(format!("status: {error}")))?;
    let filter = NotificationFilter {
        organization: Some(instance.organization),
        instance: Some(instance.id),
        status,
        from,
        to,
    };
    let page = paging::wanted(&query, &app.config)?;
    answered(&app, &filter, page, answer::event).await
}

/// `GET /instances/{id}/events/{eventId}`.
pub(super) async fn get(
    State(app): State<App>,
    Subject(instance): Subject,
    Path(ids): Path<Vec<String>>,
) -> Result<Json<Value>> {
    let id = ids.last().map(String::as_str).unwrap_or_default();
    let found = match id.parse::<NotificationId>() {
        Ok(id) => app.store.notification(id).await?,
        Err(_) => None,
    };
    let stored = found
        .filter(|stored| stored.notification.instance == instance.id)
        // The operator's notices are about the instance, and not its owner's.
        .filter(|stored| stored.notification.purpose != Purpose::Operator)
        .ok_or_else(|| ApiError::not_found(format!("this instance has no event {id:?}")))?;
    let attempts = app.store.attempts(&[stored.notification.id]).await?;
    Ok(Json(answer::event(&stored, &attempts)))
}

/// From a time on and before another, as far as they are given.
pub(super) type Span = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The times that `from` and `to` name.
pub(super) fn span(query: &Query) -> Result<Span> {
    let (from, to) = (query.time("from")?, query.time("to")?);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(ApiError::bad_request(
            "from: expected a time before that of to",
        ));
    }
    Ok((from, to))
}

/// A page of notifications, each as `form` shows it.
pub(super) async fn answered(
    app: &App,
    filter: &NotificationFilter,
    page: Page,
    form: fn(&StoredNotification, &[Attempt]) -> Value,
) -> Result<Response> {
    let found = app
        .store
        .notifications(filter, paging::one_more(page))
        .await?;
    let (found, headers) = paging::cut(found, page, |stored| stored.notification.id.get());
    let ids: Vec<NotificationId> = found.iter().map(|stored| stored.notification.id).collect();
    let attempts = app.store.attempts(&ids).await?;
    let answers: Vec<Value> = found.iter().map(|stored| form(stored, &attempts)).collect();
    Ok((headers, Json(answers)).into_response())
}
