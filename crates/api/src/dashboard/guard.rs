//! What stands before every page: a session, and for what changes something its CSRF token and an admin.

use axum::body::{Body, to_bytes};
use axum::extract::{self, FromRequest as _, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::failure::Failure;
use super::session::Session;
use super::sign_in;
use crate::app::App;
use crate::auth;
use crate::error::{ApiError, Result};

/// The field of a form that carries the CSRF token.
pub(super) const CSRF: &str = "csrf";

/// The fields of a form, as sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(pub(super) Vec<(String, String)>);

impl Form {
    /// A field without the blanks around it; empty when it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Every value of a field.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.trim())
    }

    /// Whether a box is ticked.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

impl FromRequestParts<App> for Form {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Lets a request through to its page, and renders what goes wrong there.
pub(super) async fn pass(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let session = match Session::of(&app, &headers).await {
        Ok(Some(session)) => session,
        Ok(None) => return sign_in::first(&request),
        Err(error) => return Failure::from(error).render(None, &headers),
    };
    let mut request = match check(&app, request, &session).await {
        Ok(request) => request,
        Err(error) => return Failure::from(error).render(Some(&session), &headers),
    };
    request.extensions_mut().insert(session.clone());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure.render(Some(&session), &headers),
        None => response,
    }
}

/// What changes something shows the session's token and comes from an admin; everybody may leave.
async fn check(app: &App, request: Request, session: &Session) -> Result<Request> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(request);
    }
    let leaves = request.uri().path().ends_with(sign_in::OUT);
    let (request, form) = form(app, request).await?;
    if !session.admits(form.text(CSRF)) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "the request does not come from a page of this session; go back, load the page again and repeat it",
        ));
    }
    if !session.may_change() && !leaves {
        return Err(auth::read_only());
    }
    Ok(request)
}

/// Reads a form and leaves it with the request.
pub(super) async fn form(app: &App, request: Request) -> Result<(Request, Form)> {
    if is_cross_site(request.headers()) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "the request comes from another site",
        ));
    }
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, app.config.body_limit).await;
    let bytes = bytes.map_err(|error| {
        let text = format!("the form is larger than {} bytes", app.config.body_limit);
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text).because(error)
    })?;
    let copy = Request::from_parts(parts.clone(), Body::from(bytes));
    // What is no form has no fields, and so no token.
    let fields = extract::Form::<Vec<(String, String)>>::from_request(copy, app).await;
    let fields = fields
        .map(|extract::Form(fields)| fields)
        .unwrap_or_default();
    let form = Form(fields);
    let mut request = Request::from_parts(parts, Body::empty());
    request.extensions_mut().insert(form.clone());
    Ok((request, form))
}

/// Browsers say where a request comes from; what says nothing has to show a token all the same.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site == "cross-site" || site == "same-site")
}
