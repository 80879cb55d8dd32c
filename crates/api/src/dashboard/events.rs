//! `/events`: the newest, with filters, and what comes while one looks.

use std::convert::Infallible;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{StreamExt as _, stream};
use ie_model::{InstanceId, NotificationStatus, StoredNotification};
use ie_store::{NotificationFilter, Page as Part};
use maud::{Markup, html};
use serde::Deserialize;

use super::BASE;
use super::event_rows::{self, row};
use super::failure::Result;
use super::layout::Page;
use super::parts::{scroll, standing};
use super::session::Session;
use crate::app::App;
use crate::connector;
use crate::routes::stream::last_event_id;
use crate::routes::subject::owned;
use crate::tail::{self, Begin, News};

/// Events on a page.
const SIZE: u32 = 50;

/// Events among which a page looks for what may be rare.
const STRETCH: i64 = 50_000;

/// What is looked for, and from where.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    instance: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    live: String,
    before: Option<i64>,
    /// Where the live tail begins.
    after: Option<i64>,
}

/// `GET /events`.
pub(super) async fn page(
    State(app): State<App>,
    session: Session,
    Query(wanted): Query<Wanted>,
) -> Result<Markup> {
    let search = search(&app, &session, &wanted).await?;
    let after = tail::newest(&app, session.principal.organization).await?;
    let search = NotificationFilter {
        above: wanted.above(after),
        ..search
    };
    let part = Part {
        after: wanted.before,
        limit: SIZE + 1,
    };
    let mut found = app.store.newest_notifications(&search, part).await?;
    let more = found.len() > SIZE as usize;
    found.truncate(SIZE as usize);
    let is_live = wanted.before.is_none() && wanted.live != "off";
    let names = names(&app, &found).await?;
    let last = found.last().filter(|_| more);
    let last = last.map(|last| last.notification.id.get());
    // Where the looking ended, when it did not find a page.
    let end = search.above.filter(|above| *above > 0);
    let older = last.or(end.map(|above| above + 1)).map(|before| {
        let mut query = wanted.query();
        query.push(("before", before.to_string()));
        path("/events", &query)
    });
    let content = html! {
        div.head {
            div {
                h1 { "Events" }
                p.muted { "What was read from Insightly, and how its delivery goes." }
            }
            div.actions { (switch(&wanted, is_live)) }
        }
        section.card aria-label="Events" {
            (filters(&wanted))
            @if is_live { (connection(&wanted, after)) }
            div aria-live=[is_live.then_some("polite")] aria-relevant="additions" {
                (scroll("Events", &event_rows::table(&found, &names, true)))
            }
            @if found.is_empty() {
                div.empty #no-events {
                    h2 { "No events here" }
                    p {
                        "Change a record in Insightly, or take away a filter. "
                        @if is_live { "What comes appears here by itself." }
                    }
                }
            }
            @if older.is_some() || wanted.before.is_some() {
                nav.more aria-label="Pages" {
                    @if wanted.before.is_some() { a href=(path("/events", &wanted.query())) { "Back to the newest" } } @else { span {} }
                    @if let Some(older) = older { a.button.small href=(older) rel="next" { @if more { "Older events" } @else { "Look further back" } } }
                }
            }
        }
    };
    Ok(Page::new(&session, "Events")
        .within("/events")
        .show(&content))
}

