//! Events per minute, as numbers for the chart.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use ie_model::InstanceId;
use ie_store::EventCount;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::BASE;
use super::failure::Result;
use super::session::Session;
use crate::app::App;
use crate::routes::subject::owned;

/// Minutes that are shown.
const MINUTES: i64 = 60;

/// `GET /instances/{id}/chart`.
pub(super) async fn of_instance(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    numbers(&app, &session, Some(instance.id)).await
}

/// `GET /system/chart`: of all instances of the organization.
pub(super) async fn of_all(State(app): State<App>, session: Session) -> Result<Json<Value>> {
    numbers(&app, &session, None).await
}

/// The place where a chart is drawn.
pub(super) fn place(path: &str) -> Markup {
    html! {
        div.chart role="img" aria-label="Events per minute by resource, in the last hour"
            data-chart={ (BASE) (path) } data-none="No events in the last hour" {}
    }
}

async fn numbers(
    app: &App,
    session: &Session,
    instance: Option<InstanceId>,
) -> Result<Json<Value>> {
    let now = app.clock.now();
    let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    let (from, to) = (
        minute - TimeDelta::minutes(MINUTES - 1),
        minute + TimeDelta::minutes(1),
    );
    let whose = (session.principal.organization, instance);
    let counts = app.store.count_events(whose, (from, to)).await?;
    Ok(Json(series(&counts, from)))
}

/// One number per minute and resource; a minute without events has a nought.
fn series(counts: &[EventCount], from: DateTime<Utc>) -> Value {
    let times: Vec<i64> = (0..MINUTES)
        .map(|minute| (from + TimeDelta::minutes(minute)).timestamp())
        .collect();
    let mut resources: Vec<&str> = counts.iter().map(|count| count.resource.as_str()).collect();
    resources.sort_unstable();
    resources.dedup();
    let series: Vec<Value> = resources
        .into_iter()
        .map(|resource| {
            let at = |time: &i64| {
                let own = counts
                    .iter()
                    .find(|count| count.resource == resource && count.minute.timestamp() == *time);
                own.map_or(0, |count| count.events)
            };
            json!({"name": resource, "values": times.iter().map(at).collect::<Vec<u64>>()})
        })
        .collect();
    json!({ "times": times, "series": series })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minute_has_a_number_for_every_resource() {
        let from: DateTime<Utc> = "2026-11-24T10:00:00Z".parse().unwrap();
        let count = |minute, resource: &str, events| EventCount {
            minute: from + TimeDelta::minutes(minute),
            resource: resource.to_owned(),
            events,
        };

        let chart = series(&[count(0, "leads", 2), count(59, "contacts", 1)], from);

        assert_eq!(chart["times"].as_array().map(Vec::len), Some(60));
        assert_eq!(chart["series"][0]["name"], "contacts");
        assert_eq!(chart["series"][0]["values"][59], 1);
        assert_eq!(chart["series"][0]["values"][0], 0);
        assert_eq!(chart["series"][1]["values"][0], 2);
    }
}
