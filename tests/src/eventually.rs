//! Waiting for something to become true, with a limit.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PERIOD: Duration = Duration::from_millis(50);

/// Waits until `condition` gives a value; fails with `what` after `limit`.
///
/// # Errors
/// The limit has passed, or the condition itself failed.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut condition: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = condition().await? {
            return Ok(value);
        }
        anyhow::ensure!(Instant::now() < end, "waited {limit:?} for {what}");
        tokio::time::sleep(PERIOD).await;
    }
}
