//! What happened in each minute of the last hour, as numbers for charts.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use ie_model::InstanceId;
use ie_store::{Ended, EventCount};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::BASE;
use super::failure::Result;
use super::session::Session;
use crate::app::App;
use crate::routes::subject::owned;

/// Minutes that are shown.
const MINUTES: i64 = 60;

/// What a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chart {
    /// The last part of the path that gives its numbers.
    pub(super) name: &'static str,
    /// Its title.
    pub(super) title: &'static str,
    /// What is counted how.
    pub(super) about: &'static str,
    /// What stands there when there is nothing.
    pub(super) none: &'static str,
}

/// Changes that were read.
pub(super) const EVENTS: Chart = Chart {
    name: "chart",
    title: "Events per minute",
    about: "by resource, in the last hour",
    none: "No events in the last hour",
};

/// Changes that left.
pub(super) const THROUGHPUT: Chart = Chart {
    name: "throughput",
    title: "Deliveries per minute",
    about: "accepted by callbacks, and dead letters, in the last hour",
    none: "Nothing was delivered in the last hour",
};

/// How long they took.
pub(super) const LAG: Chart = Chart {
    name: "lag",
    title: "Delivery lag",
    about: "from storing to acceptance, by the minute of acceptance",
    none: "Nothing was delivered in the last hour",
};

/// A chart on a card of its own; `path` is that of the page on which it stands.
pub(super) fn card(chart: Chart, path: &str) -> Markup {
    let Chart {
        name,
        title,
        about,
        none,
    } = chart;
    html! {
        section.card aria-labelledby=(name) {
            header { h2 id=(name) { (title) } p { (about) } }
            div.chart role="img" aria-label={ (title) ", " (about) } data-chart={ (BASE) (path) "/" (name) } data-none=(none) {}
        }
    }
}

type Whose = (Session, Option<InstanceId>);

async fn whose(app: &App, session: Session, id: &str) -> Result<Whose> {
    let instance = owned(app, session.principal.organization, id).await?;
    Ok((session, Some(instance.id)))
}

/// `GET /instances/{id}/chart`.
pub(super) async fn events_of_instance(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let whose = whose(&app, session, &id).await?;
    events(&app, whose).await
}

/// `GET /system/chart`: of all instances of the organization.
pub(super) async fn events_of_all(State(app): State<App>, session: Session) -> Result<Json<Value>> {
    events(&app, (session, None)).await
}

/// `GET /instances/{id}/lag`.
pub(super) async fn lag_of_instance(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let whose = whose(&app, session, &id).await?;
    let (ended, from) = ended(&app, whose).await?;
    Ok(Json(lag(&ended, from)))
}

/// `GET /system/lag`.
pub(super) async fn lag_of_all(State(app): State<App>, session: Session) -> Result<Json<Value>> {
    let (ended, from) = ended(&app, (session, None)).await?;
    Ok(Json(lag(&ended, from)))
}

/// `GET /system/throughput`.
pub(super) async fn throughput(State(app): State<App>, session: Session) -> Result<Json<Value>> {
    let (ended, from) = ended(&app, (session, None)).await?;
    Ok(Json(delivered(&ended, from)))
}

async fn events(app: &App, (session, instance): Whose) -> Result<Json<Value>> {
    let (from, to) = hour(app.clock.now());
    let whose = (session.principal.organization, instance);
    let counts = app.store.count_events(whose, (from, to)).await?;
    Ok(Json(stored(&counts, from)))
}

async fn ended(app: &App, (session, instance): Whose) -> Result<(Vec<Ended>, DateTime<Utc>)> {
    let (from, to) = hour(app.clock.now());
    let whose = (session.principal.organization, instance);
    Ok((app.store.ended(whose, (from, to)).await?, from))
}

/// The last sixty minutes, of which this one is the last.
fn hour(now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    (
        minute - TimeDelta::minutes(MINUTES - 1),
        minute + TimeDelta::minutes(1),
    )
}

fn minutes(from: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let minutes = (0..MINUTES).map(TimeDelta::minutes);
    minutes.map(|after| from + after).collect()
}

/// The answer: seconds since 1970, and the series over them.
fn answer(from: DateTime<Utc>, unit: &str, series: &[(&str, Vec<Value>)]) -> Value {
    let times: Vec<i64> = minutes(from).iter().map(DateTime::timestamp).collect();
    let series = series.iter();
    let series: Vec<Value> = series
        .map(|(name, values)| json!({"name": name, "values": values}))
        .collect();
    json!({ "times": times, "unit": unit, "series": series })
}

