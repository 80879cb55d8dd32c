//! `/hubs/crm/…`: Insightly's records under Open Connectors' names, for the instance of the Element token.
//!
//! `target` finds the object by its name, `search` reads `where`, `pages` the place; `desk` asks Insightly within the
//! account's budget, `refusals` says what its refusals mean, `record` makes the records look as clients expect, and
//! `addresses` are parts of them.

mod addresses;
mod desk;
mod pages;
mod record;
mod refusals;
mod search;
mod target;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use utoipa_axum::routes;

use self::desk::Desk;
use self::target::{Record, Target, User};
use super::body::Body;
use super::query::Query;
use crate::app::App;
use crate::error::Result;
use crate::openapi::described::Described;
use crate::openapi::parameters::{HubRecord, HubResource, HubSearch};
use crate::openapi::refusals::OfInsightly;
use crate::openapi::{schemas, tags};

/// The hub's routes.
pub(super) fn routes() -> Described {
    Described::new()
        .with(routes!(me))
        .with(routes!(list, create))
        .with(routes!(one, replace, update, delete))
        .with(routes!(addresses::list, addresses::create))
        .with(routes!(
            addresses::replace,
            addresses::update,
            addresses::delete
        ))
}

/// Lists a page of the records of a resource, or of those that `where` says.
#[utoipa::path(
    get, path = "/hubs/crm/{resource}", tag = tags::HUB, operation_id = "listRecords",
    params(HubResource, HubSearch),
    responses((status = 200, description = "A page of records.", body = Vec<schemas::Record>), OfInsightly)
)]
async fn list(State(app): State<App>, target: Target, query: Query) -> Result<Response> {
    let place = pages::place(&query, &app.config)?;
    let search = search::read(&target.object, query.get("where"), place)?;
    let desk = Desk::new(&app, &target)?;
    let object = &target.object.object;
    let conditions = search.updated_after.is_some() || search.equals.is_some();
    let page = if conditions {
        desk.ask(desk.insightly.search(object, &search)).await?
    } else {
        desk.ask(desk.insightly.list(object, &search)).await?
    };
    let headers = pages::next(place, page.records.len(), page.total);
    let records = page.records.into_iter();
    let records: Vec<Value> = records
        .map(|found| record::shown(&target, found.value()))
        .collect();
    Ok((headers, Json(records)).into_response())
}

/// Shows a record.
#[utoipa::path(
    get, path = "/hubs/crm/{resource}/{record}", tag = tags::HUB, operation_id = "getRecord",
    params(HubResource, HubRecord),
    responses((status = 200, description = "The record.", body = schemas::Record), OfInsightly)
)]
async fn one(State(app): State<App>, Record { target, id }: Record) -> Result<Json<Value>> {
    let desk = Desk::new(&app, &target)?;
    let asked = desk.insightly.get(&target.object.object, &id);
    let found = desk.ask(asked).await?;
    Ok(Json(record::shown(&target, found)))
}

/// Shows the user of the instance's key.
#[utoipa::path(
    get, path = "/hubs/crm/me", tag = tags::HUB, operation_id = "getMe",
    responses((status = 200, description = "The user.", body = schemas::Record), OfInsightly)
)]
async fn me(State(app): State<App>, User(target): User) -> Result<Json<Value>> {
    let desk = Desk::new(&app, &target)?;
    let found = desk.ask(desk.insightly.me()).await?;
    Ok(Json(record::shown(&target, found)))
}

/// Creates a record of the fields in the body.
#[utoipa::path(
    post, path = "/hubs/crm/{resource}", tag = tags::HUB, operation_id = "createRecord",
    params(HubResource), request_body = schemas::Record,
    responses((status = 200, description = "The record.", body = schemas::Record), OfInsightly)
)]
async fn create(State(app): State<App>, target: Target, Body(body): Body) -> Result<Json<Value>> {
    let fields = record::to_create(&body)?;
    let desk = Desk::new(&app, &target)?;
    let asked = desk.insightly.create(&target.object.object, &fields);
    let created = desk.ask(asked).await?;
    Ok(Json(record::shown(&target, created)))
}

/// Changes the fields in the body of a record, and no others.
#[utoipa::path(
    patch, path = "/hubs/crm/{resource}/{record}", tag = tags::HUB, operation_id = "changeRecord",
    params(HubResource, HubRecord), request_body = schemas::Record,
    responses((status = 200, description = "The record.", body = schemas::Record), OfInsightly)
)]
async fn update(
    State(app): State<App>,
    Record { target, id }: Record,
    Body(body): Body,
) -> Result<Json<Value>> {
    let fields = record::to_update(&target.object, &id, &body)?;
    let desk = Desk::new(&app, &target)?;
    let asked = desk.insightly.update(&target.object.object, &fields);
    let updated = desk.ask(asked).await?;
    Ok(Json(record::shown(&target, updated)))
}

/// Changes the fields in the body of a record, and no others, as Insightly's own PUT does.
#[utoipa::path(
    put, path = "/hubs/crm/{resource}/{record}", tag = tags::HUB, operation_id = "replaceRecord",
    params(HubResource, HubRecord), request_body = schemas::Record,
    responses((status = 200, description = "The record.", body = schemas::Record), OfInsightly)
)]
async fn replace(app: State<App>, record: Record, body: Body) -> Result<Json<Value>> {
    update(app, record, body).await
}

/// Deletes a record.
#[utoipa::path(
    delete, path = "/hubs/crm/{resource}/{record}", tag = tags::HUB, operation_id = "deleteRecord",
    params(HubResource, HubRecord),
    responses((status = 200, description = "It is deleted."), OfInsightly)
)]
async fn delete(State(app): State<App>, Record { target, id }: Record) -> Result<StatusCode> {
    let desk = Desk::new(&app, &target)?;
    let asked = desk.insightly.delete(&target.object.object, &id);
    desk.ask(asked).await?;
    Ok(StatusCode::OK)
}
