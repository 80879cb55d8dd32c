//! `/instances`: creating, finding, changing and deleting connector instances.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use ie_model::{Instance, OrganizationId, Poller, PollerId};
use ie_platform::secret::ExposeSecret as _;
use ie_store::{Page, Walk};
use serde_json::{Value, json};

use super::body::Body;
use super::query::Query;
use super::subject::Subject;
use super::{answer, paging, walks};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::idempotency::{Once, Sealed};
use crate::instances::{self, Stored};
use crate::openapi::examples;
use crate::openapi::parameters::{FindInstances, OfResource, OneInstance, Paging};
use crate::openapi::refusals::{OfChange, OfKeyCheck, OfNames};
use crate::openapi::schemas::{
    self, Due, HintUrl, InstanceChange, NewInstance, OneOrMany, PollerRecord,
};
use crate::openapi::tags;

/// Creates a connector instance.
///
/// The key is checked with Insightly before anything is stored. The answer has the instance's `token` and `id`, and tells
/// `webhookSecret` this once.
#[utoipa::path(
    post, path = "/instances", tag = tags::INSTANCES, operation_id = "createInstance",
    request_body(content = NewInstance, examples(
        ("resources" = (summary = "The connector's way of polling", value = json!(examples::short()))),
        ("insightly-events" = (summary = "The first body of the Insightly Events page", value = json!(examples::seed()))),
    )),
    responses((status = 200, description = "The instance.", body = schemas::Instance), OfKeyCheck, OfNames)
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Once(claim): Once,
    Body(body): Body,
) -> Result<Json<Value>> {
    let prepared = instances::prepare(&app, caller.principal, &body).await?;
    let Json(mut answer) = changed(&app, &prepared.stored)?;
    answer["webhookSecret"] = json!(prepared.webhook_secret.expose_secret());
    let sealed = claim
        .as_ref()
        .map(|claim| Sealed::new(&app, claim, &answer.to_string()));
    let receipt = sealed.as_ref().map(|sealed| sealed.receipt(StatusCode::OK));
    prepared.store(&app, receipt).await?;
    Ok(Json(answer))
}

/// Lists the organization's instances, or with an Element token that one.
#[utoipa::path(
    get, path = "/instances", tag = tags::INSTANCES, operation_id = "listInstances", params(FindInstances, Paging),
    responses((status = 200, description = "A page of instances; with an Element token that instance, not in a list.",
        body = OneOrMany))
)]
pub(super) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Result<Response> {
    let page = paging::wanted(&query, &app.config)?;
    if let Some(instance) = caller.element {
        let answer = answer::instance(&app, &instance)?;
        return Ok(Json(answer).into_response());
    }
    let found = matching(&app, caller.principal.organization, &query, page).await?;
    let (instances, headers): (Vec<Instance>, HeaderMap) =
        paging::cut(found, page, |instance| instance.id.get());
    let answers: Result<Vec<Value>> = instances
        .iter()
        .map(|instance| answer::instance(&app, instance))
        .collect();
    Ok((headers, Json(answers?)).into_response())
}

/// Shows an instance.
#[utoipa::path(
    get, path = "/instances/{id}", tag = tags::INSTANCES, operation_id = "getInstance", params(OneInstance),
    responses((status = 200, description = "The instance.", body = schemas::Instance))
)]
pub(super) async fn get(State(app): State<App>, Subject(instance): Subject) -> Result<Json<Value>> {
    answer::instance(&app, &instance).map(Json)
}

/// Changes what the body names of an instance.
///
/// `configuration` is changed entry by entry.
#[utoipa::path(
    patch, path = "/instances/{id}", tag = tags::INSTANCES, operation_id = "changeInstance", params(OneInstance),
    request_body = InstanceChange,
    responses((status = 200, description = "The instance.", body = schemas::Instance), OfKeyCheck, OfNames, OfChange)
)]
pub(super) async fn patch(
    State(app): State<App>,
    Subject(instance): Subject,
    Body(body): Body,
) -> Result<Json<Value>> {
    let stored = instances::patch(&app, instance, &body).await?;
    changed(&app, &stored)
}

/// Replaces an instance.
///
/// The body as a whole takes the place of what was sent before; stars keep a secret.
#[utoipa::path(
    put, path = "/instances/{id}", tag = tags::INSTANCES, operation_id = "replaceInstance", params(OneInstance),
    request_body = NewInstance,
    responses((status = 200, description = "The instance.", body = schemas::Instance), OfKeyCheck, OfNames, OfChange)
)]
pub(super) async fn put(
    State(app): State<App>,
    Subject(instance): Subject,
    Body(body): Body,
) -> Result<Json<Value>> {
    let stored = instances::replace(&app, instance, &body).await?;
    changed(&app, &stored)
}

