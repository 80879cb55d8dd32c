//! The description as JSON, and a page to read and try it. Its parts are compiled in: `assets/VENDORED.md`.

use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};

use super::document;
use crate::error::{ApiError, Result};
use crate::routes::BASE;
use crate::routes::table::Routes;

/// Where the page is.
pub(crate) const PAGE: &str = "/api-docs";

/// Only what this service serves. Icons of Swagger UI stand in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Parts change with the program only.
const KEPT: &str = "public, max-age=3600";

/// Description and page, for everybody: they tell nothing of a tenant.
pub(crate) fn routes() -> Routes {
    let script =
        |text: &'static str| get(async move || part("text/javascript; charset=utf-8", text));
    let style = |text: &'static str| get(async move || part("text/css; charset=utf-8", text));
    Routes::new()
        .route("/openapi.json", get(description))
        .route(&format!("{BASE}/openapi.json"), get(description))
        .route(PAGE, get(page))
        .route(
            "/api-docs/api-docs.js",
            script(include_str!("../../assets/api-docs.js")),
        )
        .route(
            "/api-docs/mark.svg",
            get(async || part("image/svg+xml", include_str!("../../assets/mark.svg"))),
        )
        .route(
            "/api-docs/swagger-ui.js",
            script(include_str!(
                "../../assets/vendor/swagger-ui/swagger-ui-bundle.js"
            )),
        )
        .route(
            "/api-docs/swagger-ui.css",
            style(include_str!(
                "../../assets/vendor/swagger-ui/swagger-ui.css"
            )),
        )
}

async fn description() -> Result<Response> {
    let text = document().map_err(ApiError::internal)?;
    Ok((safe("application/json"), text).into_response())
}

async fn page() -> Response {
    let policy = [(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, KEPT)];
    (policy, markup()).into_response()
}

/// Its addresses are relative, so that it works below a prefix of a proxy.
fn markup() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "API · insightly-events" }
                link rel="icon" href="api-docs/mark.svg" type="image/svg+xml";
                link rel="stylesheet" href="api-docs/swagger-ui.css";
                script src="api-docs/swagger-ui.js" defer {}
                script src="api-docs/api-docs.js" defer {}
            }
            body {
                div #api data-description="openapi.json" {}
                noscript { p { "This page needs JavaScript. " a href="openapi.json" { "The description as JSON" } } }
            }
        }
    }
}

fn part(kind: &'static str, text: &'static str) -> impl IntoResponse {
    (safe(kind), [(CACHE_CONTROL, KEPT)], text)
}

fn safe(kind: &'static str) -> [(HeaderName, &'static str); 3] {
    [
        (CONTENT_TYPE, kind),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
    ]
}
