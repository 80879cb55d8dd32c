//! `/system`: what somebody should look at, who works, the queues, how fast it goes, which version runs.

use axum::extract::State;
use chrono::TimeDelta;
use ie_broker::Depth;
use ie_model::Queue;
use maud::{Markup, html};

use super::alerts::{self, Facts};
use super::chart;
use super::failure::Result;
use super::layout::Page;
use super::parts::{self, number, scroll, tile};
use super::session::Session;
use super::workers;
use crate::app::App;
use crate::instances::OFF_BY_OWNER;

/// The page; its numbers ask for themselves again.
pub(super) async fn page(State(app): State<App>, session: Session) -> Result<Markup> {
    let numbers = numbers(&app, &session).await?;
    let content = html! {
        div.head {
            div {
                h1 { "System" }
                p.muted { "What all organizations share: the services and the queues between them." }
            }
        }
        div.stack {
            div.stack hx-get={ (super::BASE) "/system/numbers" } hx-trigger="every 5s" { (numbers) }
            div.halves {
                (chart::card(chart::THROUGHPUT, "/system"))
                (chart::card(chart::LAG, "/system"))
            }
            (chart::card(chart::EVENTS, "/system"))
            section.card aria-labelledby="facts" {
                header { h2 #facts { "This service" } }
                (facts(&app))
            }
        }
    };
    Ok(Page::new(&session, "System")
        .within("/system")
        .show(&content))
}

/// `GET /system/numbers`: the part that changes.
pub(super) async fn part(State(app): State<App>, session: Session) -> Result<Markup> {
    numbers(&app, &session).await
}

async fn numbers(app: &App, session: &Session) -> Result<Markup> {
    let now = app.clock.now();
    let seen = app.store.workers().await?;
    let waiting = app.store.unpublished().await?;
    let poll = app.broker.depth(Queue::Poll).await;
    let changes = app.broker.depth(Queue::Changes).await;
    let queues = [
        ("Polls", "due polls, for the fetchers", poll),
        ("Changes", "notifications, for the dispatchers", changes),
    ];
    let [(_, _, polls), (_, _, changes)] = &queues;
    let facts = Facts {
        missing: workers::missing(&seen, now),
        queue_lost: polls.is_err() || changes.is_err(),
        unpublished: waiting,
        polls: polls.as_ref().map_or(0, |depth| as_u64(depth.ready)),
        changes: changes.as_ref().map_or(0, |depth| as_u64(depth.ready)),
        ..of_organization(app, session).await?
    };
    Ok(html! {
        (alerts::card(&alerts::alerts(&facts)))
        div.tiles {
            (tile("To be published", &html! { (number(waiting)) }, "stored, not in the queue yet"))
            @for (name, _, depth) in &queues {
                (tile(name, &ready(depth.as_ref().ok()), "in the queue now"))
            }
        }
        section.card aria-labelledby="queues" {
            header { h2 #queues { "Queues" } }
            (table(&queues))
        }
        (workers::card(&seen, now))
    })
}

/// What is known of the organization's instances.
async fn of_organization(app: &App, session: &Session) -> Result<Facts> {
    let (organization, now) = (session.principal.organization, app.clock.now());
    let counts = app.store.count_instances(organization).await?;
    let troubles = app.store.troubles(organization, OFF_BY_OWNER, now);
    let troubles = troubles.await?;
    let hour = (now - TimeDelta::hours(1), now + TimeDelta::seconds(1));
    let ended = app.store.ended((organization, None), hour).await?;
    Ok(Facts {
        dead: ended.iter().map(|minute| minute.dead).sum(),
        refused: counts.refused,
        failing: counts.failing,
        switched_off: troubles.switched_off,
        late: troubles.late,
        stretched: troubles.stretched,
        ..Facts::default()
    })
}

type Named<'a> = (&'a str, &'a str, Result<Depth, ie_broker::Error>);

fn table(queues: &[Named<'_>]) -> Markup {
    let rows = html! {
        table {
            thead { tr {
                th scope="col" { "Queue" }
                th.right scope="col" { "Ready" }
                th.right scope="col" { "Waiting" }
                th.right scope="col" { "Dead" }
            } }
            tbody {
                @for (name, what, depth) in queues {
                    tr {
                        td { strong { (name) } span.under { (what) } }
                        @match depth {
                            Ok(depth) => {
                                td.right.num { (number(as_u64(depth.ready))) }
                                td.right.num { (number(as_u64(depth.waiting))) }
                                td.right.num { (number(as_u64(depth.dead))) }
                            }
                            Err(_) => td colspan="3" {
                                (parts::badge(parts::State::new("Cannot be reached", "bad")))
                                span.under { "Look at the log of the api and at RabbitMQ; what is stored is published once it is back." }
                            }
                        }
                    }
                }
            }
        }
    };
    scroll("Queues", &rows)
}

fn ready(depth: Option<&Depth>) -> Markup {
    match depth {
        Some(depth) => html! { (number(as_u64(depth.ready))) },
        None => html! { "–" },
    }
}

fn facts(app: &App) -> Markup {
    let broker = if app.broker.is_durable() {
        "RabbitMQ"
    } else {
        "in this process"
    };
    html! {
        dl.facts {
            dt { "Version" } dd.num { (env!("CARGO_PKG_VERSION")) }
            dt { "Reached at" } dd { code { (app.public_url) } }
            dt { "API" } dd { code { (app.public_url) "/elements/api-v2" } }
            dt { "Queue" } dd { (broker) }
            dt { "Its clock" } dd { (parts::time(app.clock.now())) }
        }
    }
}

fn as_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
