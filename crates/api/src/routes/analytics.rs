//! `/instances/events/analytics…`: events counted by time, by instance and by account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use ie_model::OrganizationId;
use ie_store::{Interval, Outcomes, Span};
use serde_json::{Value, json};
use utoipa_axum::routes;

use super::answer::date;
use super::query::Query;
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Result};
use crate::openapi::described::Described;
use crate::openapi::parameters::Counted;
use crate::openapi::refusals::OfCounting;
use crate::openapi::schemas::{CountsOfAccounts, CountsOfInstances, EventCount};
use crate::openapi::tags;

/// Intervals of one answer: a week by minutes and a year by hours have room.
const MOST_INTERVALS: u64 = 11_000;

/// Records of one answer, over all its intervals: some megabytes of JSON.
const MOST_RECORDS: u32 = 100_000;

/// How far an answer goes back when the request does not say.
const DEFAULT_SPAN: TimeDelta = TimeDelta::days(1);

/// The names of the parameter with accounts; clients write both.
const ACCOUNTS: [&str; 2] = ["accountIds[]", "accountIds"];

/// The three ways of counting.
pub(super) fn routes() -> Described {
    Described::new()
        .with(routes!(totals))
        .with(routes!(by_instance))
        .with(routes!(by_account))
}

/// Counts events per interval.
#[utoipa::path(
    get, path = "/instances/events/analytics", tag = tags::EVENTS, operation_id = "countEvents", params(Counted),
    responses((status = 200, description = "A row for each interval, the last one included.", body = Vec<EventCount>), OfCounting)
)]
async fn totals(State(app): State<App>, caller: Caller, query: Query) -> Result<Json<Value>> {
    let span = span(&caller, &query, app.clock.now())?;
    let mut counts = app.store.event_counts(&span).await?.into_iter().peekable();
    let rows = span.intervals().map(|interval| {
        let here = counts.next_if(|(number, _)| *number == interval);
        let count = here.map_or(0, |(_, count)| count);
        json!({ "timestamp": span.start(interval).map(date), "count": count })
    });
    Ok(Json(rows.collect()))
}

/// Counts how events ended, per interval and instance.
#[utoipa::path(
    get, path = "/instances/events/analytics/instances", tag = tags::EVENTS, operation_id = "countEventsOfInstances", params(Counted),
    responses((status = 200, description = "A row for each interval.", body = Vec<CountsOfInstances>), OfCounting)
)]
async fn by_instance(State(app): State<App>, caller: Caller, query: Query) -> Result<Json<Value>> {
    let span = span(&caller, &query, app.clock.now())?;
    let outcomes = outcomes(&app, &span).await?;
    let record = |one: &Outcomes| {
        let mut record = ends(one);
        record["instanceId"] = json!(one.instance);
        record
    };
    Ok(Json(rows(&span, &outcomes, |interval| {
        interval.iter().map(record).collect()
    })))
}

/// Counts how events ended, per interval and account: of whoever asks there is one.
#[utoipa::path(
    get, path = "/instances/events/analytics/accounts", tag = tags::EVENTS, operation_id = "countEventsOfAccounts", params(Counted),
    responses((status = 200, description = "A row for each interval.", body = Vec<CountsOfAccounts>), OfCounting)
)]
async fn by_account(State(app): State<App>, caller: Caller, query: Query) -> Result<Json<Value>> {
    let span = span(&caller, &query, app.clock.now())?;
    let outcomes = outcomes(&app, &span).await?;
    Ok(Json(rows(&span, &outcomes, |interval| {
        let sum = interval.iter().copied().reduce(|sum, one| Outcomes {
            count: sum.count + one.count,
            success: sum.success + one.success,
            failed: sum.failed + one.failed,
            ..sum
        });
        let record = sum.map(|sum| {
            let mut record = ends(&sum);
            record["accountId"] = json!(span.organization);
            record
        });
        record.into_iter().collect()
    })))
}

async fn outcomes(app: &App, span: &Span) -> Result<Vec<Outcomes>> {
    let found = app.store.event_outcomes(span, MOST_RECORDS + 1).await?;
    if u32::try_from(found.len()).is_ok_and(|count| count <= MOST_RECORDS) {
        return Ok(found);
    }
    Err(ApiError::bad_request(format!(
        "from, to, interval: these make more than {MOST_RECORDS} records of instances and intervals, which is the most \
         of one answer: ask for a shorter time, or for a longer interval than {}",
        span.interval.as_str()
    )))
}

fn ends(outcomes: &Outcomes) -> Value {
    json!({ "count": outcomes.count, "success": outcomes.success, "failed": outcomes.failed })
}

/// A row for each interval, with the records that `records` makes of its outcomes.
fn rows(span: &Span, outcomes: &[Outcomes], records: impl Fn(&[Outcomes]) -> Vec<Value>) -> Value {
    let mut rest = outcomes;
    let rows = span.intervals().map(|interval| {
        let here;
        (here, rest) = rest.split_at(rest.partition_point(|one| one.interval <= interval));
        let total: u64 = here.iter().map(|one| one.count).sum();
        json!({ "timestamp": span.start(interval).map(date), "total": total, "records": records(here) })
    });
    rows.collect()
}

/// What a request asks for: from a day before now on, by hours, unless it says something else.
fn span(caller: &Caller, query: &Query, now: DateTime<Utc>) -> Result<Span> {
    let organization = caller.principal.organization;
    own_accounts(query, organization)?;
    let interval = query.get("interval").map(str::parse::<Interval>);
    let interval = interval.transpose();
    let interval = interval.map_err(|error| ApiError::bad_request(format!("interval: {error}")))?;
    let to = query.time("to")?.unwrap_or(now);
    let from = match query.time("from")? {
        Some(from) => from,
        None => to.checked_sub_signed(DEFAULT_SPAN).unwrap_or(to),
    };
    if from > to {
        return Err(ApiError::bad_request(format!(
            "from: expected a time before that of to, got {} and {}",
            date(from),
            date(to)
        )));
    }
    let span = Span {
        organization,
        instance: caller.element.as_ref().map(|instance| instance.id),
        from,
        to,
        interval: interval.unwrap_or_default(),
    };
    let intervals = span.intervals();
    let count = intervals.start().abs_diff(*intervals.end()) + 1;
    if count > MOST_INTERVALS {
        return Err(ApiError::bad_request(format!(
            "interval: from {} to {} by {} are {count} rows, and {MOST_INTERVALS} are the most of one answer: ask for a \
             shorter time or a longer interval",
            date(from),
            date(to),
            span.interval.as_str()
        )));
    }
    Ok(span)
}

/// Whoever names an account asks for its own.
fn own_accounts(query: &Query, organization: OrganizationId) -> Result<()> {
    for text in ACCOUNTS.iter().flat_map(|name| query.all(name)) {
        let id = text.parse::<i64>().map_err(|_| {
            ApiError::bad_request(format!(
                "accountIds[]: expected the accountId of a notification, a whole number, got {text:?}"
            ))
        })?;
        if id != organization.get() {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                format!(
                    "accountIds[]: {id} is not the account of these credentials, which is {organization}"
                ),
            ));
        }
    }
    Ok(())
}
