//! Records spans in memory, for tests of this crate.

use std::sync::{Arc, Mutex};

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

use super::spans;
use crate::Process;

/// The process that tests pretend to be.
pub(crate) const PROCESS: Process = Process {
    name: "ie-test",
    version: "0.0.0",
};

/// The spans that have ended, in that order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded(Arc<Mutex<Vec<SpanData>>>);

impl Recorded {
    pub(crate) fn finished(&self) -> Vec<SpanData> {
        self.0.lock().unwrap().clone()
    }
}

impl SpanExporter for Recorded {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// A provider that records every span as it ends.
pub(crate) fn provider() -> (Recorded, SdkTracerProvider) {
    let recorded = Recorded::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(recorded.clone())
        .build();
    (recorded, provider)
}

/// Records the spans of this thread while the guard lives.
pub(crate) fn recording() -> (Recorded, DefaultGuard) {
    let (recorded, provider) = provider();
    let subscriber = tracing_subscriber::registry().with(spans(&provider, PROCESS));
    (recorded, tracing::subscriber::set_default(subscriber))
}
