//! The health port, asked in-process.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::access::Access;
use super::server::router;
use super::*;
use crate::config::{Problems, Section as _};
use crate::metrics;
use crate::telemetry::testing::PROCESS;

async fn ask(
    health: &Health,
    method: &str,
    path: &str,
    body: &'static str,
) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from(body))
        .unwrap();
    let response = router(health.clone(), Access::Everybody)
        .oneshot(request)
        .await
        .unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn readiness(health: &Health) -> (StatusCode, Value) {
    let (status, body) = ask(health, "GET", "/health/ready", "").await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_process_without_components_is_ready() {
    assert_eq!(
        readiness(&Health::new()).await,
        (StatusCode::OK, json!({"ready": true, "components": {}}))
    );
}

#[tokio::test]
async fn a_component_is_not_ready_until_it_says_so() {
    let health = Health::new();

    let broker = health.component("broker");

    assert_eq!(readiness(&health).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!health.is_ready());
    broker.set_ready();
    assert_eq!(readiness(&health).await.0, StatusCode::OK);
    assert!(health.is_ready());
}

#[tokio::test]
async fn who_is_not_ready_is_listed_with_the_reason() {
    let health = Health::new();
    health.component("store").set_ready();
    let broker = health.component("broker");
    broker.set_ready();

    broker.set_unready("the connection is lost");

    let (status, body) = readiness(&health).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        body,
        json!({"ready": false, "components": {
            "broker": {"ready": false, "why": "the connection is lost"},
            "store": {"ready": true},
        }})
    );
}

#[test]
fn a_component_registered_twice_is_one_component() {
    let health = Health::new();
    health.component("broker").set_ready();

    health.component("broker");

    assert!(health.is_ready());
}

#[tokio::test]
async fn a_process_that_is_not_ready_is_still_live() {
    let health = Health::new();
    health.component("broker").set_unready("no");

    assert_eq!(
        ask(&health, "GET", "/health/live", "").await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn numbers_are_shown_in_prometheus_form() {
    metrics::install();
    metrics::announce(PROCESS);
    ::metrics::counter!("ie_tests_total", "outcome" => "passed").increment(3);
    ::metrics::histogram!("ie_test_seconds").record(0.3);
    ::metrics::histogram!("ie_test_lag_seconds").record(4000.0);

    let (status, body) = ask(&Health::new(), "GET", "/metrics", "").await;

    assert_eq!(status, StatusCode::OK);
    for line in [
        r#"ie_build_info{process="ie-test",version="0.0.0"} 1"#,
        r#"ie_tests_total{outcome="passed"} 3"#,
        r#"ie_test_seconds_bucket{le="0.25"} 0"#,
        r#"ie_test_seconds_bucket{le="0.5"} 1"#,
        r#"ie_test_lag_seconds_bucket{le="3600"} 0"#,
        r#"ie_test_lag_seconds_bucket{le="21600"} 1"#,
    ] {
        assert!(
            body.lines().any(|found| found == line),
            "{line} is not in\n{body}"
        );
    }
}

#[tokio::test]
async fn readiness_is_a_number_of_each_component() {
    metrics::install();
    let health = Health::new();
    let broker = health.component("broker of a test");
    let number = |body: &str| {
        let name = r#"ie_ready{component="broker of a test"} "#;
        let line = body.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::to_owned)
    };

    let starting = ask(&health, "GET", "/metrics", "").await.1;
    broker.set_ready();
    let ready = ask(&health, "GET", "/metrics", "").await.1;
    broker.set_unready("the connection is lost");
    let lost = ask(&health, "GET", "/metrics", "").await.1;

    let numbers = [starting, ready, lost].map(|body| number(&body).unwrap());
    assert_eq!(numbers, ["0", "1", "0"]);
}

#[test]
fn a_second_recorder_is_the_first_one() {
    assert!(std::ptr::eq(metrics::install(), metrics::install()));
}

#[tokio::test]
async fn a_log_filter_that_is_not_ours_cannot_be_changed() {
    let health = Health::new();
    health.set_log_filter(crate::telemetry::LogFilter::default());

    assert_eq!(
        ask(&health, "PUT", "/log-filter", "debug").await.0,
        StatusCode::CONFLICT
    );
}

#[rstest]
#[case::another_word("ie=loud")]
#[case::nothing(" ")]
#[tokio::test]
async fn a_log_filter_that_is_none_is_refused_with_an_example(#[case] text: &'static str) {
    let health = Health::new();
    health.set_log_filter(crate::telemetry::LogFilter::default());

    let (status, body) = ask(&health, "PUT", "/log-filter", text).await;

    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("info,ie_broker=debug"), "{body}");
}

#[tokio::test]
async fn whoever_may_not_change_the_log_filter_may_see_it() {
    let put = Request::put("/log-filter")
        .body(Body::from("debug"))
        .unwrap();
    let get = Request::get("/log-filter").body(Body::empty()).unwrap();
    let router = router(Health::new(), Access::Nobody);

    let refused = router.clone().oneshot(put).await.unwrap().status();
    let seen = router.oneshot(get).await.unwrap().status();

    assert_eq!((refused, seen), (StatusCode::FORBIDDEN, StatusCode::OK));
}

#[rstest]
#[case::short("0123456789abcde", &["health.token"])]
#[case::blank("                  ", &["health.token"])]
#[case::long_enough("0123456789abcdef", &[])]
fn a_token_is_long_enough_not_to_be_guessed(#[case] token: &str, #[case] named: &[&str]) {
    let config = HealthConfig {
        address: "0.0.0.0:9090".to_owned(),
        token: Some(token.into()),
    };

    let mut problems = Problems::default();
    config.validate(&mut problems);

    assert_eq!(problems.keys().collect::<Vec<_>>(), named);
}

#[rstest]
#[case::port_only("9090", false)]
#[case::name("localhost:9090", false)]
#[case::off("", true)]
#[case::any_port("127.0.0.1:0", true)]
#[case::version_six("[::1]:9090", true)]
fn an_address_is_digits_and_a_port_or_nothing(#[case] address: &str, #[case] good: bool) {
    let config = HealthConfig {
        address: address.to_owned(),
        token: None,
    };

    let mut problems = Problems::default();
    config.validate(&mut problems);

    assert_eq!(problems.is_empty(), good, "{problems}");
}

#[tokio::test]
async fn without_an_address_there_is_no_server() {
    let health = Health::new();
    let off = HealthConfig {
        address: String::new(),
        token: None,
    };

    assert!(bind(&health, &off).await.unwrap().is_none());
    assert_eq!(health.address(), None);
}

#[tokio::test]
async fn a_port_of_the_systems_choice_can_be_asked_for() {
    let health = Health::new();
    let any = HealthConfig {
        address: "127.0.0.1:0".to_owned(),
        token: None,
    };

    let listener = bind(&health, &any).await.unwrap().unwrap();

    assert_eq!(health.address(), Some(listener.local_addr().unwrap()));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_setting() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = HealthConfig {
        address: taken.local_addr().unwrap().to_string(),
        token: None,
    };

    let error = bind(&Health::new(), &config).await.unwrap_err();

    let text = format!("{error:#}");
    assert!(text.contains("health.address"), "{text}");
    assert!(text.contains(&config.address), "{text}");
}
