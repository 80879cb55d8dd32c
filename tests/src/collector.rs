//! A collector of traces: a real server for OTLP, over gRPC and over HTTP, that keeps the spans it is sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use ie_platform::Lifecycle;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message as _;

pub use otlp::span::SpanKind;

/// What gRPC puts before a message: whether it is compressed, and its length.
const GRPC_PREFIX: usize = 5;

/// A span, as its process sent it. Ids are hexadecimal.
#[derive(Clone, Debug)]
pub struct Span {
    /// `service.name` of its process.
    pub service: String,
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: SpanKind,
    /// The trace that it belongs to.
    pub trace: String,
    /// Its id.
    pub id: String,
    /// The id of its parent; empty for the root of a trace.
    pub parent: String,
    /// The attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// Trace and span of each link.
    pub links: Vec<(String, String)>,
}

impl Span {
    /// An attribute; nothing when it is not there.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// A collector on a free port; it ends with the lifecycle.
#[derive(Clone)]
pub struct Collector {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    spans: Vec<Span>,
    messages: Vec<Vec<u8>>,
}

impl Collector {
    /// Starts one.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start(lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let collector = Self {
            address: listener.local_addr()?,
            kept: Arc::default(),
        };
        let app = Router::new()
            .route("/v1/traces", post(over_http))
            .route(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                post(over_grpc),
            )
            .with_state(collector.clone());
        let own = lifecycle.clone();
        lifecycle.spawn("collector", async move {
            // Dropped at the stop: exporters keep their connections.
            match own
                .run_until_stopped(axum::serve(listener, app).into_future())
                .await
            {
                Some(ended) => Ok(ended?),
                None => Ok(()),
            }
        });
        Ok(collector)
    }

    /// Where it is, for `telemetry.endpoint`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans that have arrived of a trace.
    pub fn trace(&self, id: &str) -> Vec<Span> {
        self.spans(|span| span.trace == id)
    }

    /// The spans that have arrived and are wanted.
    pub fn spans(&self, wanted: impl Fn(&Span) -> bool) -> Vec<Span> {
        let kept = self.kept();
        let spans = kept.spans.iter();
        spans.filter(|span| wanted(span)).cloned().collect()
    }

    /// What has arrived, byte for byte.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.kept().messages.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, message: &[u8]) -> anyhow::Result<()> {
        let request = ExportTraceServiceRequest::decode(message)?;
        let mut kept = self.kept();
        kept.messages.push(message.to_vec());
        for resource_spans in request.resource_spans {
            let service = service_name(resource_spans.resource);
            let scopes = resource_spans.scope_spans.into_iter();
            kept.spans.extend(
                scopes
                    .flat_map(|scope| scope.spans)
                    .map(|span| read(span, &service)),
            );
        }
        Ok(())
    }
}

async fn over_http(State(collector): State<Collector>, body: Bytes) -> Response {
    match collector.take(&body) {
        // An empty answer has no bytes.
        Ok(()) => [("content-type", "application/x-protobuf")].into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}")).into_response(),
    }
}

async fn over_grpc(State(collector): State<Collector>, body: Bytes) -> Response {
    let message = body.get(GRPC_PREFIX..).context("a message has a prefix");
    let status = match message.and_then(|message| collector.take(message)) {
        Ok(()) => "0",
        // INVALID_ARGUMENT.
        Err(_) => "3",
    };
    let headers = [
        ("content-type", "application/grpc"),
        ("grpc-status", status),
    ];
    (headers, [0_u8; GRPC_PREFIX].to_vec()).into_response()
}

fn service_name(resource: Option<Resource>) -> String {
    let attributes = attributes(resource.unwrap_or_default().attributes);
    attributes.get("service.name").cloned().unwrap_or_default()
}

fn read(span: otlp::Span, service: &str) -> Span {
    let links = span.links.iter();
    Span {
        service: service.to_owned(),
        kind: span.kind(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: links
            .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
            .collect(),
        attributes: attributes(span.attributes),
        name: span.name,
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let pairs = pairs.into_iter();
    pairs.map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
