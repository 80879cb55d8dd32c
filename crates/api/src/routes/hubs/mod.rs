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
use axum::routing::{get, put};
use serde_json::Value;

use self::desk::Desk;
use self::target::{Record, Target, User};
use super::body::Body;
use super::query::Query;
use super::table::Routes;
use crate::app::App;
use crate::error::Result;

/// The hub's routes.
pub(super) fn routes() -> Routes {
    let one = get(one).put(update).patch(update).delete(delete);
    Routes::new()
        .route("/hubs/crm/me", get(me))
        .route("/hubs/crm/{resource}", get(list).post(create))
        .route("/hubs/crm/{resource}/{record}", one)
        .route(
            "/hubs/crm/{resource}/{record}/addresses",
            get(addresses::list).post(addresses::create),
        )
        .route(
            "/hubs/crm/{resource}/{record}/addresses/{address}",
            put(addresses::update)
                .patch(addresses::update)
                .delete(addresses::delete),
        )
}

/// `GET /hubs/crm/{resource}`: a page of its records, or of those that `where` says.
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
    let records: Vec<Value> = records.map(|found| record::shown(&target, found)).collect();
    Ok((headers, Json(records)).into_response())
}

/// `GET /hubs/crm/{resource}/{id}`.
async fn one(State(app): State<App>, Record { target, id }: Record) -> Result<Json<Value>> {
    let desk = Desk::new(&app, &target)?;
    let asked = desk.insightly.get(&target.object.object, &id);
    let found = desk.ask(asked).await?;
    Ok(Json(record::shown(&target, found)))
}

/// `GET /hubs/crm/me`: the user of the instance's key.
async fn me(State(app): State<App>, User(target): User) -> Result<Json<Value>> {
    let desk = Desk::new(&app, &target)?;
    let found = desk.ask(desk.insightly.me()).await?;
    Ok(Json(record::shown(&target, found)))
}

/// `POST /hubs/crm/{resource}`.
async fn create(State(app): State<App>, target: Target, Body(body): Body) -> Result<Json<Value>> {
    let fields = record::to_create(&body)?;
    let desk = Desk::new(&app, &target)?;
    let asked = desk.insightly.create(&target.object.object, &fields);
    let created = desk.ask(asked).await?;
    Ok(Json(record::shown(&target, created)))
}

/// `PUT` and `PATCH /hubs/crm/{resource}/{id}`: both change the fields given and no others, as Insightly's own PUT does.
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

/// `DELETE /hubs/crm/{resource}/{id}`.
async fn delete(State(app): State<App>, Record { target, id }: Record) -> Result<StatusCode> {
    let desk = Desk::new(&app, &target)?;
    let asked = desk.insightly.delete(&target.object.object, &id);
    desk.ask(asked).await?;
    Ok(StatusCode::OK)
}
