//! `/dead-letters`: by callback and kind of failure; a second chance, or an end.

use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::{Redirect, Response};
use ie_model::{ErrorClass, Instance, NotificationId, NotificationStatus, StoredNotification};
use ie_store::{DeadLetterGroup, NotificationFilter, Page as Part};
use maud::{Markup, html};
use serde::Deserialize;

use super::BASE;
use super::event_rows::{gist, kind};
use super::failure::{Failure, Result};
use super::guard::Form;
use super::kinds::words;
use super::layout::{Page, csrf};
use super::parts::{count, empty, number, relative, scroll, time};
use super::run::{Act, Run};
use super::session::Session;
use crate::app::App;
use crate::dead_letters::{self, Which};
use crate::error::ApiError;
use crate::routes::export;
use crate::routes::subject::owned;

/// Letters that are grouped at the most.
const GROUPED: u32 = 10_000;
/// Letters on a group's page.
const SIZE: u32 = 100;
/// The class in a path of letters that no attempt failed.
const NO_CLASS: &str = "none";

/// From where a group is shown, and what was just done.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Wanted {
    before: Option<i64>,
    redriven: Option<u64>,
    discarded: Option<u64>,
}

/// `GET /dead-letters`.
pub(super) async fn groups(State(app): State<App>, session: Session) -> Result<Markup> {
    let organization = session.principal.organization;
    let groups = app.store.group_dead_letters(organization, GROUPED).await?;
    let total: u64 = groups.iter().map(|group| group.count).sum();
    let content = html! {
        div.head {
            div {
                h1 { "Dead letters" }
                p.muted { "Events whose every attempt failed. They wait here until somebody decides." }
            }
            @if !groups.is_empty() { div.actions { (export_link(&format!("{BASE}/dead-letters/export"))) } }
        }
        section.card aria-label="Dead letters" {
            @if groups.is_empty() {
                (empty("No dead letters", &html! { "Every event was accepted, or is still being tried. There is nothing to do." }))
            } @else {
                header {
                    h2 { (count(total, "dead letter")) @if total >= u64::from(GROUPED) { " or more" } }
                    p { "by callback and kind of failure" }
                }
                (scroll("Dead letters by callback", &group_table(&groups)))
            }
        }
    };
    Ok(Page::new(&session, "Dead letters")
        .within("/dead-letters")
        .show(&content))
}

fn group_table(groups: &[DeadLetterGroup]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Callback" }
                th scope="col" { "Failure" }
                th.right scope="col" { "Letters" }
                th.wide-only scope="col" { "Oldest" }
                th.wide-only scope="col" { "Newest" }
            } }
            tbody { @for group in groups { tr {
                td {
                    a.strong href=(path(group.instance.get(), group.class)) { (group.name) }
                    @if let Some(url) = &group.callback_url { span.under.mono.clip title=(url) { (url) } }
                }
                td { strong { (words(group.class).0) } @if let Some(error) = &group.error { span.under { (error) } } }
                td.right.num { (number(group.count)) }
                td.wide-only { (relative(group.oldest)) }
                td.wide-only { (relative(group.newest)) }
            } } }
        }
    }
}

/// `GET /dead-letters/{instance}/{class}`.
pub(super) async fn group(
    State(app): State<App>,
    session: Session,
    Path((id, class)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Markup> {
    let (instance, class) = named(&app, &session, &id, &class).await?;
    let part = Part {
        after: wanted.before,
        limit: SIZE + 1,
    };
    let mut letters = app
        .store
        .newest_notifications(&search(&instance, class), part)
        .await?;
    let more = letters.len() > SIZE as usize;
    letters.truncate(SIZE as usize);
    let next = letters
        .last()
        .filter(|_| more)
        .map(|last| last.notification.id);
    let here = path(instance.id.get(), class);
    let (title, advice) = words(class);
    let content = html! {
        div.head {
            (title_of(&instance, title))
            @if !letters.is_empty() { div.actions { (export_link(&format!("{here}/export"))) } }
        }
        div.stack {
            (done(&wanted))
            p.notice { (advice) }
            section.card aria-label="Dead letters" {
                @if letters.is_empty() {
                    (empty("Nothing left here", &html! { "All of them were redriven or discarded. " a href={ (BASE) "/dead-letters" } { "Back to all dead letters" } "." }))
                } @else {
                    (choice(&session, &here, &letters, next))
                }
            }
        }
    };
    Ok(Page::new(&session, title)
        .within("/dead-letters")
        .show(&content))
}

/// What a group is called, and whose callback it is about.
pub(super) fn title_of(instance: &Instance, title: &str) -> Markup {
    html! {
        div {
            p.crumbs { a href={ (BASE) "/dead-letters" } { "Dead letters" } }
            h1 { (title) }
            p.muted { a href={ (BASE) "/instances/" (instance.id) } { (instance.name) } @if let Some(url) = &instance.settings.callback_url { " · " code { (url) } } }
        }
    }
}

fn export_link(path: &str) -> Markup {
    html! { a.button href=(path) download { "Export as JSON lines" } }
}

fn choice(
    session: &Session,
    here: &str,
    letters: &[StoredNotification],
    next: Option<NotificationId>,
) -> Markup {
    html! {
        form method="post" action=(here) data-choices {
            (csrf(session))
            @if session.may_change() {
                header.toolbar {
                    button.primary type="submit" name="do" value="redrive" data-needs-choice { "Redrive selected" }
                    button.danger type="submit" name="do" value="discard" data-needs-choice
                        data-ask="Discard the selected dead letters? They are never delivered." { "Discard selected" }
                    button type="submit" name="do" value="redrive-all" { "Redrive all of this kind" }
                    button.danger type="submit" name="do" value="discard-all"
                        data-ask="Discard all dead letters of this kind? They are never delivered." { "Discard all of this kind" }
                    span.muted data-chosen aria-live="polite" {}
                }
            }
            (scroll("Dead letters", &letter_table(letters)))
            @if let Some(next) = next {
                nav.more aria-label="Pages" { span {} a.button.small href={ (here) "?before=" (next) } rel="next" { "Older letters" } }
            }
        }
    }
}

fn letter_table(letters: &[StoredNotification]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { input type="checkbox" data-every aria-label="Select all on this page"; }
                th scope="col" { "Change" }
                th scope="col" { "Stored" }
                th.wide-only.right scope="col" { "Attempts" }
                th.wide-only scope="col" { "Last error" }
            } }
            tbody { @for letter in letters {
                @let gist = gist(letter);
                @let id = letter.notification.id;
                tr {
                    td { input type="checkbox" name="id" value=(id) aria-label={ "Select event " (id) }; }
                    td {
                        a.strong href={ (BASE) "/events/" (id) } { (gist.name.clone().unwrap_or_else(|| format!("{} {}", letter.notification.resource, gist.object))) }
                        span.under { (kind(&gist.kind)) " " (letter.notification.resource) " " (gist.object) }
                    }
                    td { (time(letter.notification.created_at)) }
                    td.wide-only.right.num { (letter.attempts) }
                    td.wide-only { @if let Some(error) = &letter.last_error { div.clip title=(error) { (error) } } }
                }
            } }
        }
    }
}

