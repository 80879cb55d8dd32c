//! Where spans go: nowhere, to stdout, or to a collector.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter, TracerProviderBuilder};
use serde_json::json;

use super::config::{Exporter, Protocol, TelemetryConfig};
use crate::http;

/// How long one batch may take: less than it takes to fill the queue behind it.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a collector takes traces over HTTP.
const TRACES_PATH: &str = "/v1/traces";

/// A provider that exports in batches as configured; `None` when spans go nowhere.
pub(super) fn batch(config: &TelemetryConfig) -> anyhow::Result<Option<TracerProviderBuilder>> {
    let builder = SdkTracerProvider::builder();
    Ok(match config.exporter {
        Exporter::None => None,
        Exporter::Stdout => Some(builder.with_batch_exporter(StdoutExporter)),
        Exporter::Otlp => Some(builder.with_batch_exporter(otlp(config)?)),
    })
}

fn otlp(config: &TelemetryConfig) -> anyhow::Result<opentelemetry_otlp::SpanExporter> {
    http::install_crypto_provider();
    let builder = opentelemetry_otlp::SpanExporter::builder();
    let exporter = match config.protocol {
        Protocol::Grpc => builder
            .with_tonic()
            .with_endpoint(&config.endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .with_tls_config(ClientTlsConfig::new().with_native_roots())
            .build(),
        Protocol::Http => builder
            .with_http()
            .with_endpoint(traces_url(&config.endpoint))
            .with_timeout(EXPORT_TIMEOUT)
            .build(),
    };
    exporter.context("building the OTLP exporter (telemetry.endpoint)")
}

/// Operators write the collector's address; over HTTP the path of traces belongs to it.
fn traces_url(endpoint: &str) -> String {
    let address = endpoint.trim_end_matches('/');
    if address.ends_with(TRACES_PATH) {
        address.to_owned()
    } else {
        format!("{address}{TRACES_PATH}")
    }
}

/// Writes each span to stdout as one JSON object, to look at and for tests.
#[derive(Debug)]
struct StdoutExporter;

impl SpanExporter for StdoutExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut out = std::io::stdout().lock();
        for span in batch {
            writeln!(out, "{}", line(&span))
                .map_err(|error| OTelSdkError::InternalFailure(error.to_string()))?;
        }
        Ok(())
    }
}

fn line(span: &SpanData) -> serde_json::Value {
    let attributes: serde_json::Map<_, _> = span
        .attributes
        .iter()
        .map(|attribute| {
            (
                attribute.key.to_string(),
                attribute.value.to_string().into(),
            )
        })
        .collect();
    let links: Vec<_> = span
        .links
        .iter()
        .map(|link| link.span_context.span_id().to_string())
        .collect();
    json!({
        "trace_id": span.span_context.trace_id().to_string(),
        "span_id": span.span_context.span_id().to_string(),
        "parent_span_id": span.parent_span_id.to_string(),
        "name": span.name,
        "kind": format!("{:?}", span.span_kind).to_lowercase(),
        "start_ms": milliseconds(span.start_time),
        "end_ms": milliseconds(span.end_time),
        "status": format!("{:?}", span.status),
        "attributes": attributes,
        "links": links,
    })
}

fn milliseconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64() * 1000.0
}
