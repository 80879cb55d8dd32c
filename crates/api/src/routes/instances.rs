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

/// `POST /instances`.
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

/// `GET /instances`: the organization's, or with an Element token that one.
pub(super) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Result<Response> {
    if let Some(instance) = caller.element {
        let answer = answer::instance(&app, &instance)?;
        return Ok(Json(answer).into_response());
    }
    let page = paging::wanted(&query, &app.config)?;
    let found = matching(&app, caller.principal.organization, &query, page).await?;
    let (instances, headers): (Vec<Instance>, HeaderMap) =
        paging::cut(found, page, |instance| instance.id.get());
    let answers: Result<Vec<Value>> = instances
        .iter()
        .map(|instance| answer::instance(&app, instance))
        .collect();
    Ok((headers, Json(answers?)).into_response())
}

/// `GET /instances/{id}`.
pub(super) async fn get(State(app): State<App>, Subject(instance): Subject) -> Result<Json<Value>> {
    answer::instance(&app, &instance).map(Json)
}

/// `PATCH /instances/{id}`: changes what the body names; `configuration` entry by entry.
pub(super) async fn patch(
    State(app): State<App>,
    Subject(instance): Subject,
    Body(body): Body,
) -> Result<Json<Value>> {
    let stored = instances::patch(&app, instance, &body).await?;
    changed(&app, &stored)
}

/// `PUT /instances/{id}`: the body as a whole takes the place of what was sent before.
pub(super) async fn put(
    State(app): State<App>,
    Subject(instance): Subject,
    Body(body): Body,
) -> Result<Json<Value>> {
    let stored = instances::replace(&app, instance, &body).await?;
    changed(&app, &stored)
}

/// `DELETE /instances/{id}`.
pub(super) async fn delete(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<StatusCode> {
    instances::delete(&app, instance.id).await?;
    Ok(StatusCode::OK)
}

/// `PUT /instances/{id}/enabled`.
pub(super) async fn enable(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<Json<Value>> {
    let instance = instances::set_enabled(&app, instance, true).await?;
    answer::instance(&app, &instance).map(Json)
}

/// `DELETE /instances/{id}/enabled`.
pub(super) async fn disable(
    State(app): State<App>,
    Subject(instance): Subject,
) -> Result<Json<Value>> {
    let instance = instances::set_enabled(&app, instance, false).await?;
    answer::instance(&app, &instance).map(Json)
}

/// `GET /instances/{id}/event-poller-records`.
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

/// `POST /instances/{id}/poll`: its resources, or that of `?resource=`, are polled now instead of at their next due
/// time. A poll under way is followed by one more.
pub(super) async fn poll(
    State(app): State<App>,
    Subject(instance): Subject,
    query: Query,
) -> Result<(StatusCode, Json<Value>)> {
    let due = instances::poll_now(&app, instance.id, query.get("resource")).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "due": due }))))
}

/// `POST /instances/{id}/hint/rotate`: the hint URL so far is void, and this is the new one.
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
