//! What surrounds every request: its span, its id, its metrics, its time limit, and its panics.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use ie_platform::telemetry;
use opentelemetry::trace::TraceContextExt as _;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::app::App;
use crate::error::ApiError;

/// The header that carries the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("elements-request-id");

/// The route of a request that no route takes, in spans and metrics.
const UNMATCHED: &str = "unmatched";

tokio::task_local! {
    static CURRENT_ID: String;
}

/// The id of the request being answered.
pub(crate) fn request_id() -> String {
    CURRENT_ID
        .try_with(Clone::clone)
        .unwrap_or_else(|_| random_id())
}

/// Does the work of the request with this id elsewhere than in its own task.
pub(crate) async fn within<T>(id: String, work: impl Future<Output = T>) -> T {
    CURRENT_ID.scope(id, work).await
}

/// Answers a request inside its span, within its time, and counts it.
pub(crate) async fn request(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or_else(
        || UNMATCHED.to_owned(),
        |matched| matched.as_str().to_owned(),
    );
    let span = span(&method, &route);
    let parent = request.headers().get("traceparent");
    if let Some(parent) = parent.and_then(|value| value.to_str().ok()) {
        telemetry::set_parent(&span, parent);
    }
    let id = trace_id(&span).unwrap_or_else(random_id);

    let answer = CURRENT_ID
        .scope(
            id.clone(),
            guarded(app.config.request_timeout, next.run(request)),
        )
        .instrument(span.clone());
    let mut response = answer.await;

    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_str());
    }
    let labels = [("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!("ie_api_requests_total", &labels).increment(1);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The answer, or what is said in its place after a panic or too long a time.
pub(crate) async fn guarded(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let cause = anyhow::anyhow!("panicked: {}", text.unwrap_or_default());
            ApiError::internal(cause).into_response()
        }
        Err(elapsed) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the request took too long; whether it had an effect is not known, look before trying again",
        )
        .because(elapsed)
        .into_response(),
    }
}

/// As the HTTP conventions have it, but without `url.path`: a hint's holds a secret.
fn span(method: &str, route: &str) -> Span {
    tracing::info_span!(
        "http request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        component = "api",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        url.scheme = "http",
        error.type = Empty,
    )
}

/// The trace id, when the request is traced.
fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| context.trace_id().to_string())
}

fn random_id() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_like_every_error_and_its_text_stays_inside() {
        let id = random_id();

        let panics = guarded(Duration::from_secs(60), async { panic!("the cause") });
        let response = CURRENT_ID.scope(id.clone(), panics).await;

        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "requestId": id,
                "message": "something went wrong here; the operator finds it by the request's id",
            })
        );
    }
}
