//! `/instances`: all of them, a page at a time.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use ie_model::{Instance, InstanceId, Poller};
use ie_store::{Condition, InstanceCounts, InstanceSearch, Page as Part};
use maud::{Markup, html};
use serde::Deserialize;

use super::BASE;
use super::failure::{Result, is_partial};
use super::health;
use super::layout::Page;
use super::parts::{self, badge, empty, number, scroll, time_or};
use super::session::Session;
use crate::app::App;

/// Instances on a page.
const SIZE: u32 = 50;

/// What is looked for, and from where.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    search: String,
    #[serde(default)]
    state: String,
    after: Option<i64>,
}

/// `GET /instances`; for htmx only the list.
pub(super) async fn page(
    State(app): State<App>,
    session: Session,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response> {
    let list = list(&app, &session, &wanted).await?;
    if is_partial(&headers) {
        return Ok(list.into_response());
    }
    let counts = app
        .store
        .count_instances(session.principal.organization)
        .await?;
    let content = html! {
        div.head {
            div {
                h1 { "Instances" }
                p.muted { "Each watches one Insightly account and calls one callback." }
            }
            @if session.may_change() {
                div.actions { a.button.primary href={ (BASE) "/instances/new" } { "Create instance" } }
            }
        }
        section.card aria-label="Instances" {
            (toolbar(&wanted, counts))
            div #list aria-live="polite" { (list) }
        }
    };
    let page = Page::new(&session, "Instances").within("/instances");
    Ok(page.show(&content).into_response())
}

fn toolbar(wanted: &Wanted, counts: InstanceCounts) -> Markup {
    let tabs = [
        ("", "All", counts.all),
        ("refused", "Key refused", counts.refused),
        ("failing", "Callback failing", counts.failing),
        ("paused", "Paused", counts.paused),
    ];
    html! {
        form.toolbar role="search" method="get" action={ (BASE) "/instances" }
            hx-get={ (BASE) "/instances" } hx-target="#list" hx-trigger="input changed delay:300ms, submit"
            hx-replace-url="true" {
            div.field.grow {
                label.hidden-label for="search" { "Search by name or tag" }
                input id="search" name="search" type="search" value=(wanted.search) placeholder="Search by name or tag"
                    autocomplete="off";
            }
            @if !wanted.state.is_empty() { input type="hidden" name="state" value=(wanted.state); }
            nav.tabs aria-label="State" {
                @for (state, name, count) in tabs {
                    a href={ (BASE) "/instances?state=" (state) }
                        aria-current=[(wanted.state == state).then_some("true")] {
                        (name) span.count { (number(count)) }
                    }
                }
            }
        }
    }
}

async fn list(app: &App, session: &Session, wanted: &Wanted) -> Result<Markup> {
    let text = wanted.search.trim();
    let search = InstanceSearch {
        text: (!text.is_empty()).then(|| text.to_owned()),
        condition: match wanted.state.as_str() {
            "refused" => Some(Condition::Refused),
            "failing" => Some(Condition::Failing),
            "paused" => Some(Condition::Paused),
            _ => None,
        },
    };
    let part = Part {
        after: wanted.after,
        limit: SIZE + 1,
    };
    let organization = session.principal.organization;
    let mut found = app
        .store
        .find_instances(organization, &search, part)
        .await?;
    let more = found.len() > SIZE as usize;
    found.truncate(SIZE as usize);
    let ids: Vec<InstanceId> = found.iter().map(|instance| instance.id).collect();
    let pollers = app.store.pollers_of(&ids).await?;
    if found.is_empty() {
        return Ok(nothing(session, search != InstanceSearch::default()));
    }
    let next = found.last().filter(|_| more).map(|last| {
        let search: String = reqwest::Url::parse_with_params(
            "http://x/",
            [
                ("search", text),
                ("state", &wanted.state),
                ("after", &last.id.to_string()),
            ],
        )
        .ok()
        .and_then(|url| url.query().map(str::to_owned))
        .unwrap_or_default();
        format!("{BASE}/instances?{search}")
    });
    Ok(html! {
        (table(&found, &pollers, app.clock.now()))
        @if next.is_some() || wanted.after.is_some() {
            nav.more aria-label="Pages" {
                @if wanted.after.is_some() { a href={ (BASE) "/instances" } { "Back to the newest" } } @else { span {} }
                @if let Some(next) = next { a.button.small href=(next) rel="next" { "Older instances" } }
            }
        }
    })
}

fn table(instances: &[Instance], pollers: &[Poller], now: DateTime<Utc>) -> Markup {
    let rows = html! {
        table {
            thead { tr {
                th scope="col" { "Instance" }
                th scope="col" { "State" }
                th.wide-only scope="col" { "Resources" }
                th.wide-only.right scope="col" { "Interval" }
                th scope="col" { "Last poll" }
                th.wide-only scope="col" { "Callback" }
            } }
            tbody {
                @for instance in instances {
                    @let own: Vec<&Poller> = pollers.iter().filter(|poller| poller.instance == instance.id).collect();
                    (row(instance, &own, now))
                }
            }
        }
    };
    scroll("Instances", &rows)
}

fn row(instance: &Instance, pollers: &[&Poller], now: DateTime<Utc>) -> Markup {
    let resources: Vec<&str> = pollers
        .iter()
        .map(|poller| poller.resource.as_str())
        .collect();
    let last = pollers
        .iter()
        .filter_map(|poller| poller.last_poll_at)
        .max();
    html! {
        tr {
            td {
                a.strong href={ (BASE) "/instances/" (instance.id) } { (instance.name) }
                span.under {
                    "#" (instance.id)
                    @for tag in &instance.tags { " " span.tag { (tag) } }
                }
            }
            td { (badge(health::state(instance, pollers, now))) }
            td.wide-only {
                @match resources.as_slice() {
                    [] => span.muted { "none" },
                    [some @ .., _] if some.len() > 4 => {
                        (some[..4].join(", ")) span.under { "and " (resources.len() - 4) " more" }
                    },
                    few => (few.join(", ")),
                }
            }
            td.wide-only.right.num.nowrap { (instance.settings.refresh_interval) " min" }
            td { (time_or(last, "not yet")) }
            td.wide-only {
                @match &instance.settings.callback_url {
                    Some(url) => div.clip.mono title=(url) { (url) },
                    None => span.muted { "none" },
                }
            }
        }
    }
}

fn nothing(session: &Session, is_search: bool) -> Markup {
    if is_search {
        return empty(
            "No instance fits",
            &html! { "Search for a part of a name or a tag, or " a href={ (BASE) "/instances" } { "show all" } "." },
        );
    }
    html! {
        (parts::empty("No instances yet", &html! {
            "An instance watches an Insightly account and delivers each change of a record to your callback. "
            "You need the account's API key and the address of a callback."
        }))
        @if session.may_change() {
            div.more { a.button.primary href={ (BASE) "/instances/new" } { "Create the first instance" } }
        }
    }
}
