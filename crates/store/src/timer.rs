//! How long the database takes, by operation: the histogram `ie_store_seconds`.

use std::time::Instant;

/// Measures until it is dropped, so that failures and cancelled calls are counted too.
pub(crate) struct Timer {
    operation: &'static str,
    started: Instant,
}

impl Timer {
    /// Begins to measure; `operation` is the method's name.
    pub(crate) fn start(operation: &'static str) -> Self {
        #[cfg(feature = "testing")]
        crate::testing::steps::called(operation);
        Self {
            operation,
            started: Instant::now(),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        metrics::histogram!("ie_store_seconds", "operation" => self.operation)
            .record(self.started.elapsed());
    }
}
