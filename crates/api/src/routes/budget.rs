//! `GET /instances/{id}/budget`: what is left of the account's requests, and which polls are late because of it.

use axum::Json;
use axum::extract::State;
use ie_model::Instance;
use serde_json::{Value, json};

use super::answer::{date, late};
use super::subject::Subject;
use crate::app::App;
use crate::error::Result;
use crate::openapi::parameters::OneInstance;
use crate::openapi::schemas::Budget;
use crate::openapi::tags;

/// Shows what is left of the requests of an instance's Insightly account.
///
/// The late polls are those of the instance.
#[utoipa::path(
    get, path = "/instances/{id}/budget", tag = tags::INSTANCES, operation_id = "getBudget", params(OneInstance),
    responses((status = 200, description = "The account's budget.", body = Budget))
)]
pub(super) async fn get(State(app): State<App>, Subject(instance): Subject) -> Result<Json<Value>> {
    of(&app, &instance).await.map(Json)
}

/// The same for the dashboard.
pub(crate) async fn of(app: &App, instance: &Instance) -> Result<Value> {
    let now = app.clock.now();
    let budget = app.store.budget(&instance.account).await?;
    let budget = budget.map(|budget| budget.at(now));
    let pollers = app.store.pollers(instance.id).await?;
    let settings = &instance.settings;

    let used = budget.map_or(0, |budget| budget.used);
    let own = settings.requests_per_day;
    let told = budget.and_then(|budget| budget.limit);
    let left = budget.and_then(|budget| budget.left());
    let own_left = own.map(|limit| limit.saturating_sub(used));
    let asked = budget.and_then(|budget| budget.per_second);
    let own_rate = settings.requests_per_second.map(f64::from);
    let per_second = asked.into_iter().chain(own_rate).reduce(f64::min);
    let held = budget.and_then(|budget| budget.held_until);
    let late: Vec<Value> = pollers
        .iter()
        .filter_map(|poller| {
            let mut late = late(poller, now)?;
            late["resource"] = json!(poller.resource);
            Some(late)
        })
        .collect();
    Ok(json!({
        "account": instance.account,
        "day": budget.map(|budget| budget.day.to_string()),
        "limit": told.into_iter().chain(own).min(),
        "used": used,
        "remaining": left.into_iter().chain(own_left).min(),
        "perSecond": per_second.map(|rate| (rate * 100.0).round() / 100.0),
        "heldUntil": held.filter(|until| *until > now).map(date),
        "resetsAt": budget.map(|budget| date(budget.resets_at)),
        "latePolls": late,
        "stretchedBy": budget.map_or(1.0, |budget| budget.stretch),
    }))
}
