//! Signing in and out.

use std::time::Duration;

use axum::extract::{OriginalUri, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use ie_platform::secret::SecretString;
use maud::{Markup, html};
use serde::Deserialize;

use super::BASE;
use super::failure::{self, Failure, Result};
use super::guard;
use super::layout::plain;
use super::session::Session;
use crate::app::App;
use crate::error::ApiError;
use crate::sign_ins::{self, Refused};

/// The path by which one leaves.
pub(super) const OUT: &str = "/sign-out";
/// The same for a name that nobody has and for a wrong password.
const WRONG: &str = "That name and password do not belong together. Check both and try again.";

/// Where one wanted to go.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

/// Sends whoever has no session to sign in first, and then to where it wanted to go.
pub(super) fn first(request: &Request) -> Response {
    // The request's own path lacks what the pages are nested in.
    let original = request.extensions().get::<OriginalUri>();
    let path = original.and_then(|uri| uri.path_and_query());
    let path = path.map_or(BASE, |path| path.as_str());
    let encoded = utf8_percent(path);
    if failure::is_partial(request.headers()) {
        let mut response = StatusCode::UNAUTHORIZED.into_response();
        let to = HeaderValue::from_static("/dashboard/sign-in");
        let name = HeaderName::from_static("hx-redirect");
        response.headers_mut().insert(name, to);
        return response;
    }
    if path == BASE || request.method() != axum::http::Method::GET {
        return Redirect::to(&format!("{BASE}/sign-in")).into_response();
    }
    Redirect::to(&format!("{BASE}/sign-in?next={encoded}")).into_response()
}

/// `GET /sign-in`.
pub(super) async fn page(
    State(app): State<App>,
    Query(query): Query<Next>,
    request: Request,
) -> Response {
    match Session::of(&app, request.headers()).await {
        Ok(Some(_)) => Redirect::to(target(query.next.as_deref())).into_response(),
        Ok(None) => form(query.next.as_deref(), "", None).into_response(),
        Err(error) => Failure::from(error).render(None, request.headers()),
    }
}

/// `POST /sign-in`.
pub(super) async fn sign_in(State(app): State<App>, request: Request) -> Response {
    let headers = request.headers().clone();
    match enter(&app, request).await {
        Ok(response) => response,
        Err(failure) => failure.render(None, &headers),
    }
}

/// `POST /sign-out`.
pub(super) async fn sign_out(State(app): State<App>, session: Session) -> Result<Response> {
    let cookie = session.close(&app).await?;
    tracing::info!(user.name = session.user, "signed out");
    Ok(([cookie], Redirect::to(&format!("{BASE}/sign-in"))).into_response())
}

async fn enter(app: &App, request: Request) -> Result<Response> {
    let (_, sent) = guard::form(app, request).await?;
    let name = sent.text("name").to_owned();
    let next = Some(sent.text("next"));
    // Unlike a name, a password may begin or end with a blank.
    let typed = sent.0.iter().find(|(key, _)| key == "password");
    let typed = typed.map(|(_, value)| SecretString::from(value.as_str()));
    let principal = match sign_ins::sign_in(app, &name, typed.unwrap_or_default()).await {
        Ok(principal) => principal,
        Err(Refused::Wrong) => {
            let page = form(next, &name, Some(WRONG));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
        Err(Refused::TooMany(wait)) => return Ok(too_many(next, &name, wait)),
        Err(Refused::Failed(error)) => return Err(error.into()),
    };
    let cookie = Session::open(app, principal).await?;
    Ok(([cookie], Redirect::to(target(next))).into_response())
}

fn too_many(next: Option<&str>, name: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let text = format!("Too many tries for this name. Wait {seconds} seconds and try again.");
    let retry_after = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "")
        .retry_after(Some(wait))
        .retry_after_header();
    let page = form(next, name, Some(&text));
    let mut response = (StatusCode::TOO_MANY_REQUESTS, page).into_response();
    response.headers_mut().extend(retry_after);
    response
}

fn form(next: Option<&str>, name: &str, problem: Option<&str>) -> Markup {
    plain(
        "Sign in",
        &html! {
            form.card.sign-in method="post" action={ (BASE) "/sign-in" } {
                h1 { "Sign in" }
                @if let Some(problem) = problem {
                    p.notice.bad role="alert" id="problem" { (problem) }
                }
                @if let Some(next) = next {
                    input type="hidden" name="next" value=(next);
                }
                div.field {
                    label for="name" { "User name" }
                    input id="name" name="name" value=(name) autocomplete="username" autocapitalize="none"
                        spellcheck="false" required autofocus[name.is_empty()];
                }
                div.field {
                    label for="password" { "Password" }
                    input id="password" name="password" type="password" autocomplete="current-password" required
                        autofocus[!name.is_empty()] aria-describedby=[problem.map(|_| "problem")];
                }
                button.primary.wide type="submit" { "Sign in" }
                p.muted.small {
                    "The first start shows a name and a password. Others are made with "
                    code { "insightly-events user create" } "."
                }
            }
        },
    )
}

/// Only to a page of ours: whatever else stands there was not written by us.
fn target(next: Option<&str>) -> &str {
    let is_ours = |path: &&str| {
        let below = path.strip_prefix(BASE);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            && path
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    next.filter(is_ours).unwrap_or(BASE)
}

/// A path as the value of a query's parameter.
fn utf8_percent(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        Some("/dashboard/events?status=FAILED"),
        "/dashboard/events?status=FAILED"
    )]
    #[case(Some("/dashboard"), BASE)]
    #[case(Some("https://example.com"), BASE)]
    #[case(Some("//example.com"), BASE)]
    #[case(Some("/dashboardx"), BASE)]
    #[case(Some("/dashboard/\r\nx"), BASE)]
    #[case(None, BASE)]
    fn one_goes_on_to_a_page_of_ours_only(#[case] next: Option<&str>, #[case] to: &str) {
        assert_eq!(target(next), to);
    }

    #[test]
    fn a_path_survives_as_a_parameter() {
        assert_eq!(utf8_percent("/a?b=c&d=é"), "/a%3Fb%3Dc%26d%3D%C3%A9");
    }
}
