//! The list of routes.

mod admin;
mod analytics;
pub(crate) mod answer;
mod authentication;
pub(crate) mod body;
pub(crate) mod budget;
mod configuration;
mod dead_letters;
mod discard;
mod elements;
mod events;
pub(crate) mod export;
mod hints;
mod hubs;
mod instances;
mod narrowing;
mod paging;
mod ping;
mod quarantine;
mod query;
pub(crate) mod replay;
mod secrets;
pub(crate) mod stream;
pub(crate) mod subject;
pub(crate) mod table;
pub(crate) mod test_event;
mod walks;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::get;
use utoipa_axum::routes;

use crate::app::App;
use crate::dashboard;
use crate::error::ApiError;
use crate::idempotency;
use crate::observe;
use crate::openapi::described::Described;
use crate::openapi::page;
use table::Routes;

/// Where Open Connectors' API begins.
pub(crate) const BASE: &str = "/elements/api-v2";

/// What is served, and its paths.
pub(crate) struct Served {
    pub(crate) router: axum::Router,
    pub(crate) paths: Vec<String>,
}

/// Every route, inside what surrounds each request.
pub(crate) fn routes(app: &App) -> Served {
    let once = middleware::from_fn_with_state(app.clone(), idempotency::pass);
    let Routes { router, paths } = Routes::described(around(of_users().layer(once)))
        .merge(page::routes())
        .route("/", get(dashboard::home))
        .nest(dashboard::BASE, dashboard::routes(app));
    let router = router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn(subject::readable))
        .layer(DefaultBodyLimit::max(app.config.body_limit))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            observe::request,
        ))
        .with_state(app.clone());
    Served { router, paths }
}

/// The API's routes with their descriptions.
pub(crate) fn described() -> Described {
    around(of_users())
}

/// With what is not for users. Hints stand outside of [`BASE`], since whoever gives them has no account.
fn around(of_users: Described) -> Described {
    let api = of_users
        .merge(admin::routes())
        .with(routes!(authentication::sign_in))
        .with(routes!(authentication::secrets));
    Described::new()
        .nest(BASE, api)
        .with(routes!(hints::hint))
        .with(routes!(hints::hint_of_resource))
}

/// What users ask for.
fn of_users() -> Described {
    let of_element = instances()
        .into_synonyms()
        .layer(middleware::from_fn(elements::exists));
    Described::new()
        .merge(instances())
        .merge(hubs::routes())
        .at("/hubs/crm/objects", "OfHub", routes!(ping::objects))
        .with(routes!(ping::objects))
        .with(routes!(ping::ping))
        .with(routes!(stream::stream))
        .with(routes!(elements::list))
        .with(routes!(elements::get))
        .with(routes!(elements::metadata))
        .with(routes!(dead_letters::list))
        .with(routes!(dead_letters::get))
        .with(routes!(export::export))
        .with(routes!(dead_letters::redrive))
        .with(routes!(discard::discard))
        .nest("/elements/{element}", of_element)
}

/// `/instances…`, which stands under `/elements/{element}` as well.
///
/// What is about one instance stands without `{id}` as well, for the instance of the Element token.
fn instances() -> Described {
    Described::new()
        .with(routes!(instances::list, instances::create))
        .with(routes!(instances::get))
        .of_instance(routes!(instances::put, instances::patch, instances::delete))
        .of_instance(routes!(instances::enable, instances::disable))
        .of_instance(routes!(instances::poller_records))
        .of_instance(routes!(instances::poll))
        .of_instance(routes!(test_event::send))
        .of_instance(routes!(configuration::list))
        .of_instance(routes!(configuration::get, configuration::patch))
        .of_instance(routes!(secrets::rotate))
        .of_instance(routes!(instances::rotate_hint))
        .of_instance(routes!(budget::get))
        .of_instance(routes!(quarantine::list))
        .merge(analytics::routes())
        .with(routes!(events::list_all))
        .with(routes!(events::dispositions))
        .with(routes!(events::get_any))
        .with(routes!(events::list))
        .with(routes!(events::get))
        .with(routes!(replay::replay))
}

async fn no_route(request: Request) -> ApiError {
    let path = request.uri().path();
    ApiError::not_found(format!("there is nothing at {path}; the API is at {BASE}"))
}

async fn no_method(request: Request) -> ApiError {
    let (method, path) = (request.method(), request.uri().path());
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{path} does not offer {method}"),
    )
}
