//! What one does to an instance: poll it now, try its callback, pause it, delete it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::BASE;
use super::failure::Result;
use super::layout::{Page, csrf};
use super::parts;
use super::session::Session;
use crate::app::App;
use crate::instances;
use crate::routes::subject::owned;
use crate::routes::test_event;

/// `POST /instances/{id}/poll`.
pub(super) async fn poll(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Redirect> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    let due = instances::poll_now(&app, instance.id, None).await?;
    Ok(Redirect::to(&format!("{BASE}/instances/{id}?polled={due}")))
}

/// `POST /instances/{id}/test`: a sample to the callback, and what it said.
pub(super) async fn test(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Markup> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    let outcome = test_event::try_callback(&app, &instance).await?;
    let title = format!("Test of {}", instance.name);
    let path = format!("{BASE}/instances/{}", instance.id);
    let content = html! {
        div.head {
            div {
                p.crumbs { a href={ (BASE) "/instances" } { "Instances" } " / " a href=(path) { (instance.name) } }
                h1 { "Test event" }
            }
            div.actions { a.button href=(path) { "Back to the instance" } }
        }
        (told(&outcome, true))
    };
    Ok(Page::new(&session, &title)
        .within("/instances")
        .show(&content))
}

/// `POST /instances/{id}/pause`.
pub(super) async fn pause(app: State<App>, session: Session, id: Path<String>) -> Result<Redirect> {
    set_enabled(app, session, id, false).await
}

/// `POST /instances/{id}/resume`.
pub(super) async fn resume(
    app: State<App>,
    session: Session,
    id: Path<String>,
) -> Result<Redirect> {
    set_enabled(app, session, id, true).await
}

/// `GET /instances/{id}/delete`: what deleting means.
pub(super) async fn confirm(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Markup> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    let path = format!("{BASE}/instances/{}", instance.id);
    let content = html! {
        section.card.sign-in aria-labelledby="sure" {
            h1 #sure { "Delete " (instance.name) "?" }
            p { "It is no longer polled, its key is forgotten, and what was not delivered yet will not be. This cannot be undone." }
            form.actions method="post" action={ (path) "/delete" } {
                (csrf(&session))
                button.danger type="submit" { "Delete it" }
                a.button href=(path) { "Keep it" }
            }
        }
    };
    Ok(Page::new(&session, "Delete an instance")
        .within("/instances")
        .show(&content))
}

/// `POST /instances/{id}/delete`.
pub(super) async fn delete(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    instances::delete(&app, instance.id).await?;
    Ok(Redirect::to(&format!("{BASE}/instances")).into_response())
}

async fn set_enabled(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    enabled: bool,
) -> Result<Redirect> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    instances::set_enabled(&app, instance, enabled).await?;
    Ok(Redirect::to(&format!("{BASE}/instances/{id}")))
}

/// What a callback said to a sample; `is_kept` links to the event that the sample is.
pub(super) fn told(outcome: &Value, is_kept: bool) -> Markup {
    let text = |name: &str| outcome[name].as_str().map(str::to_owned);
    html! {
        div.notice.(if outcome["delivered"] == true { "good" } else { "bad" }) {
            p { strong {
                @if outcome["delivered"] == true { "The callback accepted it." }
                @else { "It was not accepted: " (text("error").unwrap_or_default()) }
            } }
            dl.told {
                @if let Some(status) = outcome["statusCode"].as_u64() { dt { "Answer" } dd.num { (status) } }
                @if let Some(ms) = outcome["durationMs"].as_u64() { dt { "Took" } dd.num { (parts::milliseconds(ms)) } }
                @if let Some(id) = text("eventId").filter(|_| is_kept) { dt { "Event" } dd { a href={ (BASE) "/events/" (id) } { (id) } } }
                @if let Some(said) = text("response").filter(|said| !said.is_empty()) { dt { "It said" } dd { code { (said) } } }
            }
        }
    }
}
