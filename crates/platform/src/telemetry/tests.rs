//! Telemetry: what a log line looks like, what a filter lets through, how a trace travels.

use std::io::Write;

use rstest::rstest;
use serde_json::Value;
use tracing::{Span, info, info_span};

use super::testing::{PROCESS, provider, recording};
use super::*;
use crate::config::{Problems, Section as _};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn config(log: LogFormat, filter: &str) -> TelemetryConfig {
    TelemetryConfig {
        exporter: Exporter::None,
        endpoint: "http://127.0.0.1:4317".to_owned(),
        protocol: Protocol::Grpc,
        ratio: 1.0,
        flush: Duration::from_secs(1),
        log,
        filter: filter.to_owned(),
    }
}

/// A log that is kept.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.lines().concat()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Logs what `work` does; returns the log.
fn logged(config: &TelemetryConfig, work: impl FnOnce(&LogFilter)) -> Kept {
    let kept = Kept::default();
    let writer = kept.clone();
    let (logs, filter) = logs(config, move || writer.clone()).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(logs), || work(&filter));
    kept
}

#[test]
fn a_json_line_holds_target_level_fields_and_the_fields_of_its_spans() {
    let log = logged(&config(LogFormat::Json, "info"), |_| {
        let _span = info_span!("deliver", delivery.attempt = 3).entered();
        info!(event.id = "17", "delivered");
    });

    let line = log.json();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["target"], "ie_platform::telemetry::tests");
    assert_eq!(line["fields"]["message"], "delivered");
    assert_eq!(line["fields"]["event.id"], "17");
    assert_eq!(line["spans"][0]["name"], "deliver");
    assert_eq!(line["spans"][0]["delivery.attempt"], 3);
    assert!(line["timestamp"].is_string(), "{line}");
    assert!(line.get("trace_id").is_none(), "{line}");
}

#[test]
fn a_json_line_names_its_trace_when_there_is_one() {
    let kept = Kept::default();
    let writer = kept.clone();
    let (logs, _) = logs(&config(LogFormat::Json, "info"), move || writer.clone()).unwrap();
    let (recorded, provider) = provider();
    let subscriber = tracing_subscriber::registry()
        .with(logs)
        .with(spans(&provider, PROCESS));

    tracing::subscriber::with_default(subscriber, || {
        let _span = info_span!("deliver").entered();
        info!("delivered {{}}");
    });

    let span = recorded.finished().pop().unwrap();
    let line = kept.json();
    assert_eq!(line["trace_id"], span.span_context.trace_id().to_string());
    assert_eq!(line["span_id"], span.span_context.span_id().to_string());
    assert_eq!(line["fields"]["message"], "delivered {}");
}

#[test]
fn a_line_for_people_is_one_line_without_colour_codes_when_nobody_watches() {
    let log = logged(&config(LogFormat::Human, "info"), |_| {
        info!(event.id = "17", "delivered");
    });

    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("INFO ie_platform::telemetry::tests: delivered event.id=\"17\""),
        "{lines:?}"
    );
}

#[test]
fn a_filter_can_be_changed_while_the_process_runs() {
    let log = logged(&config(LogFormat::Json, "warn"), |filter| {
        info!("before");
        filter
            .set("off,ie_platform::telemetry::tests=info")
            .unwrap();
        info!("after");
        assert_eq!(filter.get(), "off,ie_platform::telemetry::tests=info");
    });

    assert_eq!(log.json()["fields"]["message"], "after");
}

#[test]
fn a_text_that_is_no_filter_changes_nothing() {
    let log = logged(&config(LogFormat::Json, "info"), |filter| {
        let error = filter.set("ie_platform=loud").unwrap_err();
        assert!(matches!(error, LogFilterError::Syntax(_)), "{error}");
        assert_eq!(filter.get(), "info");
        info!("still here");
    });

    assert_eq!(log.json()["fields"]["message"], "still here");
}

#[test]
fn the_log_filter_hides_lines_and_no_spans() {
    let (logs, _) = logs(&config(LogFormat::Json, "error"), std::io::sink).unwrap();
    let (recorded, provider) = provider();
    let subscriber = tracing_subscriber::registry()
        .with(logs)
        .with(spans(&provider, PROCESS));

    tracing::subscriber::with_default(subscriber, || drop(info_span!("deliver").entered()));

    assert_eq!(recorded.finished()[0].name, "deliver");
}

