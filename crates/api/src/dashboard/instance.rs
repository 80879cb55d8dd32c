//! `/instances/{id}`: how it is, what it polls, what it delivers.

use axum::extract::{Path, Query, State};
use chrono::{DateTime, Utc};
use ie_model::{Instance, Poller, PollerStatus, StoredNotification};
use ie_store::{NotificationFilter, Page as Part};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::BASE;
use super::failure::Result;
use super::layout::{Page, csrf};
use super::parts::{self, State as How, badge, count, number, relative, scroll, time, time_or};
use super::session::Session;
use super::{chart, errors, event_rows, health};
use crate::app::App;
use crate::instances;
use crate::routes::budget;
use crate::routes::subject::owned;

/// Events that the page shows.
const LATEST: u32 = 8;

/// What was just done, for a word about it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Done {
    polled: Option<u64>,
}

/// `GET /instances/{id}`.
pub(super) async fn page(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Markup> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    let path = format!("{BASE}/instances/{}", instance.id);
    let charts = format!("/instances/{}", instance.id);
    let status = status(&app, &session, &instance).await?;
    let content = html! {
        @if let Some(polled) = done.polled {
            p.notice.good role="status" {
                @if polled == 0 { "Nothing is due: the resources were polled a moment ago, or are paused." }
                @else { "Polling now: " (count(polled, "resource")) "." }
            }
        }
        div.stack {
            div.stack hx-get={ (path) "/status" } hx-trigger="every 5s" hx-swap="innerHTML" { (status) }
            div.columns {
                div.stack {
                    (chart::card(chart::EVENTS, &charts))
                    (chart::card(chart::LAG, &charts))
                }
                (facts(&app, &instance)?)
            }
        }
    };
    Ok(Page::new(&session, &instance.name)
        .within("/instances")
        .show(&content))
}

/// `GET /instances/{id}/status`: the part of the page that changes by itself.
pub(super) async fn part(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Markup> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    status(&app, &session, &instance).await
}

async fn status(app: &App, session: &Session, instance: &Instance) -> Result<Markup> {
    let now = app.clock.now();
    let pollers = app.store.pollers(instance.id).await?;
    let own: Vec<&Poller> = pollers.iter().collect();
    let budget = budget::of(app, instance).await?;
    let search = NotificationFilter {
        organization: Some(instance.organization),
        instance: Some(instance.id),
        ..NotificationFilter::default()
    };
    let part = Part {
        after: None,
        limit: LATEST,
    };
    let events = app.store.newest_notifications(&search, part).await?;
    let newest = events
        .first()
        .map_or(0, |event| event.notification.id.get());
    let errors = errors::card(app, instance, newest).await?;
    Ok(html! {
        (head(session, instance, &own, now))
        (health::advice(instance, &own, now))
        (tiles(&pollers, &budget))
        (errors)
        (polls(&pollers, now))
        (latest(instance, &events))
    })
}

fn head(session: &Session, instance: &Instance, pollers: &[&Poller], now: DateTime<Utc>) -> Markup {
    let path = format!("{BASE}/instances/{}", instance.id);
    let button = |action: &str, name: &str| {
        html! {
            form method="post" action={ (path) "/" (action) } {
                (csrf(session))
                button type="submit" { (name) }
            }
        }
    };
    html! {
        div.head {
            div {
                p.crumbs { a href={ (BASE) "/instances" } { "Instances" } }
                div.title {
                    h1 { (instance.name) }
                    (badge(health::state(instance, pollers, now)))
                }
                p.muted { "#" (instance.id) @for tag in &instance.tags { " " span.tag { (tag) } } }
            }
            @if session.may_change() {
                div.actions {
                    @if !instance.disabled { (button("poll", "Poll now")) }
                    @if instance.settings.callback_url.is_some() { (button("test", "Send test event")) }
                    @if instance.disabled { (button("resume", "Resume")) } @else { (button("pause", "Pause")) }
                    a.button href={ (path) "/edit" } { "Edit" }
                    a.button href={ (path) "/secrets" } { "Secrets" }
                    a.button.danger href={ (path) "/delete" } { "Delete" }
                }
            }
        }
    }
}

