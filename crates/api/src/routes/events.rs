//! `/instances/{id}/events`: what was notified, and how that went.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use ie_model::{
    Attempt, InstanceId, NotificationId, NotificationStatus, OrganizationId, StoredNotification,
};
use ie_store::{NotificationFilter, Page};
use serde_json::Value;

use super::narrowing::Narrowing;
use super::query::Query;
use super::subject::Subject;
use super::{answer, paging};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Result};
use crate::openapi::parameters::{self, OneEvent, OneInstance, Paging, Status};
use crate::openapi::schemas::{Disposition, Event};
use crate::openapi::tags;

/// Lists the events of an instance, the oldest first.
#[utoipa::path(
    get, path = "/instances/{id}/events", tag = tags::EVENTS, operation_id = "listEventsOfInstance",
    params(OneInstance, Status, parameters::Narrowing, Paging),
    responses((status = 200, description = "A page of events.", body = Vec<Event>))
)]
pub(super) async fn list(
    State(app): State<App>,
    Subject(instance): Subject,
    query: Query,
) -> Result<Response> {
    let page = paging::wanted(&query, &app.config)?;
    let filter = filter((instance.organization, Some(instance.id)), &query)?;
    answered(&app, &filter, page, answer::event).await
}

/// Lists the events of all instances, or of that of the Element token, the oldest first.
#[utoipa::path(
    get, path = "/instances/events", tag = tags::EVENTS, operation_id = "listEvents",
    params(Status, parameters::Narrowing, Paging),
    responses((status = 200, description = "A page of events.", body = Vec<Event>))
)]
pub(super) async fn list_all(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Response> {
    let page = paging::wanted(&query, &app.config)?;
    answered(&app, &callers(&caller, &query)?, page, answer::event).await
}

/// Lists what became of the events of all instances, or of that of the Element token, the oldest first.
#[utoipa::path(
    get, path = "/instances/events/dispositions", tag = tags::EVENTS, operation_id = "listDispositions",
    params(Status, parameters::Narrowing, Paging),
    responses((status = 200, description = "A page of events with their attempts.", body = Vec<Disposition>))
)]
pub(super) async fn dispositions(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Response> {
    let page = paging::wanted(&query, &app.config)?;
    answered(&app, &callers(&caller, &query)?, page, answer::disposition).await
}

fn callers(caller: &Caller, query: &Query) -> Result<NotificationFilter> {
    let instance = caller.element.as_ref().map(|instance| instance.id);
    filter((caller.principal.organization, instance), query)
}

fn filter(
    (organization, instance): (OrganizationId, Option<InstanceId>),
    query: &Query,
) -> Result<NotificationFilter> {
    let status = query.get("status").map(str::parse::<NotificationStatus>);
    let status = status.transpose();
    let status = status.map_err(|error| ApiError::bad_request(format!("status: {error}")))?;
    Ok(Narrowing::of_query(query)?.of(NotificationFilter {
        organization: Some(organization),
        instance,
        status,
        ..NotificationFilter::default()
    }))
}

/// Shows an event of an instance.
#[utoipa::path(
    get, path = "/instances/{id}/events/{eventId}", tag = tags::EVENTS, operation_id = "getEventOfInstance",
    params(OneInstance, OneEvent),
    responses((status = 200, description = "The event.", body = Event))
)]
pub(super) async fn get(
    State(app): State<App>,
    Subject(instance): Subject,
    Path(ids): Path<Vec<String>>,
) -> Result<Json<Value>> {
    let id = ids.last().map(String::as_str).unwrap_or_default();
    let own = NotificationFilter {
        organization: Some(instance.organization),
        instance: Some(instance.id),
        ..NotificationFilter::default()
    };
    let missing = || ApiError::not_found(format!("this instance has no event {id:?}"));
    one(&app, id, &own, answer::event)
        .await?
        .ok_or_else(missing)
}

/// Shows an event of any instance, or of that of the Element token.
#[utoipa::path(
    get, path = "/instances/events/{eventId}", tag = tags::EVENTS, operation_id = "getEvent", params(OneEvent),
    responses((status = 200, description = "The event.", body = Event))
)]
pub(super) async fn get_any(
    State(app): State<App>,
    caller: Caller,
    Path(ids): Path<Vec<String>>,
) -> Result<Json<Value>> {
    let id = ids.last().map(String::as_str).unwrap_or_default();
    let own = NotificationFilter {
        organization: Some(caller.principal.organization),
        instance: caller.element.map(|instance| instance.id),
        ..NotificationFilter::default()
    };
    let missing = || ApiError::not_found(format!("there is no event {id:?}"));
    one(&app, id, &own, answer::event)
        .await?
        .ok_or_else(missing)
}

/// The notification of this id as `form` shows it, if the list of the same filter would show it.
pub(super) async fn one(
    app: &App,
    id: &str,
    filter: &NotificationFilter,
    form: fn(&StoredNotification, &[Attempt]) -> Value,
) -> Result<Option<Json<Value>>> {
    let Ok(id) = id.parse::<NotificationId>() else {
        return Ok(None);
    };
    let Some(stored) = app.store.matching(id, filter).await? else {
        return Ok(None);
    };
    let attempts = app.store.attempts(&[id]).await?;
    Ok(Some(Json(form(&stored, &attempts))))
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
