//! `GET /events/stream`: events as they are stored and as they move on, as server-sent events.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt as _, stream};
use ie_model::NotificationStatus;
use ie_store::NotificationFilter;

use super::answer;
use super::query::Query;
use super::subject::owned;
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Result};
use crate::openapi::parameters::{Continued, OfInstance, Status};
use crate::openapi::refusals::OfNames;
use crate::openapi::tags;
use crate::tail::{self, Begin, News};

/// The header by which a client goes on where its connection broke.
pub(crate) const LAST_EVENT_ID: &str = "last-event-id";

/// Tells events as they are stored and as they move on, as server-sent events.
///
/// From this time on, or after `Last-Event-ID`. Each is told as `event` when it is stored and as `status` when it stands
/// elsewhere; `data` has the form of an event, without its attempts and with `instanceId` and `objectType`.
#[utoipa::path(
    get, path = "/events/stream", tag = tags::EVENTS, operation_id = "streamEvents",
    params(OfInstance, Status, Continued),
    responses((status = 200, description = "The stream; it does not end.", body = String,
        content_type = "text/event-stream"), OfNames)
)]
pub(super) async fn stream(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let organization = caller.principal.organization;
    let instance = match query.get("instanceId") {
        Some(id) => Some(owned(&app, organization, id).await?.id),
        None => caller.element.map(|element| element.id),
    };
    let status = query.get("status").map(str::parse::<NotificationStatus>);
    let status = status.transpose();
    let search = NotificationFilter {
        organization: Some(organization),
        instance,
        status: status.map_err(|error| ApiError::bad_request(format!("status: {error}")))?,
        ..NotificationFilter::default()
    };
    let after = match last_event_id(&headers)? {
        Some(id) => id,
        None => tail::newest(&app, organization).await?,
    };
    let told = tail::follow(app, search, Begin { after, recent: 0 })?
        .flat_map(|news| stream::iter(news).map(told));
    Ok(Sse::new(told).keep_alive(KeepAlive::default()))
}

/// The event after which a client goes on.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let id = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let id = id.ok_or_else(|| {
        ApiError::bad_request(format!(
            "Last-Event-ID: expected the id of an event, got {value:?}"
        ))
    })?;
    Ok(Some(id))
}

fn told(news: News) -> std::result::Result<Event, Infallible> {
    let (name, stored) = match &news {
        News::Stored(stored) => ("event", stored),
        News::Moved(stored) => ("status", stored),
    };
    let mut answer = answer::event(stored, &[]);
    answer["instanceId"] = stored.notification.instance.get().into();
    answer["objectType"] = stored.notification.resource.as_str().into();
    let event = Event::default().event(name).data(answer.to_string());
    // A client that went on after an event that only moved would be told what it knows.
    Ok(match news {
        News::Stored(stored) => event.id(stored.notification.id.to_string()),
        News::Moved(_) => event,
    })
}
