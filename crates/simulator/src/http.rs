//! The world over HTTP: Insightly's API under `/v3.1`, the control API under `/control`.

mod answer;
mod api;
mod call;
pub(crate) mod connection;
mod control;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use self::answer::{Answer, Fate};
use self::call::Call;
use self::connection::Scissors;
use crate::control::Control;
use crate::faults::Fault;

pub(crate) use self::call::BASE;

/// No request body is larger.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Every path the simulator has.
pub(crate) fn router(control: Control, gzip: bool) -> Router {
    let api = Router::new()
        .route("/v3.1", any(api))
        .route("/v3.1/", any(api))
        .route("/v3.1/{*path}", any(api))
        .fallback(elsewhere)
        .with_state(control.clone());
    let router = api.nest("/control", control::router(control));
    if !gzip {
        return router;
    }
    // Pages of half a megabyte: speed matters more than the last tenth of their size.
    router.layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

async fn elsewhere() -> impl IntoResponse {
    (
        StatusCode::NOT_FOUND,
        "the API is under /v3.1, the control API under /control\n",
    )
}

async fn api(
    State(control): State<Control>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let call = Call::new(parts.method, &parts.uri, &parts.headers, body);
    let (response, status) = answer(&control, &call, &scissors).await;
    control.count(&format!("{} {} {status}", call.method, call.pattern()));
    response
}

/// The response, and how statistics call its status.
async fn answer(control: &Control, call: &Call, scissors: &Scissors) -> (Response, String) {
    let admitted = control.with_world(|world, now| world.admit(call, now));
    let fate = match &admitted {
        Ok(admitted) => &admitted.fate,
        Err(refused) => &refused.fate,
    };
    if !fate.latency.is_zero() {
        tokio::time::sleep(fate.latency).await;
    }
    if fate.cuts_before() {
        scissors.cut();
        return (Body::empty().into_response(), "cut".to_owned());
    }
    let (answer, fate, now): (Answer, Fate, _) = match admitted {
        Ok(admitted) => {
            let (answer, now) =
                control.with_world(|world, now| (world.answer(call, &admitted, now), now));
            (answer, admitted.fate, now)
        }
        Err(refused) => (refused.answer, refused.fate, control.now()),
    };
    let status = match fate.damage {
        Some(Fault::CutMid) => "cut".to_owned(),
        _ => answer.status.as_u16().to_string(),
    };
    (answer.into_response(now, fate.damage.as_ref()), status)
}
