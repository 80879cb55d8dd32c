//! What a process says about itself, and that saying it never keeps it from ending.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use ie_platform::Lifecycle;
use nix::sys::signal::Signal;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::probe::{Ended, Probe};

fn run_and_stop(variables: &[(&str, &str)]) -> Ended {
    let probe = Probe::up(variables);
    probe.signal(Signal::SIGTERM);
    probe.ended()
}

#[test]
fn the_start_line_shows_the_whole_configuration_and_no_secret() {
    let mut probe = Probe::start(&[("IE__PROBE__PASSWORD", "s3cr3t")]);

    let line = probe.says("starting");

    probe.signal(Signal::SIGTERM);
    let ended = probe.ended();
    let shown: serde_json::Value =
        serde_json::from_str(line["fields"]["config"].as_str().unwrap()).unwrap();
    assert_eq!(line["fields"]["process.name"], "ie-probe");
    assert_eq!(line["fields"]["process.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(shown["probe"]["password"], "********");
    assert_eq!(shown["probe"]["task"], "steady");
    assert_eq!(shown["lifecycle"]["drain"], "25s");
    assert!(!ended.text().contains("s3cr3t"), "{}", ended.text());
}

#[test]
fn spans_go_to_stdout_when_told_so_and_the_log_names_their_trace() {
    let ended = run_and_stop(&[("IE__TELEMETRY__EXPORTER", "stdout")]);

    let span: serde_json::Value =
        serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap();
    let done = ended
        .log
        .iter()
        .find(|line| line.contains("work is done"))
        .unwrap();
    let done: serde_json::Value = serde_json::from_str(done).unwrap();
    assert_eq!(span["name"], "work");
    assert_eq!(span["trace_id"], done["trace_id"]);
    assert!(
        span["trace_id"].as_str().is_some_and(|id| id.len() == 32),
        "{span}"
    );
}

#[test]
fn a_ratio_of_zero_keeps_no_trace() {
    let ended = run_and_stop(&[
        ("IE__TELEMETRY__EXPORTER", "stdout"),
        ("IE__TELEMETRY__RATIO", "0"),
    ]);

    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert_eq!(ended.stdout, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_were_not_sent_yet_are_sent_at_the_end() {
    let collector = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/traces"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&collector)
        .await;
    let endpoint = collector.uri();

    let variables = [
        ("IE__TELEMETRY__EXPORTER", "otlp"),
        ("IE__TELEMETRY__PROTOCOL", "http"),
        ("IE__TELEMETRY__ENDPOINT", endpoint.as_str()),
    ];
    let ended = tokio::task::block_in_place(|| run_and_stop(&variables));

    let requests = collector.received_requests().await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert_eq!(requests.len(), 1, "{}", ended.text());
    let body = String::from_utf8_lossy(&requests[0].body);
    assert!(body.contains("service.name"), "{body}");
    assert!(body.contains("ie-probe"), "{body}");
    assert!(body.contains("work"), "{body}");
}

#[rstest::rstest]
#[case::grpc("grpc")]
#[case::http("http")]
fn a_collector_that_never_answers_does_not_keep_the_process(#[case] protocol: &str) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let probe = Probe::up(&[
        ("IE__TELEMETRY__EXPORTER", "otlp"),
        ("IE__TELEMETRY__PROTOCOL", protocol),
        ("IE__TELEMETRY__ENDPOINT", &endpoint),
        ("IE__TELEMETRY__FLUSH", "300ms"),
    ]);
    let start = Instant::now();

    probe.signal(Signal::SIGTERM);

    let ended = probe.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    assert!(
        ended.said("some spans were not sent before the end"),
        "{}",
        ended.text()
    );
}

#[test]
fn a_collector_that_is_not_there_changes_nothing() {
    let ended = run_and_stop(&[
        ("IE__TELEMETRY__EXPORTER", "otlp"),
        ("IE__TELEMETRY__ENDPOINT", "http://127.0.0.1:1"),
        ("IE__TELEMETRY__FLUSH", "2s"),
    ]);

    assert_eq!(ended.code, Some(0), "{}", ended.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_a_collector_over_grpc() {
    let (sender, mut calls) = tokio::sync::mpsc::unbounded_channel();
    let collector = Router::new().fallback(|request: Request| async move {
        let path = request.uri().path().to_owned();
        let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
        sender.send((path, body)).unwrap();
        // An empty message: no compression, no bytes.
        let headers = [("content-type", "application/grpc"), ("grpc-status", "0")];
        (headers, [0_u8; 5].to_vec())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let lifecycle = Lifecycle::new();
    lifecycle.spawn("collector", async {
        Ok(axum::serve(listener, collector).await?)
    });

    let variables = [
        ("IE__TELEMETRY__EXPORTER", "otlp"),
        ("IE__TELEMETRY__ENDPOINT", endpoint.as_str()),
    ];
    let ended = tokio::task::block_in_place(|| run_and_stop(&variables));

    let (path, body) = calls.recv().await.unwrap();
    assert_eq!(
        path,
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    );
    assert!(String::from_utf8_lossy(&body).contains("ie-probe"));
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(!ended.text().contains("ExportError"), "{}", ended.text());
    lifecycle.abort();
}
