//! The health port.

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use super::access::Access;
use super::{Health, HealthConfig};
use crate::lifecycle::Lifecycle;
use crate::metrics;
use crate::telemetry::LogFilterError;

/// The content type of Prometheus' text form.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Binds the configured address; `None` when the server is switched off.
pub(crate) async fn bind(
    health: &Health,
    config: &HealthConfig,
) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = config.socket_address() else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!(
            "listening on {address}: choose another health.address, or \"\" for no health server"
        )
    })?;
    let bound = listener
        .local_addr()
        .context("asking for the health address")?;
    health.inner.address.get_or_init(|| bound);
    tracing::info!(health.address = %bound, "health server listens");
    Ok(Some(listener))
}

/// Answers until the soft stop of `lifecycle`; who may change something depends on where it listens.
pub(crate) async fn serve(
    listener: TcpListener,
    (health, config): (Health, HealthConfig),
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let bound = listener
        .local_addr()
        .context("asking for the health address")?;
    axum::serve(listener, router(health, Access::of(&config, bound)))
        .with_graceful_shutdown(lifecycle.stopping().cancelled_owned())
        .await
        .context("serving the health port")
}

pub(super) fn router(health: Health, access: Access) -> Router {
    let change = put(set_log_filter).with_state((health.clone(), access));
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(render_metrics))
        .route("/log-filter", get(log_filter))
        .with_state(health)
        .route("/log-filter", change)
}

async fn live() -> &'static str {
    "live\n"
}

async fn ready(State(health): State<Health>) -> Response {
    let components = health.components().clone();
    let ready = components.values().all(|status| status.ready);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({ "ready": ready, "components": components });
    (status, Json(body)).into_response()
}

async fn render_metrics(State(health): State<Health>) -> impl IntoResponse {
    health.tell();
    (
        [(header::CONTENT_TYPE, PROMETHEUS_TEXT)],
        metrics::install().render(),
    )
}

async fn log_filter(State(health): State<Health>) -> String {
    health
        .inner
        .filter
        .get()
        .map(|filter| filter.get())
        .unwrap_or_default()
}

async fn set_log_filter(
    State((health, access)): State<(Health, Access)>,
    headers: HeaderMap,
    text: String,
) -> Response {
    if let Err(refused) = access.check(&headers) {
        return *refused;
    }
    let text = text.trim();
    let outcome = match health.inner.filter.get() {
        Some(filter) => filter.set(text),
        None => Err(LogFilterError::NotOurs),
    };
    let status = match &outcome {
        Ok(()) => StatusCode::OK,
        Err(LogFilterError::Syntax(_) | LogFilterError::Nothing) => StatusCode::BAD_REQUEST,
        Err(LogFilterError::NotOurs) => StatusCode::CONFLICT,
    };
    let body = match outcome {
        Ok(()) => text.to_owned(),
        Err(error) => error.to_string(),
    };
    (status, format!("{body}\n")).into_response()
}
