//! Resident memory of processes, from /proc.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use ie_platform::Lifecycle;

/// How often a watched process is looked at.
const PERIOD: Duration = Duration::from_millis(50);

const MIB: f64 = 1_048_576.0;

/// The resident memory of a process, in MiB.
///
/// # Errors
/// There is no such process, or no /proc.
pub fn resident(process: u32) -> anyhow::Result<f64> {
    Ok(bytes(process)? as f64 / MIB)
}

fn bytes(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .with_context(|| format!("while looking at process {process}"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .context("no VmRSS")?;
    Ok(kib.parse::<u64>()? << 10)
}

/// The most memory that a process has had, until it is dropped.
pub struct Watch {
    peak: Arc<AtomicU64>,
    lifecycle: Lifecycle,
}

impl Watch {
    /// Begins.
    pub fn start(process: u32) -> Self {
        let (peak, lifecycle) = (Arc::new(AtomicU64::new(0)), Lifecycle::new());
        let (seen, own) = (peak.clone(), lifecycle.clone());
        drop(lifecycle.spawn_detail(async move {
            let looking = async {
                // It ends with the process.
                while let Ok(now) = bytes(process) {
                    seen.fetch_max(now, Ordering::Relaxed);
                    tokio::time::sleep(PERIOD).await;
                }
            };
            own.run_until_stopped(looking).await.unwrap_or_default();
        }));
        Self { peak, lifecycle }
    }

    /// The most so far, in MiB.
    pub fn peak(&self) -> f64 {
        self.peak.load(Ordering::Relaxed) as f64 / MIB
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}
