//! The numbers behind `/metrics`. Every name begins with `ie_`; a duration ends in `_seconds`, and how late
//! something is in `_lag_seconds`.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::Process;

/// From an answer on the same machine to a callback that uses up its time-out.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// From a change that was told of at once to one that waited for the last attempt of a long schedule.
const LAGS: [f64; 14] = [
    0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0,
];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder of the process, or returns the one that is installed already.
///
/// The `metrics` package has one recorder per process, so this is the one static that two systems in one process share.
pub fn install() -> &'static PrometheusHandle {
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            // The first that fits counts, in the order of the alphabet.
            .set_buckets_for_metric(Matcher::Suffix("_lag_seconds".to_owned()), &LAGS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            })
            .expect("there is at least one bucket")
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed: /metrics stays empty");
        }
        handle
    })
}

/// Says which build this is, for joining other numbers with its version.
pub(crate) fn announce(process: Process) {
    metrics::describe_gauge!(
        "ie_build_info",
        "Which process and version this is; always 1"
    );
    metrics::describe_gauge!(
        "ie_ready",
        "Whether a component of this process is ready; the smallest says whether the process is"
    );
    metrics::gauge!("ie_build_info", "process" => process.name, "version" => process.version)
        .set(1.0);
}