/// Deletes an instance.
#[utoipa::path(
    delete, path = "/instances/{id}", tag = tags::INSTANCES, operation_id = "deleteInstance", params(OneInstance),
    responses((status = 200, description = "It is deleted."))
)]
pub(super) async fn delete(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<StatusCode> {
    instances::delete(&app, instance.id).await?;
    Ok(StatusCode::OK)
}

/// Turns an instance on.
#[utoipa::path(
    put, path = "/instances/{id}/enabled", tag = tags::INSTANCES, operation_id = "enableInstance", params(OneInstance),
    responses((status = 200, description = "The instance.", body = schemas::Instance), OfChange)
)]
pub(super) async fn enable(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<Json<Value>> {
    let instance = instances::set_enabled(&app, instance, true).await?;
    answer::instance(&app, &instance).map(Json)
}

/// Turns an instance off.
///
/// It is neither polled nor notified until it is turned on.
#[utoipa::path(
    delete, path = "/instances/{id}/enabled", tag = tags::INSTANCES, operation_id = "disableInstance",
    params(OneInstance),
    responses((status = 200, description = "The instance.", body = schemas::Instance), OfChange)
)]
pub(super) async fn disable(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<Json<Value>> {
    let instance = instances::set_enabled(&app, instance, false).await?;
    answer::instance(&app, &instance).map(Json)
}

/// Shows how the polls of an instance stand, one record for each resource.
#[utoipa::path(
    get, path = "/instances/{id}/event-poller-records", tag = tags::INSTANCES, operation_id = "listPollerRecords",
    params(OneInstance),
    responses((status = 200, description = "A record for each resource that is polled.", body = Vec<PollerRecord>))
)]
pub(super) async fn poller_records(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<Json<Vec<Value>>> {
    let pollers = app.store.pollers(instance.id).await?;
    let now = app.clock.now();
    let ids: Vec<PollerId> = pollers.iter().map(|poller| poller.id).collect();
    let walks = app.store.walks(&ids).await?;
    let record = |poller: &Poller| {
        let mut record = answer::poller_record(poller, now);
        let own = walks.iter().filter(|(of, _)| *of == poller.id);
        let own: Vec<&Walk> = own.map(|(_, walk)| walk).collect();
        walks::tell(&mut record, poller, &own, &instance.settings);
        record
    };
    Ok(Json(pollers.iter().map(record).collect()))
}

/// Polls an instance's resources now instead of at their next due time.
///
/// A poll under way is followed by one more.
#[utoipa::path(
    post, path = "/instances/{id}/poll", tag = tags::INSTANCES, operation_id = "pollInstance",
    params(OneInstance, OfResource),
    responses((status = 202, description = "They are due.", body = Due))
)]
pub(super) async fn poll(
    State(app): State<App>,
    Subject(instance): Subject,
    query: Query,
) -> Result<(StatusCode, Json<Value>)> {
    let due = instances::poll_now(&app, instance.id, query.get("resource")).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "due": due }))))
}

/// Gives an instance another hint URL.
///
/// The one so far is void.
#[utoipa::path(
    post, path = "/instances/{id}/hint/rotate", tag = tags::INSTANCES, operation_id = "rotateHintUrl",
    params(OneInstance),
    responses((status = 200, description = "The hint URL from this time on.", body = HintUrl), OfChange)
)]
pub(super) async fn rotate_hint(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<Json<Value>> {
    let instance = instances::rotate_hint(&app, instance).await?;
    let url = instances::hint_url(&app, &instance)?;
    Ok(Json(json!({ "hintUrl": url })))
}

fn changed(app: &App, stored: &Stored) -> Result<Json<Value>> {
    let mut answer = answer::instance(app, &stored.instance)?;
    answer["warnings"] = json!(stored.warnings);
    Ok(Json(answer))
}

/// The page's instances and one more, if there is one: those with all the tags and the text in their name.
async fn matching(
    app: &App,
    organization: OrganizationId,
    query: &Query,
    page: Page,
) -> Result<Vec<Instance>> {
    let tags: Vec<&str> = query.all("tags[]").chain(query.all("tags")).collect();
    let search = query.get("search").map(str::to_lowercase);
    let matches = |instance: &Instance| {
        let named = search
            .as_ref()
            .is_none_or(|text| instance.name.to_lowercase().contains(text));
        named
            && tags
                .iter()
                .all(|tag| instance.tags.iter().any(|own| own == tag))
    };
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let mut rest = paging::one_more(page);
    loop {
        let read = app.store.instances(organization, rest).await?;
        let last = read.last().map(|instance| instance.id.get());
        let complete = read.len() < usize::try_from(rest.limit).unwrap_or(usize::MAX);
        found.extend(read.into_iter().filter(&matches));
        if complete || found.len() > wanted {
            return Ok(found);
        }
        rest.after = last;
    }
}
