//! What is said when a page cannot be shown.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::BASE;
use super::layout::{Page, plain};
use super::session::Session;
use crate::error::ApiError;
use crate::observe;

/// Where messages about a part of a page go.
pub(super) const FLASH: &str = "#flash";

/// A page that cannot be shown. The guard renders it, since it knows who looks and with what.
#[derive(Clone, Debug)]
pub(super) struct Failure(Arc<ApiError>);

/// The result of a page.
pub(super) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// There is no such thing, or it is another's.
    pub(super) fn not_found(text: impl Into<String>) -> Self {
        ApiError::not_found(text).into()
    }

    /// For whoever has this session, or none, and sent these headers.
    pub(super) fn render(&self, session: Option<&Session>, headers: &HeaderMap) -> Response {
        let Self(error) = self;
        error.log();
        let mut response = if is_partial(headers) {
            let answer = (error.status(), notice(error)).into_response();
            retargeted(answer, FLASH)
        } else {
            (error.status(), whole(error, session)).into_response()
        };
        response.headers_mut().extend(error.retry_after_header());
        response
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(Arc::new(error))
    }
}

impl From<ie_store::Error> for Failure {
    fn from(error: ie_store::Error) -> Self {
        ApiError::from(error).into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Whether a part of a page asks, which a whole page must not replace.
pub(super) fn is_partial(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request")
}

/// An answer for another place than that which asked.
pub(super) fn retargeted(mut response: Response, target: &'static str) -> Response {
    response.headers_mut().extend([
        (
            HeaderName::from_static("hx-retarget"),
            HeaderValue::from_static(target),
        ),
        (
            HeaderName::from_static("hx-reswap"),
            HeaderValue::from_static("innerHTML"),
        ),
    ]);
    response
}

/// The error on a page of its own.
fn whole(error: &ApiError, session: Option<&Session>) -> Markup {
    let title = match error.status() {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        status if status.is_server_error() => "Something went wrong",
        _ => "That did not work",
    };
    let content = html! {
        div.empty {
            h1 { (title) }
            (notice(error))
            p { a.button href=(BASE) { "Back to the dashboard" } }
        }
    };
    match session {
        Some(session) => Page::new(session, title).show(&content),
        None => plain(title, &content),
    }
}

/// The error where something else stands around it.
pub(super) fn notice(error: &ApiError) -> Markup {
    html! {
        div.notice.bad role="alert" {
            p { (error.message()) }
            @if let Some(said) = error.provider_message() {
                p { "Insightly says: " (said) }
            }
            @if error.status().is_server_error() {
                p.muted { "Request " code { (observe::request_id()) } }
            }
        }
    }
}