/// One number per minute and resource; a minute without events has a nought.
fn stored(counts: &[EventCount], from: DateTime<Utc>) -> Value {
    let mut resources: Vec<&str> = counts.iter().map(|count| count.resource.as_str()).collect();
    resources.sort_unstable();
    resources.dedup();
    let of = |resource: &str| {
        let at = |minute: &DateTime<Utc>| {
            let mut own = counts.iter().filter(|count| count.minute == *minute);
            let own = own.find(|count| count.resource == resource);
            json!(own.map_or(0, |count| count.events))
        };
        minutes(from).iter().map(at).collect()
    };
    let series: Vec<_> = resources
        .into_iter()
        .map(|resource| (resource, of(resource)))
        .collect();
    answer(from, "", &series)
}

fn delivered(ended: &[Ended], from: DateTime<Utc>) -> Value {
    if ended.is_empty() {
        return answer(from, "", &[]);
    }
    let count = |of: fn(&Ended) -> u64| by_minute(ended, from, |found| json!(found.map_or(0, of)));
    let series = [
        ("accepted", count(|ended| ended.delivered)),
        ("dead letters", count(|ended| ended.dead)),
    ];
    answer(from, "", &series)
}

/// Seconds; a minute in which nothing was accepted has none.
fn lag(ended: &[Ended], from: DateTime<Utc>) -> Value {
    if ended.iter().all(|ended| ended.delivered == 0) {
        return answer(from, "s", &[]);
    }
    let seconds = |of: fn(&Ended) -> std::time::Duration| {
        by_minute(ended, from, |found| {
            let found = found.filter(|ended| ended.delivered > 0);
            json!(found.map(|ended| of(ended).as_secs_f64()))
        })
    };
    let series = [
        ("average", seconds(|ended| ended.average)),
        ("longest", seconds(|ended| ended.longest)),
    ];
    answer(from, "s", &series)
}

fn by_minute(
    ended: &[Ended],
    from: DateTime<Utc>,
    value: impl Fn(Option<&Ended>) -> Value,
) -> Vec<Value> {
    let minutes = minutes(from);
    let at = |minute: &DateTime<Utc>| value(ended.iter().find(|ended| ended.minute == *minute));
    minutes.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn begin() -> DateTime<Utc> {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn ended_at(minute: i64, delivered: u64, dead: u64) -> Ended {
        Ended {
            minute: begin() + TimeDelta::minutes(minute),
            delivered,
            dead,
            average: Duration::from_millis(250),
            longest: Duration::from_secs(2),
        }
    }

    #[test]
    fn every_minute_has_a_number_for_every_resource() {
        let count = |minute, resource: &str, events| EventCount {
            minute: begin() + TimeDelta::minutes(minute),
            resource: resource.to_owned(),
            events,
        };

        let chart = stored(&[count(0, "leads", 2), count(59, "contacts", 1)], begin());

        assert_eq!(chart["times"].as_array().map(Vec::len), Some(60));
        assert_eq!(chart["series"][0]["name"], "contacts");
        assert_eq!(chart["series"][0]["values"][59], 1);
        assert_eq!(chart["series"][0]["values"][0], 0);
        assert_eq!(chart["series"][1]["values"][0], 2);
    }

    #[test]
    fn a_minute_without_an_acceptance_has_no_lag_and_one_without_deliveries_a_nought() {
        let ended = [ended_at(1, 4, 0), ended_at(2, 0, 3)];

        let (lag, through) = (lag(&ended, begin()), delivered(&ended, begin()));

        assert_eq!(lag["unit"], "s");
        assert_eq!(lag["series"][0]["values"][1], 0.25);
        assert_eq!(lag["series"][1]["values"][1], 2.0);
        assert_eq!(lag["series"][0]["values"][2], Value::Null);
        assert_eq!(through["series"][0]["values"][0], 0);
        assert_eq!(through["series"][1]["values"][2], 3);
    }

    #[test]
    fn an_hour_in_which_nothing_ended_has_no_series() {
        assert_eq!(lag(&[ended_at(1, 0, 2)], begin())["series"], json!([]));
        assert_eq!(delivered(&[], begin())["series"], json!([]));
    }
}
