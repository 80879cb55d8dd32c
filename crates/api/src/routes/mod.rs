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
use axum::routing::{get, post, put};

use crate::app::App;
use crate::dashboard;
use crate::error::ApiError;
use crate::idempotency;
use crate::observe;
use table::Routes;

/// Where Open Connectors' API begins.
const BASE: &str = "/elements/api-v2";

/// Where hints go: outside of the API, since whoever gives them has no account.
const HINTS: &str = "/events/insightly/{token}";
const HINTS_OF_RESOURCE: &str = "/events/insightly/{token}/{resource}";

/// Every route, inside what surrounds each request.
///
/// Routes without `{id}` are about the instance of the Element token.
pub(crate) fn routes(app: &App) -> Served {
    let Routes { router, paths } = Routes::new()
        .nest(BASE, api(app))
        .route("/", get(dashboard::home))
        .nest(dashboard::BASE, dashboard::routes(app))
        .route(HINTS, post(hints::hint))
        .route(HINTS_OF_RESOURCE, post(hints::hint));
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

/// What is served, and its paths.
pub(crate) struct Served {
    pub(crate) router: axum::Router,
    pub(crate) paths: Vec<String>,
}

/// What is below [`BASE`].
fn api(app: &App) -> Routes {
    let of_element = instances().within(|router| {
        router.layer(middleware::from_fn_with_state(
            app.clone(),
            elements::exists,
        ))
    });
    let of_users = instances()
        .merge(hubs::routes())
        .nest("/elements/{element}", of_element)
        .route("/events/stream", get(stream::stream))
        .route("/ping", get(ping::ping))
        .route("/objects", get(ping::objects))
        .route("/hubs/crm/objects", get(ping::objects))
        .route("/elements", get(elements::list))
        .route("/elements/{element}", get(elements::get))
        .route("/elements/{element}/metadata", get(elements::metadata))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/export", get(export::export))
        .route("/dead-letters/{event_id}", get(dead_letters::get))
        .route("/dead-letters/redrive", post(dead_letters::redrive))
        .route("/dead-letters/discard", post(discard::discard))
        .within(|router| {
            router.route_layer(middleware::from_fn_with_state(
                app.clone(),
                idempotency::pass,
            ))
        });
    of_users
        .merge(admin::routes())
        .route("/authentication", post(authentication::sign_in))
        .route("/authentication/secrets", get(authentication::secrets))
}

/// `/instances…`, which stands under `/elements/{key}` as well.
fn instances() -> Routes {
    let one = get(instances::get)
        .put(instances::put)
        .patch(instances::patch)
        .delete(instances::delete);
    let own = get(instances::list)
        .post(instances::create)
        .put(instances::put)
        .patch(instances::patch)
        .delete(instances::delete);
    let enabled = || put(instances::enable).delete(instances::disable);
    let pollers = || get(instances::poller_records);
    Routes::new()
        .route("/instances", own)
        .route("/instances/{id}", one)
        .route("/instances/enabled", enabled())
        .route("/instances/{id}/enabled", enabled())
        .route("/instances/event-poller-records", pollers())
        .route("/instances/{id}/event-poller-records", pollers())
        .route("/instances/budget", get(budget::get))
        .route("/instances/{id}/budget", get(budget::get))
        .route("/instances/hint/rotate", post(instances::rotate_hint))
        .route("/instances/{id}/hint/rotate", post(instances::rotate_hint))
        .route("/instances/secrets/rotate", post(secrets::rotate))
        .route("/instances/{id}/secrets/rotate", post(secrets::rotate))
        .route("/instances/poll", post(instances::poll))
        .route("/instances/{id}/poll", post(instances::poll))
        .route("/instances/test-event", post(test_event::send))
        .route("/instances/{id}/test-event", post(test_event::send))
        .route("/instances/configuration", get(configuration::list))
        .route("/instances/{id}/configuration", get(configuration::list))
        .route(
            "/instances/configuration/{key}",
            get(configuration::get).patch(configuration::patch),
        )
        .route(
            "/instances/{id}/configuration/{key}",
            get(configuration::get).patch(configuration::patch),
        )
        .route("/instances/events", get(events::list_all))
        .merge(analytics::routes())
        .route("/instances/events/dispositions", get(events::dispositions))
        .route("/instances/events/{event_id}", get(events::get_any))
        .route("/instances/{id}/events", get(events::list))
        .route("/instances/{id}/events/replay", post(replay::replay))
        .route("/instances/{id}/events/{event_id}", get(events::get))
        .route("/instances/quarantine", get(quarantine::list))
        .route("/instances/{id}/quarantine", get(quarantine::list))
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