fn done(wanted: &Wanted) -> Markup {
    html! {
        @if let Some(redriven) = wanted.redriven {
            p.notice.good role="status" {
                (count(redriven, "dead letter")) " redriven. " a href={ (BASE) "/events" } { "Watch them" } "."
            }
        }
        @if let Some(discarded) = wanted.discarded {
            p.notice role="status" { (count(discarded, "dead letter")) " discarded." }
        }
    }
}

/// `POST /dead-letters/{instance}/{class}`: `do` says what, `id` is each selected one. All of a kind are a [`Run`].
pub(super) async fn act(
    State(app): State<App>,
    session: Session,
    Path((id, class)): Path<(String, String)>,
    form: Form,
) -> Result<Redirect> {
    let (instance, class) = named(&app, &session, &id, &class).await?;
    let here = path(instance.id.get(), class);
    let filter = search(&instance, class);
    let act = match form.text("do") {
        "redrive-all" => {
            let run = Run::begin(&app, Act::Redrive, filter).await?;
            return Ok(Redirect::to(&run.path(&here, &session)));
        }
        "discard-all" => {
            let run = Run::begin(&app, Act::Discard, filter).await?;
            return Ok(Redirect::to(&run.path(&here, &session)));
        }
        act => act.parse::<Act>()?,
    };
    let ids = form.all("id").filter_map(|id| id.parse().ok());
    let ids: Vec<NotificationId> = ids.collect();
    if ids.is_empty() {
        return Err(ApiError::bad_request("select the dead letters first").into());
    }
    let which = Which {
        filter: &filter,
        ids: Some(&ids),
        limit: app.config.redrive_limit,
    };
    let told = match act {
        Act::Redrive => {
            let done = dead_letters::redrive(&app, which).await?;
            format!("redriven={}", done.redriven)
        }
        Act::Discard => {
            let done = dead_letters::discard(&app, which).await?;
            format!("discarded={}", done.discarded)
        }
    };
    Ok(Redirect::to(&format!("{here}?{told}")))
}

/// `GET /dead-letters/export`: all of the organization.
pub(super) async fn export_all(State(app): State<App>, session: Session) -> Result<Response> {
    let filter = NotificationFilter {
        organization: Some(session.principal.organization),
        status: Some(NotificationStatus::Failed),
        ..NotificationFilter::default()
    };
    exported(app, filter).await
}

/// `GET /dead-letters/{instance}/{class}/export`.
pub(super) async fn export_group(
    State(app): State<App>,
    session: Session,
    Path((id, class)): Path<(String, String)>,
) -> Result<Response> {
    let (instance, class) = named(&app, &session, &id, &class).await?;
    exported(app, search(&instance, class)).await
}

async fn exported(app: App, filter: NotificationFilter) -> Result<Response> {
    let mut response = export::lines(app, filter).await?;
    let file = HeaderValue::from_static("attachment; filename=\"dead-letters.jsonl\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, file);
    Ok(response)
}

/// The group that a path names.
pub(super) async fn named(
    app: &App,
    session: &Session,
    id: &str,
    class: &str,
) -> Result<(Instance, Option<ErrorClass>)> {
    let instance = owned(app, session.principal.organization, id).await?;
    let class = match class {
        NO_CLASS => None,
        class => {
            let parsed = class.parse::<ErrorClass>();
            Some(parsed.map_err(|error| Failure::not_found(error.to_string()))?)
        }
    };
    Ok((instance, class))
}

/// What is in a group.
pub(super) fn search(instance: &Instance, class: Option<ErrorClass>) -> NotificationFilter {
    NotificationFilter {
        organization: Some(instance.organization),
        instance: Some(instance.id),
        status: Some(NotificationStatus::Failed),
        error_class: Some(class),
        ..NotificationFilter::default()
    }
}

/// Where a group is shown.
pub(super) fn path(instance: i64, class: Option<ErrorClass>) -> String {
    let class = class.map_or(NO_CLASS, ErrorClass::as_str);
    format!("{BASE}/dead-letters/{instance}/{class}")
}
