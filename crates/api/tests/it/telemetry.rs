//! Traces and metrics of requests.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::Method;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::rig::{Rig, path};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn the_requests_id_is_that_of_its_trace() {
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing_subscriber::registry().with(layer);
    let _guard = tracing::subscriber::set_default(subscriber);
    let rig = Rig::start().await;

    let caller = tracing::info_span!("caller");
    ie_platform::telemetry::set_parent(&caller, &format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let answer = tracing::Instrument::instrument(rig.get("/instances/4711"), caller).await;

    assert_eq!(answer.body["requestId"], TRACE);
    assert_eq!(answer.headers["elements-request-id"], TRACE);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let metrics = ie_platform::metrics::install();
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    rig.get(&path(&instance)).await.ok();
    rig.get("/instances/4711").await;
    rig.get("/nowhere").await;
    rig.send(Method::GET, "/instances", None, "").await;

    let text = metrics.render();

    for line in [
        r#"ie_api_requests_total{route="/elements/api-v2/instances/{id}",status="200"} 1"#,
        r#"ie_api_requests_total{route="/elements/api-v2/instances/{id}",status="404"} 1"#,
        r#"ie_api_requests_total{route="/elements/api-v2/instances",status="401"} 1"#,
        r#"ie_api_requests_total{route="unmatched",status="404"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("/4711"), "no identifier is in a label");
}
