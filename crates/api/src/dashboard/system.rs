//! `/system`: the queues, what waits to be published, which version runs.

use axum::extract::State;
use ie_broker::Depth;
use ie_model::Queue;
use maud::{Markup, html};

use super::chart;
use super::failure::Result;
use super::layout::Page;
use super::parts::{self, number, scroll, tile};
use super::session::Session;
use crate::app::App;

/// The page; its numbers ask for themselves again.
pub(super) async fn page(State(app): State<App>, session: Session) -> Result<Markup> {
    let numbers = numbers(&app).await?;
    let content = html! {
        div.head {
            div {
                h1 { "System" }
                p.muted { "What all organizations share: the queues between the services." }
            }
        }
        div.stack {
            div.stack hx-get={ (super::BASE) "/system/numbers" } hx-trigger="every 5s" { (numbers) }
            section.card aria-labelledby="chart" {
                header { h2 #chart { "Events per minute" } p { "of your organization, by resource, in the last hour" } }
                (chart::place("/system/chart"))
            }
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
pub(super) async fn part(State(app): State<App>, _: Session) -> Result<Markup> {
    numbers(&app).await
}

async fn numbers(app: &App) -> Result<Markup> {
    let waiting = app.store.unpublished().await?;
    let poll = app.broker.depth(Queue::Poll).await;
    let changes = app.broker.depth(Queue::Changes).await;
    let queues = [
        ("Polls", "due polls, for the fetchers", poll),
        ("Changes", "notifications, for the dispatchers", changes),
    ];
    Ok(html! {
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
