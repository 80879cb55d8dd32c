//! Which services run where, as far as they have said so lately.

use chrono::{DateTime, Utc};
use ie_store::Worker;
use maud::{Markup, html};

use super::parts::{self, State, badge, empty, relative, scroll};

/// The services without which nothing goes on.
pub(super) const SERVICES: [&str; 4] = ["scheduler", "fetcher", "dispatcher", "api"];

/// Those of which no process was seen lately.
pub(super) fn missing(workers: &[Worker], now: DateTime<Utc>) -> Vec<&'static str> {
    let lives = |service: &&str| {
        let mut own = workers.iter().filter(|worker| worker.service == *service);
        own.any(|worker| !worker.is_silent(now))
    };
    SERVICES.into_iter().filter(|one| !lives(one)).collect()
}

/// The card.
pub(super) fn card(workers: &[Worker], now: DateTime<Utc>) -> Markup {
    html! {
        section.card aria-labelledby="workers" {
            header { h2 #workers { "Workers" } p { "each service of each process that was seen within the last hour" } }
            @if workers.is_empty() {
                (empty("None has been seen", &html! { "Each service says that it runs when it starts and every 15 seconds." }))
            } @else {
                (scroll("Workers", &table(workers, now)))
            }
        }
    }
}

fn table(workers: &[Worker], now: DateTime<Utc>) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Service" }
                th scope="col" { "State" }
                th scope="col" { "Host" }
                th.wide-only scope="col" { "Version" }
                th.wide-only scope="col" { "Runs since" }
                th scope="col" { "Last seen" }
            } }
            tbody { @for worker in workers { tr {
                td { strong { (worker.service) } }
                td { (badge(standing(worker, now))) }
                td.mono { (worker.host) }
                td.wide-only.num { (worker.version) }
                td.wide-only { (parts::time(worker.started_at)) }
                td { (relative(worker.seen_at)) }
            } } }
        }
    }
}

fn standing(worker: &Worker, now: DateTime<Utc>) -> State {
    if worker.is_silent(now) {
        State::new("Missing", "bad")
    } else {
        State::new("Running", "good")
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_service_is_missing_when_none_of_its_processes_was_seen_lately() {
        let now: DateTime<Utc> = "2026-11-24T10:00:00Z".parse().unwrap();
        let worker = |service: &str, seconds| Worker {
            life: "1".to_owned(),
            service: service.to_owned(),
            version: "1".to_owned(),
            host: "a".to_owned(),
            started_at: now,
            seen_at: now - TimeDelta::seconds(seconds),
        };
        let workers = [
            worker("api", 5),
            worker("fetcher", 45),
            worker("dispatcher", 46),
            worker("dispatcher", 600),
        ];

        assert_eq!(missing(&workers, now), ["scheduler", "dispatcher"]);
    }
}
