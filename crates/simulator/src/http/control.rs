//! The control API: no keys, JSON in and out, errors as `{"message": …}`.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use axum::{Json, Router};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::behaviour::BehaviourChange;
use crate::control::{Control, KeyChange, LimitsChange};
use crate::error::Error;
use crate::faults::Rule;
use crate::ledger::{Entry, Kind};
use crate::orders::{Change, Seed};
use crate::settings::AccountSettings;
use crate::stream::Stream;

const INDEX: &str = "\
GET|POST        /control/accounts
PUT             /control/limits
PUT             /control/keys
POST            /control/seed
POST            /control/change
GET|POST|DELETE /control/streams
GET|POST|DELETE /control/faults      DELETE /control/faults/{id}
GET|PUT         /control/clock
GET|PATCH       /control/behaviour
GET|DELETE      /control/statistics
GET             /control/ledger?object=&account=&seeded=&skip=&limit=
GET             /control/state?object=&account=&seeded=&skip=&limit=
";

/// Every path below `/control`.
pub(crate) fn router(control: Control) -> Router {
    Router::new()
        .route("/", get(INDEX))
        .route("/accounts", get(accounts).post(add_account))
        .route("/limits", put(set_limits))
        .route("/keys", put(set_key))
        .route("/seed", post(seed))
        .route("/change", post(change))
        .route(
            "/streams",
            get(streams).post(start_stream).delete(stop_streams),
        )
        .route("/faults", get(faults).post(misbehave).delete(behave))
        .route("/faults/{id}", delete(forgive))
        .route("/clock", get(clock).put(set_clock))
        .route("/behaviour", get(behaviour).merge(patch(set_behaviour)))
        .route("/statistics", get(statistics).delete(reset_statistics))
        .route("/ledger", get(ledger))
        .route("/state", get(state))
        .with_state(control)
}

/// Why a control request is refused.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"message": self.1}))).into_response()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Gone { .. } | Error::UnknownAccount(_) | Error::UnknownObject(_) => {
                StatusCode::NOT_FOUND
            }
        };
        Self(status, error.to_string())
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

/// A body whose errors are answered like all others.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Refusal))]
struct Body<T>(T);

/// Parameters whose errors are answered like all others.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refusal))]
struct Parameters<T>(T);

async fn accounts(State(control): State<Control>) -> Json<Value> {
    let accounts: Vec<Value> = control.with_world(|world, _| {
        let accounts = world.accounts.iter().map(|account| {
            json!({
                "name": account.name, "instance_id": account.instance_id, "limits": account.limits,
                "used_today": account.meter.used(),
            })
        });
        accounts.collect()
    });
    Json(accounts.into())
}

async fn add_account(
    State(control): State<Control>,
    Body(account): Body<AccountSettings>,
) -> Result<StatusCode, Refusal> {
    control.add_account(&account)?;
    Ok(StatusCode::CREATED)
}

async fn set_limits(
    State(control): State<Control>,
    Body(change): Body<LimitsChange>,
) -> Result<StatusCode, Refusal> {
    control.set_limits(&change)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_key(
    State(control): State<Control>,
    Body(change): Body<KeyChange>,
) -> Result<StatusCode, Refusal> {
    control.set_key(&change)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn seed(
    State(control): State<Control>,
    Body(order): Body<Seed>,
) -> Result<impl IntoResponse, Refusal> {
    Ok((StatusCode::CREATED, Json(control.seed(&order)?)))
}

async fn change(
    State(control): State<Control>,
    Body(order): Body<Change>,
) -> Result<Json<Entry>, Refusal> {
    Ok(Json(control.change(&order)?))
}

async fn streams(State(control): State<Control>) -> impl IntoResponse {
    Json(control.streams())
}

async fn start_stream(
    State(control): State<Control>,
    Body(stream): Body<Stream>,
) -> Result<impl IntoResponse, Refusal> {
    let id = control.start_stream(stream)?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

async fn stop_streams(State(control): State<Control>) -> StatusCode {
    control.stop_streams();
    StatusCode::NO_CONTENT
}

async fn faults(State(control): State<Control>) -> Json<Value> {
    #[derive(Serialize)]
    struct Numbered {
        id: u64,
        #[serde(flatten)]
        rule: Rule,
    }
    let faults = control.faults().into_iter();
    let faults: Vec<Numbered> = faults.map(|(id, rule)| Numbered { id, rule }).collect();
    Json(json!(faults))
}

async fn misbehave(State(control): State<Control>, Body(rule): Body<Rule>) -> impl IntoResponse {
    (
        StatusCode::CREATED,
        Json(json!({"id": control.misbehave(rule)})),
    )
}

async fn behave(State(control): State<Control>) -> StatusCode {
    control.behave();
    StatusCode::NO_CONTENT
}

async fn forgive(
    State(control): State<Control>,
    Path(id): Path<u64>,
) -> Result<StatusCode, Refusal> {
    if control.forgive(id) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Refusal(
        StatusCode::NOT_FOUND,
        format!("no fault has the number {id}"),
    ))
}

async fn clock(State(control): State<Control>) -> Json<Value> {
    Json(json!({"now": control.now()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offset {
    offset_ms: i64,
}

async fn set_clock(State(control): State<Control>, Body(offset): Body<Offset>) -> Json<Value> {
    control.set_clock_offset(TimeDelta::milliseconds(offset.offset_ms));
    Json(json!({"now": control.now()}))
}

async fn behaviour(State(control): State<Control>) -> impl IntoResponse {
    Json(control.behaviour())
}

async fn set_behaviour(
    State(control): State<Control>,
    Body(change): Body<BehaviourChange>,
) -> Result<impl IntoResponse, Refusal> {
    control.set_behaviour(&change);
    Ok(Json(control.behaviour()))
}

async fn statistics(State(control): State<Control>) -> impl IntoResponse {
    Json(control.statistics())
}

async fn reset_statistics(State(control): State<Control>) -> StatusCode {
    control.reset_statistics();
    StatusCode::NO_CONTENT
}

/// Which entries to show.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct View {
    account: Option<String>,
    object: Option<String>,
    /// Whether records that were seeded and not changed since are shown too.
    #[serde(default = "yes")]
    seeded: bool,
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

fn yes() -> bool {
    true
}

async fn ledger(
    State(control): State<Control>,
    Parameters(view): Parameters<View>,
) -> Result<Response, Refusal> {
    let entries = control
        .with_world(|world, _| world.ledger(view.account.as_deref(), view.object.as_deref()))?;
    Ok(lines(entries, &view))
}

async fn state(
    State(control): State<Control>,
    Parameters(view): Parameters<View>,
) -> Result<Response, Refusal> {
    let entries = control
        .with_world(|world, _| world.state(view.account.as_deref(), view.object.as_deref()))?;
    Ok(lines(entries, &view))
}

fn lines(entries: Vec<Entry>, view: &View) -> Response {
    let mut out = Vec::new();
    let shown = entries
        .into_iter()
        .filter(|entry| view.seeded || entry.kind != Kind::Seeded)
        .skip(view.skip)
        .take(view.limit.unwrap_or(usize::MAX));
    for entry in shown {
        serde_json::to_writer(&mut out, &entry).expect("an entry is written into memory");
        out.push(b'\n');
    }
    ([(header::CONTENT_TYPE, "application/x-ndjson")], out).into_response()
}