#[test]
fn the_transports_own_spans_are_not_exported() {
    let (recorded, recorder) = recording();

    drop(info_span!(target: "h2::client", "send frame").entered());
    drop(info_span!(target: "ie_broker", "publish ie.poll").entered());

    drop(recorder);
    let names: Vec<_> = recorded
        .finished()
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert_eq!(names, ["publish ie.poll"]);
}

#[test]
fn a_trace_goes_on_where_its_text_is_read() {
    let (recorded, recorder) = recording();

    let text = info_span!("publish").in_scope(current_traceparent).unwrap();
    let span = info_span!("process");
    set_parent(&span, &text);
    let read = span.in_scope(current_traceparent).unwrap();
    drop(span);

    drop(recorder);
    let spans = recorded.finished();
    let (publish, process) = (&spans[0], &spans[1]);
    assert_eq!(process.parent_span_id, publish.span_context.span_id());
    assert_eq!(
        process.span_context.trace_id(),
        publish.span_context.trace_id()
    );
    assert_ne!(read, text);
}

#[test]
fn a_link_names_the_other_span_and_does_not_adopt_its_trace() {
    let (recorded, recorder) = recording();

    let span = info_span!("process");
    add_link(&span, PARENT);
    drop(span);

    drop(recorder);
    let span = recorded.finished().pop().unwrap();
    assert_eq!(
        span.links[0].span_context.span_id().to_string(),
        "b7ad6b7169203331"
    );
    assert_ne!(
        span.span_context.trace_id().to_string(),
        "0af7651916cd43dd8448eb211c80319c"
    );
}

#[rstest]
#[case::nothing("")]
#[case::no_traceparent("hello")]
#[case::all_zero("00-00000000000000000000000000000000-0000000000000000-01")]
fn a_text_that_is_no_traceparent_begins_a_new_trace(#[case] text: &str) {
    let (recorded, recorder) = recording();

    let span = info_span!("process");
    set_parent(&span, text);
    add_link(&span, text);
    drop(span);

    drop(recorder);
    let span = recorded.finished().pop().unwrap();
    assert!(span.span_context.is_valid());
    assert_eq!(span.parent_span_id, opentelemetry::trace::SpanId::INVALID);
    assert!(span.links.is_empty());
}

#[test]
fn without_a_trace_there_is_no_traceparent() {
    assert_eq!(current_traceparent(), None);

    // And whoever was given one does no harm with it.
    set_parent(&Span::current(), PARENT);
    add_link(&Span::current(), PARENT);
}

#[test]
fn a_second_set_up_in_one_process_leaves_the_first_alone() {
    let first = init(PROCESS, &config(LogFormat::Json, "info")).unwrap();

    let second = init(PROCESS, &config(LogFormat::Human, "debug")).unwrap();

    let refused = second.log_filter().set("debug").unwrap_err();
    assert!(matches!(refused, LogFilterError::NotOurs), "{refused}");
    drop(second);
    first.shutdown();
}

#[rstest]
#[case::ratio(|config: &mut TelemetryConfig| config.ratio = 1.5, "telemetry.ratio")]
#[case::ratio_that_is_no_number(|config: &mut TelemetryConfig| config.ratio = f64::NAN, "telemetry.ratio")]
#[case::filter(|config: &mut TelemetryConfig| config.filter = "ie=loud".to_owned(), "telemetry.filter")]
#[case::endpoint(
    |config: &mut TelemetryConfig| {
        config.exporter = Exporter::Otlp;
        config.endpoint = "jaeger:4317".to_owned();
    },
    "telemetry.endpoint"
)]
fn a_value_that_cannot_be_used_is_named(
    #[case] spoil: fn(&mut TelemetryConfig),
    #[case] key: &str,
) {
    let mut config = config(LogFormat::Human, "info");
    spoil(&mut config);

    let mut problems = Problems::default();
    config.validate(&mut problems);

    assert_eq!(problems.keys().collect::<Vec<_>>(), [key]);
}