fn tiles(pollers: &[Poller], budget: &Value) -> Markup {
    let last = pollers
        .iter()
        .filter_map(|poller| poller.last_poll_at)
        .max();
    let active = pollers
        .iter()
        .filter(|poller| poller.status == PollerStatus::Active);
    let next = active.map(|poller| poller.due_at).min();
    let used = budget["used"].as_u64().unwrap_or_default();
    let limit = budget["limit"].as_u64();
    let stretched = budget["stretchedBy"]
        .as_f64()
        .filter(|factor| *factor > 1.0);
    html! {
        div.tiles {
            (parts::tile("Last poll", &time_or(last, "not yet"), ""))
            (parts::tile("Next poll", &time_or(next, "paused"), ""))
            (parts::tile("Resources", &html! { (pollers.len()) }, "polled"))
            div.card.tile {
                span.label { "Requests today" }
                span.value {
                    (number(used))
                    @if let Some(limit) = limit { small { " of " (number(limit)) } }
                }
                @if let Some(limit) = limit {
                    meter.meter aria-label="Requests used today" min="0" max=(limit) value=(used) high=(limit / 10 * 9)
                        low=(limit / 10 * 7) optimum="0" {}
                }
                @if let Some(factor) = stretched {
                    span.muted.small { "intervals are stretched " (format!("{factor:.1}")) " times, so that they last" }
                }
            }
        }
    }
}

fn polls(pollers: &[Poller], now: DateTime<Utc>) -> Markup {
    let rows = html! {
        table {
            thead { tr {
                th scope="col" { "Resource" }
                th scope="col" { "State" }
                th scope="col" { "Last poll" }
                th scope="col" { "Next poll" }
                th.wide-only scope="col" { "Read up to" }
                th.wide-only.right scope="col" { "Interval" }
            } }
            tbody { @for poller in pollers { tr {
                td { strong { (poller.resource) } @if !poller.object.eq_ignore_ascii_case(&poller.resource) { span.under { (poller.object) } } }
                td { (badge(standing(poller, now))) @if let Some(error) = &poller.last_error { span.under { (error) } } }
                td { (time_or(poller.last_poll_at, "not yet")) }
                td { @if poller.status == PollerStatus::Active { (relative(poller.due_at)) } @else { span.muted { "paused" } } }
                td.wide-only { (time(poller.cursor)) }
                td.wide-only.right.num.nowrap { (poller.interval_minutes) " min" }
            } } }
        }
    };
    html! {
        section.card aria-labelledby="polls" {
            header { h2 #polls { "What is polled" } p { "“Read up to” is Insightly's time: every change before it has been seen." } }
            (scroll("What is polled", &rows))
        }
    }
}

fn standing(poller: &Poller, now: DateTime<Utc>) -> How {
    if poller.status == PollerStatus::Paused {
        How::new("Paused", "off")
    } else if poller.lease_until.is_some_and(|until| until > now) {
        How::new("Polling", "busy")
    } else if poller.last_error.is_some() {
        How::new("Failing", "warn")
    } else if poller.late(now).is_some() {
        How::new("Late", "warn")
    } else {
        How::new("Waiting", "good")
    }
}

fn latest(instance: &Instance, events: &[StoredNotification]) -> Markup {
    let of = format!("{BASE}/events?instance={}", instance.id);
    html! {
        section.card aria-labelledby="latest" {
            header { h2 #latest { "Latest events" } a href=(of) { "All events of this instance" } }
            @if events.is_empty() {
                (parts::empty("No events yet", &html! {
                    "Change a record in Insightly: it appears here with the next poll. " em { "Poll now" } " does not wait for that."
                }))
            } @else {
                (scroll("Latest events", &event_rows::table(events, &[], false)))
            }
        }
    }
}

fn facts(app: &App, instance: &Instance) -> Result<Markup> {
    let entry = |key: &str| instance.configuration.get(key).and_then(Value::as_str);
    let hint = instances::hint_url(app, instance)?;
    let settings = &instance.settings;
    Ok(html! {
        section.card aria-labelledby="facts" {
            header { h2 #facts { "Configuration" } }
            dl.facts {
                dt { "Callback" } dd { @match &settings.callback_url { Some(url) => code { (url) }, None => span.muted { "none" } } }
                dt { "Interval" } dd.num { (count(settings.refresh_interval.into(), "minute")) }
                dt { "User" } dd { (entry("username").unwrap_or_default()) }
                dt { "Insightly" } dd { code { (settings.base_url) } }
                dt { "Account" } dd { (instance.account) }
                dt { "Created" } dd { (time(instance.created_at)) }
                dt { "Changed" } dd { (time(instance.updated_at)) }
                @if let Some(hint) = hint {
                    dt { "Hint URL" }
                    dd { div.copy { output.line #hint-url { (hint) } button.small type="button" data-copy="hint-url" aria-label="Copy the hint URL" { "Copy" } } }
                }
            }
        }
    })
}
