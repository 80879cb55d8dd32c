//! Logs on stderr, and spans to wherever the configuration says.
//!
//! With `exporter = "none"` there is no OpenTelemetry layer: spans cost nothing and logs hold no trace identifiers.

mod config;
mod exporter;
mod format;
mod propagation;

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

pub use config::{Exporter, LogFormat, Protocol, TelemetryConfig};
pub use propagation::{add_link, current_traceparent, set_parent};

use crate::Process;

type LogLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Sets up logs and spans for the process. Dropping the guard flushes what has not been sent yet.
///
/// Where a subscriber is installed already, as in tests, it stays and the guard has nothing to do.
pub fn init(process: Process, config: &TelemetryConfig) -> anyhow::Result<Guard> {
    if tracing::dispatcher::has_been_set() {
        tracing::debug!("a tracing subscriber is installed already, it stays");
        return Ok(Guard::inert(config));
    }

    let (logs, filter) = logs(config, std::io::stderr)?;
    let provider = exporter::batch(config)?.map(|builder| {
        builder
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
                config.ratio,
            ))))
            .with_resource(resource(process))
            .build()
    });
    let spans = provider.as_ref().map(|provider| {
        opentelemetry::global::set_tracer_provider(provider.clone());
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        spans(provider, process)
    });

    tracing_subscriber::registry()
        .with(logs)
        .with(spans)
        .try_init()
        .context("installing the tracing subscriber")?;

    Ok(Guard {
        provider,
        filter,
        limit: config.flush,
    })
}

/// Keeps telemetry going; flushes it when dropped.
#[derive(Debug)]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
    filter: LogFilter,
    limit: Duration,
}

impl Guard {
    fn inert(config: &TelemetryConfig) -> Self {
        Self {
            provider: None,
            filter: LogFilter::default(),
            limit: config.flush,
        }
    }

    /// What changes the log filter while the process runs.
    pub fn log_filter(&self) -> LogFilter {
        self.filter.clone()
    }

    /// Sends what has not been sent yet, for at most `telemetry.flush`. It blocks its thread.
    ///
    /// The runtime must still be running, since the exporter lives on it.
    pub fn shutdown(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        if let Some(provider) = self.provider.take()
            && let Err(error) = provider.shutdown_with_timeout(self.limit)
        {
            tracing::warn!(%error, "some spans were not sent before the end");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Shows and changes what is logged.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    handle: Option<reload::Handle<EnvFilter, Registry>>,
    text: Arc<Mutex<String>>,
}

/// Why a log filter was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LogFilterError {
    /// The text is not a filter.
    #[error("expected a level or target=level pairs, as in \"info,ie_broker=debug\": {0}")]
    Syntax(#[from] tracing_subscriber::filter::ParseError),
    /// The text is empty, which would say nothing but errors.
    #[error(
        "expected a level or target=level pairs, as in \"info,ie_broker=debug\", found nothing"
    )]
    Nothing,
    /// Somebody else set up the logs of this process.
    #[error("the log of this process was not set up here, its filter cannot be changed")]
    NotOurs,
}

impl LogFilter {
    /// The filter in force.
    pub fn get(&self) -> String {
        self.text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts another filter in force.
    pub fn set(&self, text: &str) -> Result<(), LogFilterError> {
        if text.is_empty() {
            return Err(LogFilterError::Nothing);
        }
        let filter = EnvFilter::try_new(text)?;
        let handle = self.handle.as_ref().ok_or(LogFilterError::NotOurs)?;
        handle.reload(filter).map_err(|_| LogFilterError::NotOurs)?;
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text.to_owned();
        tracing::info!(log.filter = text, "log filter changed");
        Ok(())
    }
}

/// The log as a layer, and what changes its filter.
fn logs<W>(config: &TelemetryConfig, writer: W) -> anyhow::Result<(LogLayer, LogFilter)>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&config.filter)?);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer: LogLayer = match config.log {
        LogFormat::Human => layer
            .with_ansi(std::io::stderr().is_terminal())
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => layer
            .json()
            .map_event_format(format::WithTrace)
            .with_filter(filter)
            .boxed(),
    };
    let filter = LogFilter {
        handle: Some(handle),
        text: Arc::new(Mutex::new(config.filter.clone())),
    };
    Ok((layer, filter))
}

/// Spans as a layer over any subscriber.
fn spans<S>(provider: &SdkTracerProvider, process: Process) -> impl Layer<S> + use<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    // Where in the source, on which thread and how busy: of no use to an operator, and paid for by every span.
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(process.name))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(span_filter())
}

fn resource(process: Process) -> Resource {
    Resource::builder()
        .with_service_name(process.name)
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            process.version,
        ))
        .build()
}

/// Spans of business, at whatever the log filter says; not those of the transports, of which the exporter itself is one.
fn span_filter() -> Targets {
    [
        "h2",
        "hyper",
        "hyper_util",
        "reqwest",
        "rustls",
        "tonic",
        "tower",
        "opentelemetry",
    ]
    .iter()
    .fold(
        Targets::new().with_default(LevelFilter::INFO),
        |targets, target| targets.with_target(*target, LevelFilter::OFF),
    )
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
