//! `/events/{id}`: what it says, what it changed, how its delivery went.

use axum::extract::{Path, Query, State};
use axum::response::Redirect;
use ie_model::{Attempt, NotificationId, NotificationStatus, StoredNotification, told};
use ie_store::NotificationFilter;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::BASE;
use super::event_rows::{gist, kind};
use super::failure::{Failure, Result};
use super::json_view;
use super::layout::{Page, csrf};
use super::parts::{badge, count, milliseconds, number, relative, scroll, standing, time};
use super::session::Session;
use crate::app::App;
use crate::dead_letters::{self, Which};
use crate::routes::replay;

/// What was just done, for a word about it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Done {
    sent: Option<bool>,
}

/// `GET /events/{id}`.
pub(super) async fn page(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Markup> {
    let stored = owned(&app, &session, &id).await?;
    let attempts = app.store.attempts(&[stored.notification.id]).await?;
    let names = app
        .store
        .instance_names(&[stored.notification.instance])
        .await?;
    let name = names
        .first()
        .map(|(_, name)| name.as_str())
        .unwrap_or_default();
    let body: Value = serde_json::from_str(stored.notification.body.get()).unwrap_or_default();
    let content = html! {
        (head(&session, &stored))
        @match done.sent {
            Some(true) => p.notice.good role="status" { "It is sent again. The attempt appears below once it was made." },
            Some(false) => p.notice.warn role="status" { "It is under way already, so nothing was sent." },
            None => {},
        }
        div.columns {
            div.stack {
                (changes(&body))
                section.card aria-labelledby="payload" {
                    header { h2 #payload { "Payload" } p { "as it is posted, " (count(body_size(&stored), "byte")) } }
                    (json_view::show(&body, stored.notification.body.get()))
                }
            }
            div.stack {
                (facts(&app, &stored, name))
                section.card aria-labelledby="attempts" {
                    header { h2 #attempts { "Delivery" } }
                    (timeline(&stored, &attempts))
                }
            }
        }
    };
    let title = format!("Event {id}");
    Ok(Page::new(&session, &title).within("/events").show(&content))
}

/// `POST /events/{id}/redeliver`: a dead letter gets its second chance, what was accepted is replayed.
pub(super) async fn redeliver(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Redirect> {
    let stored = owned(&app, &session, &id).await?;
    let sent = match stored.status {
        NotificationStatus::Failed => {
            let which = Which {
                filter: &own(&session),
                ids: Some(&[stored.notification.id]),
                limit: 1,
            };
            dead_letters::redrive(&app, which).await?.redriven > 0
        }
        _ => replay::one(&app, &stored).await?,
    };
    Ok(Redirect::to(&format!("{BASE}/events/{id}?sent={sent}")))
}

fn own(session: &Session) -> NotificationFilter {
    NotificationFilter {
        organization: Some(session.principal.organization),
        ..NotificationFilter::default()
    }
}

async fn owned(app: &App, session: &Session, id: &str) -> Result<StoredNotification> {
    let found = match id.parse::<NotificationId>() {
        Ok(id) => app.store.matching(id, &own(session)).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        Failure::not_found(format!(
            "there is no event {id:?}; it may have been forgotten by now"
        ))
    })
}

fn head(session: &Session, stored: &StoredNotification) -> Markup {
    let gist = gist(stored);
    let id = stored.notification.id;
    html! {
        div.head {
            div {
                p.crumbs { a href={ (BASE) "/events" } { "Events" } }
                div.title {
                    h1 { (gist.name.unwrap_or_else(|| format!("{} {}", stored.notification.resource, gist.object))) }
                    (badge(standing(stored.status)))
                }
                p.muted { (kind(&gist.kind)) " " (stored.notification.resource) " " (gist.object) @if gist.more > 0 { " and " (gist.more) " more" } }
            }
            @if session.may_change() && stored.status.is_final() && stored.status != NotificationStatus::Discarded {
                div.actions {
                    form method="post" action={ (BASE) "/events/" (id) "/redeliver" } {
                        (csrf(session))
                        button.primary type="submit" { "Redeliver" }
                    }
                }
            }
        }
    }
}

fn facts(app: &App, stored: &StoredNotification, name: &str) -> Markup {
    let instance = stored.notification.instance;
    let trace = stored
        .traceparent
        .as_deref()
        .and_then(|parent| parent.split('-').nth(1));
    html! {
        section.card aria-labelledby="facts" {
            header { h2 #facts { "Event" } }
            dl.facts {
                dt { "Id" } dd.mono { (stored.notification.id) }
                dt { "Instance" } dd { a href={ (BASE) "/instances/" (instance) } { (name) } " " span.muted { "#" (instance) } }
                dt { "Stored" } dd { (time(stored.notification.created_at)) }
                dt { "Format" } dd { code { (stored.notification.media_type.as_str()) } }
                dt { "Purpose" } dd { (stored.notification.purpose.as_str()) }
                @if let Some(trace) = trace {
                    dt { "Trace" }
                    dd {
                        @if app.config.trace_url.is_empty() { code { (trace) } }
                        @else { a.mono href={ (app.config.trace_url) (trace) } rel="noreferrer" { (trace) } }
                    }
                }
            }
        }
    }
}

/// What each update changed, as the event says.
fn changes(body: &Value) -> Markup {
    let told = told::events(body);
    let diffs: Vec<(&told::Told, &serde_json::Map<String, Value>)> = told
        .iter()
        .filter_map(|told| Some((told, told.event["changes"].as_object()?)))
        .filter(|(_, changes)| !changes.is_empty())
        .collect();
    html! {
        @for (told, changes) in diffs {
            @let object = told.event["objectId"].as_str().unwrap_or_default();
            section.card aria-label={ "Changes of " (object) } {
                header { h2 { "Changes" } p { (told.event["objectType"].as_str().unwrap_or_default()) " " (object) } }
                (scroll("Changes", &diff(changes)))
            }
        }
    }
}

fn diff(changes: &serde_json::Map<String, Value>) -> Markup {
    html! {
        table.diff {
            thead { tr { th scope="col" { "Field" } th scope="col" { "Before" } th scope="col" { "After" } } }
            tbody { @for (field, change) in changes { tr {
                td { (field) }
                td.from { (plain(&change["from"])) }
                td.to { (plain(&change["to"])) }
            } } }
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What happened, the newest first.
fn timeline(stored: &StoredNotification, attempts: &[Attempt]) -> Markup {
    html! {
        ol.timeline reversed {
            @if let Some(due) = stored.due_at.filter(|_| stored.status == NotificationStatus::Dispatched) {
                li.busy { div.when { strong { "Next attempt" } (relative(due)) } }
            }
            @if stored.status == NotificationStatus::Failed {
                li.bad { div.when { strong { "Dead letter" } span.muted { "no further attempt by itself" } } }
            }
            @for attempt in attempts.iter().rev() { (tried(attempt)) }
            li { div.when { strong { "Stored" } (time(stored.notification.created_at)) } }
        }
    }
}

fn tried(attempt: &Attempt) -> Markup {
    let accepted = attempt.error.is_none();
    let headers: Option<serde_json::Map<String, Value>> = attempt
        .headers
        .as_deref()
        .and_then(|headers| serde_json::from_str(headers).ok());
    html! {
        li.(if accepted { "good" } else { "bad" }) {
            div.when {
                strong { "Attempt " (number(attempt.number.into())) }
                (time(attempt.at))
                span.muted.num { (milliseconds(attempt.duration_ms)) }
            }
            div {
                @if let Some(status) = attempt.status_code { span.tag.num { (status) } " " }
                @match &attempt.error {
                    None => "accepted",
                    Some(error) => (error),
                }
            }
            @if let Some(response) = attempt.response.as_ref().filter(|text| !text.is_empty()) {
                pre aria-label="The callback's answer" tabindex="0" { (response) }
            }
            @if let Some(headers) = headers.filter(|headers| !headers.is_empty()) {
                details.small {
                    summary { "Headers of the answer" }
                    pre tabindex="0" { @for (name, value) in &headers { (name) ": " (plain(value)) "\n" } }
                }
            }
        }
    }
}

fn body_size(stored: &StoredNotification) -> u64 {
    u64::try_from(stored.notification.body.get().len()).unwrap_or(u64::MAX)
}
