//! The section `telemetry`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::config::{Problems, Section};

/// What is logged, and where spans go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Where spans go.
    pub exporter: Exporter,
    /// The collector's address.
    pub endpoint: String,
    /// How the collector is spoken to.
    pub protocol: Protocol,
    /// The share of new traces that is kept.
    pub ratio: f64,
    /// How long the exit may wait for the collector.
    #[serde(with = "humantime_serde")]
    pub flush: Duration,
    /// The form of the log.
    pub log: LogFormat,
    /// What is logged.
    pub filter: String,
}

/// Where spans go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exporter {
    /// Nowhere: there is no span layer at all.
    None,
    /// To stdout, one JSON object per line.
    Stdout,
    /// To Jaeger or a collector, by OTLP.
    Otlp,
}

/// How OTLP is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// gRPC, usually on port 4317.
    Grpc,
    /// Protocol buffers over HTTP, usually on port 4318.
    Http,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// For programs: one JSON object per line.
    Json,
}

impl Section for TelemetryConfig {
    const NAME: &'static str = "telemetry";
    const DEFAULTS: &'static str = include_str!("../../defaults/telemetry.toml");

    fn validate(&self, problems: &mut Problems) {
        if !(0.0..=1.0).contains(&self.ratio) {
            problems.add(
                "telemetry.ratio",
                format!("must lie between 0.0 and 1.0, found {}", self.ratio),
            );
        }
        if let Err(error) = EnvFilter::try_new(&self.filter) {
            problems.add(
                "telemetry.filter",
                format!(
                    "expected a level or target=level pairs, as in \"info,ie_broker=debug\": {error}"
                ),
            );
        }
        if self.exporter == Exporter::Otlp {
            self.validate_endpoint(problems);
        }
    }
}

impl TelemetryConfig {
    fn validate_endpoint(&self, problems: &mut Problems) {
        let scheme = reqwest::Url::parse(&self.endpoint).map(|url| url.scheme().to_owned());
        if !matches!(scheme.as_deref(), Ok("http" | "https")) {
            problems.add(
                "telemetry.endpoint",
                "expected the collector's address, such as http://127.0.0.1:4317",
            );
        }
    }
}
