//! Two-stage stop and tracked tasks: every task is owned, cancelled and awaited, and its crash stops the process.
//!
//! The soft stop ([`Lifecycle::stop`]) asks tasks to take no new work; the hard stop ([`Lifecycle::abort`]) drops what
//! is under way. [`Lifecycle::drain`] waits in between.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Problems, Section};

/// How long dropped tasks may take to go away: long enough for their destructors, too short for an operator to notice.
const ABORT_GRACE: Duration = Duration::from_secs(2);

/// The section `lifecycle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifecycleConfig {
    /// How long work under way may take to finish after the soft stop.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

impl Section for LifecycleConfig {
    const NAME: &'static str = "lifecycle";
    const DEFAULTS: &'static str = include_str!("../defaults/lifecycle.toml");

    fn validate(&self, problems: &mut Problems) {
        if self.drain.is_zero() {
            problems.add(
                "lifecycle.drain",
                "must be longer than nothing, such as \"25s\"; a second signal stops at once",
            );
        }
    }
}

/// Tracks the tasks of a process and tells them when to stop. Clones share the same state.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    tracker: TaskTracker,
    soft: CancellationToken,
    hard: CancellationToken,
    failed: Arc<AtomicBool>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every task finished by itself.
    Complete,
    /// The limit passed, or the hard stop came: what was under way was dropped.
    Aborted,
    /// Some tasks did not even go away after the hard stop; they block their thread.
    Stuck {
        /// How many are left.
        tasks: usize,
    },
}

impl Lifecycle {
    /// A lifecycle without tasks that runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that the process cannot do without.
    ///
    /// An error or a panic is logged once, marks the lifecycle as failed and triggers the soft stop.
    /// The hard stop drops the task.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let lifecycle = self.clone();
        self.tracker.spawn(async move {
            let outcome = tokio::select! {
                biased;
                () = lifecycle.hard.cancelled() => return,
                outcome = AssertUnwindSafe(task).catch_unwind() => outcome,
            };
            match outcome {
                Ok(Ok(())) => tracing::debug!(task.name = name, "task ended"),
                Ok(Err(error)) => lifecycle.fail(name, &format!("{error:#}")),
                Err(panic) => lifecycle.fail(name, &format!("panicked: {}", panic_text(&*panic))),
            }
        })
    }

    /// Starts a task whose end is its owner's business, such as the handling of one message or one request.
    ///
    /// It is tracked, so that a drain waits for it; the hard stop drops it, which its handle reports as cancelled.
    pub fn spawn_detail<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let hard = self.hard.clone();
        let (own_handle, handle) = oneshot::channel::<AbortHandle>();
        let join = self.tracker.spawn(async move {
            tokio::select! {
                biased;
                output = task => output,
                () = hard.cancelled() => {
                    if let Ok(handle) = handle.await {
                        handle.abort();
                    }
                    // Aborted at this await; there is no output to return.
                    std::future::pending().await
                }
            }
        });
        // The receiver is gone only when the task has ended already.
        drop(own_handle.send(join.abort_handle()));
        join
    }

    /// The soft stop: take no new work.
    pub fn stopping(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// The hard stop: drop what is under way.
    pub fn aborting(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Runs `future` to its end, or gives `None` when the soft stop comes first.
    pub async fn run_until_stopped<F: Future>(&self, future: F) -> Option<F::Output> {
        self.soft.run_until_cancelled(future).await
    }

    /// Triggers the soft stop.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Triggers the hard stop, and with it the soft one.
    pub fn abort(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    /// Waits until every task has ended; at `limit` it aborts them and waits a little more.
    ///
    /// It does not stop anything by itself before the limit: call [`Lifecycle::stop`] first.
    pub async fn drain(&self, limit: Duration) -> Drained {
        self.tracker.close();
        let ended = tokio::select! {
            biased;
            ended = timeout(limit, self.tracker.wait()) => ended.is_ok(),
            () = self.hard.cancelled() => false,
        };
        if ended && !self.hard.is_cancelled() {
            return Drained::Complete;
        }

        self.abort();
        match timeout(ABORT_GRACE, self.tracker.wait()).await {
            Ok(()) => Drained::Aborted,
            Err(_) => Drained::Stuck {
                tasks: self.tracker.len(),
            },
        }
    }

    /// Whether a task failed.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    fn fail(&self, name: &'static str, why: &str) {
        tracing::error!(task.name = name, error = why, "task failed, stopping");
        self.failed.store(true, Ordering::SeqCst);
        self.soft.cancel();
    }
}

/// What a panic said, when it said it with a text.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