/// `GET /events/live`: rows as server-sent events; new ones for the top, moved ones for their places.
pub(super) async fn live(
    State(app): State<App>,
    session: Session,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<impl IntoResponse> {
    let search = search(&app, &session, &wanted).await?;
    let after = match last_event_id(&headers)?.or(wanted.after) {
        Some(id) => id,
        None => tail::newest(&app, session.principal.organization).await?,
    };
    let begin = Begin {
        after,
        recent: SIZE,
    };
    let news = tail::follow(app.clone(), search, begin)?;
    let told = news.then(move |news| {
        let app = app.clone();
        async move { stream::iter(events(&app, news).await) }
    });
    Ok(Sse::new(told.flatten()).keep_alive(KeepAlive::default()))
}

async fn events(app: &App, news: Vec<News>) -> Vec<std::result::Result<Event, Infallible>> {
    let stored: Vec<StoredNotification> = news
        .iter()
        .map(|(News::Stored(stored) | News::Moved(stored))| stored.clone())
        .collect();
    // Without names the rows have numbers.
    let names = names(app, &stored).await.unwrap_or_default();
    let event = |news: News| {
        let (html, id) = match &news {
            News::Stored(stored) => {
                let row = row(stored, Some(&names), true);
                let html = html! { hx-partial hx-target="#rows" hx-swap="afterbegin" { (row) } };
                (html, Some(stored.notification.id))
            }
            News::Moved(stored) => {
                let row = row(stored, Some(&names), false);
                let target = format!("#event-{}", stored.notification.id);
                let html = html! { hx-partial hx-target=(target) hx-swap="outerHTML" { (row) } };
                (html, None)
            }
        };
        let event = Event::default().data(html.into_string());
        Ok(match id {
            Some(id) => event.id(id.to_string()),
            None => event,
        })
    };
    news.into_iter().map(event).collect()
}

async fn search(app: &App, session: &Session, wanted: &Wanted) -> Result<NotificationFilter> {
    let organization = session.principal.organization;
    let text = wanted.instance.trim().trim_start_matches('#');
    let instance = if text.is_empty() {
        None
    } else {
        Some(owned(app, organization, text).await?.id)
    };
    let resource = wanted.resource.trim();
    Ok(NotificationFilter {
        organization: Some(organization),
        instance,
        status: wanted.status.parse::<NotificationStatus>().ok(),
        resource: (!resource.is_empty()).then(|| resource.to_owned()),
        ..NotificationFilter::default()
    })
}

async fn names(app: &App, events: &[StoredNotification]) -> Result<Vec<(InstanceId, String)>> {
    let mut ids: Vec<InstanceId> = events
        .iter()
        .map(|stored| stored.notification.instance)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(app.store.instance_names(&ids).await?)
}

/// The element that listens; what it is told goes to rows of the table.
fn connection(wanted: &Wanted, after: i64) -> Markup {
    let mut query = wanted.query();
    query.push(("after", after.to_string()));
    html! { div hidden hx-sse:connect=(path("/events/live", &query)) hx-swap="none" {} }
}

fn switch(wanted: &Wanted, is_live: bool) -> Markup {
    let mut query = wanted.query();
    query.retain(|(name, _)| *name != "live");
    html! {
        @if is_live {
            span.live #live role="status" { "Connecting…" }
            @let paused = [query.as_slice(), &[("live", "off".to_owned())]].concat();
            a.button.small href=(path("/events", &paused)) { "Pause" }
        } @else {
            a.button.small href=(path("/events", &query)) { "Watch live" }
        }
    }
}

fn filters(wanted: &Wanted) -> Markup {
    let resources = connector::pollable_objects().map(|object| object.hub_resource.as_str());
    html! {
        form.toolbar method="get" action={ (BASE) "/events" } role="search" {
            div.field {
                label for="instance" { "Instance" }
                input.num id="instance" name="instance" inputmode="numeric" value=(wanted.instance) placeholder="any id";
            }
            div.field {
                label for="status" { "Status" }
                select id="status" name="status" {
                    option value="" { "any" }
                    @for status in NotificationStatus::ALL {
                        option value=(status.as_str()) selected[wanted.status == status.as_str()] { (standing(status).name) }
                    }
                }
            }
            div.field {
                label for="resource" { "Resource" }
                input id="resource" name="resource" value=(wanted.resource) list="resources" placeholder="any" autocomplete="off";
                datalist id="resources" { @for name in resources { option value=(name) {} } }
            }
            button type="submit" { "Filter" }
        }
    }
}

impl Wanted {
    /// Where looking ends for what may be rare among the events of all instances.
    fn above(&self, newest: i64) -> Option<i64> {
        let failed = NotificationStatus::Failed.as_str();
        let is_rare = !self.resource.is_empty() || !self.status.is_empty() && self.status != failed;
        let begin = self.before.unwrap_or(newest + 1);
        (self.instance.is_empty() && is_rare).then(|| (begin - STRETCH).max(0))
    }

    /// What is looked for, without from where.
    fn query(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("instance", &self.instance),
            ("status", &self.status),
            ("resource", &self.resource),
            ("live", &self.live),
        ];
        let given = all.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| (name, value.clone())).collect()
    }
}

/// A path of the dashboard with a query.
fn path(path: &str, query: &[(&str, String)]) -> String {
    let encoded = reqwest::Url::parse_with_params("http://dashboard/", query);
    let encoded = encoded.ok().and_then(|url| url.query().map(str::to_owned));
    match encoded.filter(|query| !query.is_empty()) {
        Some(query) => format!("{BASE}{path}?{query}"),
        None => format!("{BASE}{path}"),
    }
}
