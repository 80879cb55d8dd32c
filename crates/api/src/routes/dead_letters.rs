//! `/dead-letters`: what could not be delivered, and its second chance.

use axum::Json;
use axum::extract::{self, State};
use axum::response::Response;
use ie_model::{InstanceId, NotificationId, NotificationStatus};
use ie_store::NotificationFilter;
use serde_json::{Map, Value, json};

use super::body::OptionalBody;
use super::query::Query;
use super::subject::owned;
use super::{answer, events, paging};
use crate::app::App;
use crate::auth::Caller;
use crate::dead_letters::{Which, redrive as redrive_now};
use crate::draft::{Path, Problems, Reader, shown};
use crate::error::{ApiError, Result};

/// `GET /dead-letters`: `instanceId`, `from`, `to` (exclusive), in pages.
pub(super) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Result<Response> {
    let (from, to) = events::span(&query)?;
    let filter = NotificationFilter {
        from,
        to,
        ..failed_of(&app, &caller, query.get("instanceId")).await?
    };
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

/// `POST /dead-letters/redrive`: `{instanceId?, ids?, limit?}`; without a body, the oldest.
pub(super) async fn redrive(
    State(app): State<App>,
    caller: Caller,
    OptionalBody(body): OptionalBody,
) -> Result<Json<Value>> {
    let wanted = parse(body.as_ref(), app.config.redrive_limit).map_err(ApiError::from)?;
    let filter = failed_of(&app, &caller, wanted.instance.as_deref()).await?;
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
    })))
}

/// What a redrive or a discard is asked to take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Of this instance.
    pub(super) instance: Option<String>,
    /// Only these.
    pub(super) ids: Option<Vec<NotificationId>>,
    /// So many at the most.
    pub(super) limit: u32,
}

/// Reads the body of either.
pub(super) fn parse(body: Option<&Value>, most: u32) -> Result<Wanted, Problems> {
    let mut problems = Problems::default();
    let empty = Map::new();
    let map = match body {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(map)) => map,
        Some(other) => {
            problems.add(
                &Path::root(),
                format!("expected an object, got {}", shown(other)),
            );
            &empty
        }
    };
    let mut reader = Reader::new(map, Path::root(), &mut problems);
    let instance = match reader.given("instanceId") {
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => reader
            .text("instanceId", "the id of an instance")
            .map(str::to_owned),
    };
    let wanted = Wanted {
        instance,
        ids: ids(&mut reader),
        limit: reader
            .whole("limit", 1..=most, "dead letters")
            .unwrap_or(most),
    };
    for key in map.keys() {
        if !["instanceId", "ids", "limit"].contains(&key.as_str()) {
            problems.add(
                &Path::root().key(key),
                "is not known here; expected instanceId, ids or limit",
            );
        }
    }
    if problems.is_empty() {
        Ok(wanted)
    } else {
        Err(problems)
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

/// The dead letters of the caller: its organization's, an instance's, or those of its Element token.
pub(super) async fn failed_of(
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
        from: None,
        to: None,
    })
}
