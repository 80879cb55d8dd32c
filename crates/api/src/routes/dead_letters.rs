//! `/dead-letters`: what could not be delivered, and its second chance.

use axum::Json;
use axum::extract::{self, State};
use axum::response::Response;
use ie_model::{InstanceId, NotificationId, NotificationStatus};
use ie_store::NotificationFilter;
use serde_json::{Value, json};

use super::body::{OptionalBody, members};
use super::narrowing::Narrowing;
use super::query::Query;
use super::subject::owned;
use super::{answer, events, paging};
use crate::app::App;
use crate::auth::Caller;
use crate::dead_letters::{Rest, Which, redrive as redrive_now};
use crate::draft::{Problems, Reader, shown};
use crate::error::{ApiError, Result};
use crate::openapi::parameters::{self, OfInstance, OneEvent, Paging};
use crate::openapi::refusals::OfNames;
use crate::openapi::schemas::{DeadLetter, DeadLettersWanted, Redriven};
use crate::openapi::tags;

/// Lists dead letters, the oldest first.
#[utoipa::path(
    get, path = "/dead-letters", tag = tags::DEAD_LETTERS, operation_id = "listDeadLetters",
    params(OfInstance, parameters::Narrowing, Paging),
    responses((status = 200, description = "A page of dead letters.", body = Vec<DeadLetter>), OfNames)
)]
pub(super) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Result<Response> {
    let filter = asked_for(&app, &caller, &query).await?;
    let page = paging::wanted(&query, &app.config)?;
    events::answered(&app, &filter, page, answer::dead_letter).await
}

/// Shows a dead letter with its body and every attempt.
#[utoipa::path(
    get, path = "/dead-letters/{eventId}", tag = tags::DEAD_LETTERS, operation_id = "getDeadLetter", params(OneEvent),
    responses((status = 200, description = "The dead letter.", body = DeadLetter))
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    extract::Path(id): extract::Path<String>,
) -> Result<Json<Value>> {
    let filter = failed_of(&app, &caller, None).await?;
    let found = events::one(&app, &id, &filter, answer::whole_dead_letter).await?;
    found.ok_or_else(|| ApiError::not_found(format!("there is no dead letter {id:?}")))
}

/// Delivers dead letters again, at the operator's rate.
///
/// Without a body, the oldest.
#[utoipa::path(
    post, path = "/dead-letters/redrive", tag = tags::DEAD_LETTERS, operation_id = "redriveDeadLetters",
    request_body = Option<DeadLettersWanted>,
    responses((status = 200, description = "How many, and until when.", body = Redriven), OfNames)
)]
pub(super) async fn redrive(
    State(app): State<App>,
    caller: Caller,
    OptionalBody(body): OptionalBody,
) -> Result<Json<Value>> {
    let wanted = parse(body.as_ref(), app.config.redrive_limit).map_err(ApiError::from)?;
    let filter = wanted.filter(&app, &caller).await?;
    let which = Which {
        filter: &filter,
        ids: wanted.ids.as_deref(),
        limit: wanted.limit,
    };
    let done = redrive_now(&app, which).await?;
    Ok(Json(json!({
        "redriven": done.redriven,
        "queued": done.queued,
        "until": answer::date(done.until),
        "waitMs": u64::try_from(done.wait.as_millis()).unwrap_or(u64::MAX),
        "last": last(done.rest),
        "remaining": done.rest.remaining,
        "more": done.rest.remaining > 0,
    })))
}

/// The id after which the next call goes on.
pub(super) fn last(rest: Rest) -> Option<String> {
    rest.last.map(|id| id.to_string())
}

/// The members of the body of a redrive or a discard.
const KEYS: [&str; 8] = {
    let [resource, class, from, to] = Narrowing::KEYS;
    [
        "instanceId",
        "ids",
        resource,
        class,
        from,
        to,
        "after",
        "limit",
    ]
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
    /// Only those with a higher id: it goes on where a call before has ended.
    after: Option<i64>,
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
        Ok(NotificationFilter {
            above: self.after,
            ..self.narrowing.clone().of(of_caller)
        })
    }
}

/// Reads the body of either.
pub(super) fn parse(body: Option<&Value>, most: u32) -> Result<Wanted, Problems> {
    members(body, &KEYS, |reader| Wanted {
        instance: instance(reader),
        ids: ids(reader),
        narrowing: Narrowing::of_body(reader),
        after: after(reader),
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

/// The id of an event, as a number or a string.
fn id(value: &Value) -> Option<NotificationId> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64().map(NotificationId),
    }
}

fn after(reader: &mut Reader<'_>) -> Option<i64> {
    let value = reader.given("after")?;
    let after = id(value);
    if after.is_none() {
        let got = shown(value);
        reader.refuse(
            "after",
            format!("expected the id of an event, the last of the answer before, got {got}"),
        );
    }
    after.map(|id| id.get())
}

/// Ids of events.
fn ids(reader: &mut Reader<'_>) -> Option<Vec<NotificationId>> {
    let value = reader.given("ids")?;
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
