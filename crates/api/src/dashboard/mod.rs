//! The dashboard: pages for people, served beside the API and made from the same functions.
//!
//! A request passes the `guard` (a session, a CSRF token, a role) to its page. Pages are HTML made by `maud`, which
//! escapes every value; what moves on them are forms, htmx and a small script of ours.

mod actions;
mod alerts;
mod assets;
mod chart;
mod create;
mod dead_letters;
mod editor;
mod errors;
mod event;
mod event_rows;
mod events;
mod failure;
mod form;
mod guard;
mod health;
mod instance;
mod instances;
mod json_view;
mod kinds;
mod layout;
mod parts;
mod run;
mod secrets;
mod session;
mod sign_in;
mod system;
mod trial;
mod workers;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{Redirect, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::routes::table::Routes;
use failure::Failure;
pub(crate) use trial::Trials;

/// Where the dashboard begins.
pub(crate) const BASE: &str = "/dashboard";

/// What a page may load and run: only what this service serves, and nothing that stands in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `GET /`.
pub(crate) async fn home() -> Redirect {
    Redirect::to(BASE)
}

/// The pages, below [`BASE`].
pub(crate) fn routes(app: &App) -> Routes {
    let guarded = Routes::new()
        .route("/", get(start))
        .merge(instance_pages())
        .route("/events", get(events::page))
        .route("/events/live", get(events::live))
        .route("/events/{id}", get(event::page))
        .route("/events/{id}/redeliver", post(event::redeliver))
        .merge(dead_letter_pages())
        .route("/system", get(system::page))
        .route("/system/numbers", get(system::part))
        .route("/system/chart", get(chart::events_of_all))
        .route("/system/throughput", get(chart::throughput))
        .route("/system/lag", get(chart::lag_of_all))
        .route("/sign-out", post(sign_in::sign_out))
        .within(|router| {
            router
                .fallback(nothing)
                .layer(middleware::from_fn_with_state(app.clone(), guard::pass))
        });
    Routes::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/assets/{name}", get(assets::get))
        .merge(guarded)
        .within(|router| router.layer(middleware::from_fn(headers)))
}

fn instance_pages() -> Routes {
    Routes::new()
        .route("/instances", get(instances::page).post(create::create))
        .route("/instances/new", get(create::new))
        .route("/instances/check", post(create::check))
        .route("/instances/test-key", post(trial::key))
        .route("/instances/test-callback", post(trial::callback))
        .route("/instances/{id}", get(instance::page))
        .route("/instances/{id}/status", get(instance::part))
        .route("/instances/{id}/chart", get(chart::events_of_instance))
        .route("/instances/{id}/lag", get(chart::lag_of_instance))
        .route("/instances/{id}/edit", get(create::edit).post(create::save))
        .route(
            "/instances/{id}/secrets",
            get(secrets::page).post(secrets::rotate),
        )
        .route("/instances/{id}/poll", post(actions::poll))
        .route("/instances/{id}/test", post(actions::test))
        .route("/instances/{id}/pause", post(actions::pause))
        .route("/instances/{id}/resume", post(actions::resume))
        .route(
            "/instances/{id}/delete",
            get(actions::confirm).post(actions::delete),
        )
}

fn dead_letter_pages() -> Routes {
    Routes::new()
        .route("/dead-letters", get(dead_letters::groups))
        .route("/dead-letters/export", get(dead_letters::export_all))
        .route(
            "/dead-letters/{instance}/{class}",
            get(dead_letters::group).post(dead_letters::act),
        )
        .route(
            "/dead-letters/{instance}/{class}/run",
            get(run::page).post(run::step),
        )
        .route(
            "/dead-letters/{instance}/{class}/export",
            get(dead_letters::export_group),
        )
}

async fn start() -> Redirect {
    Redirect::to("/dashboard/instances")
}

async fn nothing() -> Failure {
    Failure::not_found("there is no such page")
}

/// What browsers are told about every answer.
async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Pages hold a tenant's data; assets say themselves how long they last.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
