//! `/dead-letters`: what could not be delivered, and its second chance.

use std::collections::HashSet;

use axum::Json;
use axum::extract::{self, State};
use axum::response::Response;
use ie_broker::Outgoing;
use ie_model::{
    InstanceId, Message as _, Notification, NotificationId, NotificationStatus, Queue,
    StoredNotification,
};
use ie_store::{NotificationFilter, Pace};
use serde_json::{Value, json};

use super::body::{OptionalBody, members};
use super::narrowing::Narrowing;
use super::query::Query;
use super::subject::owned;
use super::{answer, events, paging};
use crate::app::App;
use crate::auth::Caller;
use crate::draft::{Problems, Reader};
use crate::error::{ApiError, Result};

/// `GET /dead-letters`: narrowed as by [`asked_for`], in pages.
pub(super) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Result<Response> {
    let filter = asked_for(&app, &caller, &query).await?;
    let page = paging::wanted(&query, &app.config)?;
    events::answered(&app, &filter, page, answer::dead_letter).await
}

/// `GET /dead-letters/{eventId}`: with its body and every attempt.
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    extract::Path(id): extract::Path<String>,
) -> Result<Json<Value>> {
    let filter = failed_of(&app, &caller, None).await?;
    let found = events::one(&app, &id, &filter, answer::whole_dead_letter).await?;
    found.ok_or_else(|| ApiError::not_found(format!("there is no dead letter {id:?}")))
}

/// `POST /dead-letters/redrive`: a body of [`KEYS`]; without one, the oldest.
pub(super) async fn redrive(
    State(app): State<App>,
    caller: Caller,
    OptionalBody(body): OptionalBody,
) -> Result<Json<Value>> {
    let wanted = parse(body.as_ref(), app.config.redrive_limit).map_err(ApiError::from)?;
    let filter = wanted.filter(&app, &caller).await?;
    // A second's worth goes out now, the rest by the relay.
    let pace = Pace::spread(app.clock.now(), app.config.redrive_gap());
    let pace = pace.with_first(app.config.redrive_rate);
    let redriven = app
        .store
        .redrive(&filter, wanted.ids.as_deref(), wanted.limit, pace)
        .await?;
    let now = redriven.len().min(pace.first() as usize);
    let queued = publish(&app, &redriven[..now]).await;
    let last = u32::try_from(redriven.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let ids: HashSet<String> = redriven
        .iter()
        .map(|stored| stored.notification.message_id())
        .collect();
    // They are deliverable already: copies left in the dead queue only look odd.
    if let Err(error) = app.broker.discard_dead(Queue::Changes, &ids).await {
        tracing::warn!(%error, "redriven notifications stay in the dead-letter queue as well");
    }
    tracing::info!(redriven = redriven.len(), queued, "dead letters redriven");
    Ok(Json(json!({
        "redriven": redriven.len(),
        "queued": queued,
        "until": answer::date(pace.time(last)),
    })))
}

/// The members of the body of a redrive or a discard.
const KEYS: [&str; 7] = {
    let [resource, class, from, to] = Narrowing::KEYS;
    ["instanceId", "ids", resource, class, from, to, "limit"]
};

/// What a redrive or a discard is asked to take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Of this instance.
    instance: Option<String>,
    /// Only these.
    pub(super) ids: Option<Vec<NotificationId>>,
    /// Only such.
    narrowing: Narrowing,
    /// So many at the most.
    pub(super) limit: u32,
}

impl Wanted {
    /// Whether it names nothing, and so means every dead letter.
    pub(super) fn is_everything(&self) -> bool {
        let named = self.instance.is_some() || self.ids.is_some();
        !named && self.narrowing == Narrowing::default()
    }

    /// The dead letters of the caller that it leaves, whatever their ids are.
    pub(super) async fn filter(&self, app: &App, caller: &Caller) -> Result<NotificationFilter> {
        let of_caller = failed_of(app, caller, self.instance.as_deref()).await?;
        Ok(self.narrowing.clone().of(of_caller))
    }
}

/// Reads the body of either.
pub(super) fn parse(body: Option<&Value>, most: u32) -> Result<Wanted, Problems> {
    members(body, &KEYS, |reader| Wanted {
        instance: instance(reader),
        ids: ids(reader),
        narrowing: Narrowing::of_body(reader),
        limit: reader
            .whole("limit", 1..=most, "dead letters")
            .unwrap_or(most),
    })
}

/// The id of an instance, as a number or a string.
fn instance(reader: &mut Reader<'_>) -> Option<String> {
    match reader.given("instanceId") {
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => reader
            .text("instanceId", "the id of an instance")
            .map(str::to_owned),
    }
}

/// Ids of events, as numbers or strings.
fn ids(reader: &mut Reader<'_>) -> Option<Vec<NotificationId>> {
    let value = reader.given("ids")?;
    let id = |value: &Value| match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64().map(NotificationId),
    };
    let ids = value
        .as_array()
        .and_then(|ids| ids.iter().map(id).collect());
    if ids.is_none() {
        reader.refuse(
            "ids",
            "expected a list of the ids of events, such as [\"1042\"]",
        );
    }
    ids
}

/// The dead letters of the caller that the query leaves: `instanceId`, and what [`Narrowing`] reads.
pub(super) async fn asked_for(
    app: &App,
    caller: &Caller,
    query: &Query,
) -> Result<NotificationFilter> {
    let narrowing = Narrowing::of_query(query)?;
    let of_caller = failed_of(app, caller, query.get("instanceId")).await?;
    Ok(narrowing.of(of_caller))
}

/// The dead letters of the caller: its organization's, an instance's, or those of its Element token.
async fn failed_of(
    app: &App,
    caller: &Caller,
    instance: Option<&str>,
) -> Result<NotificationFilter> {
    let organization = caller.principal.organization;
    let instance: Option<InstanceId> = match (instance, &caller.element) {
        (Some(id), _) => Some(owned(app, organization, id).await?.id),
        (None, Some(element)) => Some(element.id),
        (None, None) => None,
    };
    Ok(NotificationFilter {
        organization: Some(organization),
        instance,
        status: Some(NotificationStatus::Failed),
        ..NotificationFilter::default()
    })
}

/// Puts notifications into the queue; gives how many it took. The relay looks after the others.
async fn publish(app: &App, redriven: &[StoredNotification]) -> usize {
    let outgoing: Vec<Outgoing<'_, Notification>> = redriven
        .iter()
        .map(|stored| Outgoing {
            message: &stored.notification,
            traceparent: stored.traceparent.clone(),
            republished: true,
            attempt: stored.attempts + 1,
        })
        .collect();
    let outcomes = match app.broker.publish(&outgoing).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            tracing::warn!(%error, "redriven notifications wait for the relay");
            return 0;
        }
    };
    let taken: Vec<NotificationId> = redriven
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(stored, _)| stored.notification.id)
        .collect();
    if let Err(error) = app.store.mark_received(&taken, app.clock.now()).await {
        tracing::warn!(%error, "redriven notifications may be published twice by the relay");
    }
    taken.len()
}
