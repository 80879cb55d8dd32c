//! The one way to call others over HTTP: limits and TLS are set once, and every call is traced.

use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use metrics::histogram;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Request, RequestBuilder, Response};
use rustls::ClientConfig;
use tower::util::MapResponseLayer;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

pub use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::tls::Tls;

/// Is told of something.
pub type Opened = Arc<dyn Fn() + Send + Sync>;

/// How a client behaves.
#[derive(Clone)]
pub struct ClientSettings {
    /// How long a connection, with its TLS handshake, may take.
    pub connect_timeout: Duration,
    /// How long a call may take from its beginning to the end of the answer's body.
    pub timeout: Duration,
    /// How many unused connections are kept for each host.
    pub pool_max_idle_per_host: usize,
    /// How long an unused connection is kept.
    pub pool_idle_timeout: Duration,
    /// Whom to trust and what to show; without it the operating system's authorities, and nothing.
    pub tls: Option<Tls>,
    /// Is told of every connection that is opened.
    pub opened: Option<Opened>,
    /// Resolves names in place of the operating system, for callers that must look at the addresses.
    ///
    /// An address written in digits is not resolved; look at the URL as well.
    pub resolver: Option<Arc<dyn Resolve>>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            pool_max_idle_per_host: 32,
            pool_idle_timeout: Duration::from_secs(60),
            tls: None,
            opened: None,
            resolver: None,
        }
    }
}

impl Debug for ClientSettings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("pool_max_idle_per_host", &self.pool_max_idle_per_host)
            .field("pool_idle_timeout", &self.pool_idle_timeout)
            .field("tls", &self.tls)
            .field("opened", &self.opened.is_some())
            .field("resolver", &self.resolver.is_some())
            .finish()
    }
}

/// Makes a client.
///
/// Redirects are never followed, no proxy is used, and the user agent is `insightly-events/<version>`.
/// Certificates are verified against the operating system's store (or `SSL_CERT_FILE`), unless `tls` says otherwise.
pub fn client(settings: &ClientSettings) -> Result<Client, reqwest::Error> {
    install_crypto_provider();
    let mut builder = Client::builder()
        .user_agent(concat!("insightly-events/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.timeout)
        .pool_max_idle_per_host(settings.pool_max_idle_per_host)
        .pool_idle_timeout(settings.pool_idle_timeout);
    if let Some(tls) = &settings.tls {
        builder = builder.tls_backend_preconfigured(ClientConfig::clone(&tls.config));
    }
    if let Some(opened) = &settings.opened {
        let opened = Arc::clone(opened);
        builder = builder.connector_layer(MapResponseLayer::new(move |connection| {
            opened();
            connection
        }));
    }
    if let Some(resolver) = &settings.resolver {
        builder = builder.dns_resolver(Arc::clone(resolver));
    }
    builder.build()
}

/// Sends a request: the only place that creates a client span and hands the trace on.
///
/// `operation` names the span; it says what is done (`deliver notification`) and holds no identifier.
/// Errors do not show the address, whose query may hold a secret.
pub async fn send(
    request: RequestBuilder,
    client: &Client,
    operation: &'static str,
) -> Result<Response, reqwest::Error> {
    let mut request = request.build().map_err(reqwest::Error::without_url)?;
    let span = client_span(&request, operation);
    inject(&span, request.headers_mut());

    let started = Instant::now();
    let result = client.execute(request).instrument(span.clone()).await;
    let outcome = record(&span, &result);
    histogram!("ie_http_client_seconds", "operation" => operation, "outcome" => outcome)
        .record(started.elapsed());
    result.map_err(reqwest::Error::without_url)
}

/// Reads a body up to `limit` bytes, counted after decompression, and says whether there was more.
///
/// The rest is not read: the connection is closed instead.
pub async fn read_limited(
    mut response: Response,
    limit: usize,
) -> Result<(Bytes, bool), reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(reqwest::Error::without_url)?
    {
        let room = limit - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            return Ok((body.freeze(), true));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body.freeze(), false))
}

/// Chooses the one crypto provider of the process, the first time that it is called.
pub fn install_crypto_provider() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // An error means that somebody else chose before; then theirs holds.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// As the HTTP conventions have it, but without `url.full`: the path and the query of a callback may hold a secret.
fn client_span(request: &Request, operation: &'static str) -> Span {
    let url = request.url();
    tracing::info_span!(
        "http request",
        otel.name = operation,
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = %request.method(),
        server.address = url.host_str().unwrap_or_default(),
        server.port = url.port_or_known_default().unwrap_or_default(),
        url.scheme = url.scheme(),
        http.response.status_code = Empty,
        error.type = Empty,
    )
}

fn inject(span: &Span, headers: &mut HeaderMap) {
    let propagator = TraceContextPropagator::new();
    propagator.inject_context(&span.context(), &mut HeaderInjector(headers));
}

/// Writes the outcome into the span; returns it as a label with few values.
fn record(span: &Span, result: &Result<Response, reqwest::Error>) -> &'static str {
    let failed = |error_type: &str| {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", error_type);
    };
    let response = match result {
        Ok(response) => response,
        Err(error) => {
            let outcome = match error {
                error if error.is_connect() => "connect",
                error if error.is_timeout() => "timeout",
                _ => "error",
            };
            failed(outcome);
            return outcome;
        }
    };
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.as_u16() >= 400 {
        failed(status.as_str());
    }
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

struct HeaderInjector<'a>(&'a mut HeaderMap);

impl opentelemetry::propagation::Injector for HeaderInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
