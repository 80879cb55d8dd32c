//! Whether the process is well: for the orchestrator, and for the operator who watches numbers.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /health/live` | 200 as long as the process answers |
//! | `GET /health/ready` | 200 when every component is ready, else 503; a JSON list of components and why they are not |
//! | `GET /metrics` | numbers in Prometheus' form |
//! | `GET /log-filter`, `PUT /log-filter` | the log filter, as text; [`HealthConfig::token`] says who may change it |

mod access;
mod config;
mod server;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;

pub use config::HealthConfig;
pub(crate) use server::{bind, serve};

use crate::telemetry::LogFilter;

/// Knows which parts of the process are ready. Clones share the same knowledge.
#[derive(Debug, Clone, Default)]
pub struct Health {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    components: Mutex<BTreeMap<String, Status>>,
    address: OnceLock<SocketAddr>,
    filter: OnceLock<LogFilter>,
}

/// Whether one component is ready, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Status {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Health {
    /// A health without components, which is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a component, which is not ready until it says so.
    pub fn component(&self, name: impl Into<String>) -> Component {
        let name = name.into();
        let starting = Status {
            ready: false,
            why: Some("starting".to_owned()),
        };
        self.components().entry(name.clone()).or_insert(starting);
        Component {
            name,
            health: self.clone(),
        }
    }

    /// Whether every registered component is ready.
    pub fn is_ready(&self) -> bool {
        self.components().values().all(|status| status.ready)
    }

    /// The address that the health server listens on, once it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.inner.address.get().copied()
    }

    /// Says of each component whether it is ready, as a number: read when it is asked for, so that it is never old.
    pub(crate) fn tell(&self) {
        for (name, status) in self.components().iter() {
            let ready = if status.ready { 1.0 } else { 0.0 };
            metrics::gauge!("ie_ready", "component" => name.clone()).set(ready);
        }
    }

    /// Gives `PUT /log-filter` something to change; the first one stays.
    pub(crate) fn set_log_filter(&self, filter: LogFilter) {
        self.inner.filter.get_or_init(|| filter);
    }

    fn components(&self) -> MutexGuard<'_, BTreeMap<String, Status>> {
        // Every change is one insertion: a panic elsewhere leaves a whole map behind.
        self.inner
            .components
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a component's status; returns whether that is news.
    fn change(&self, name: &str, status: Status) -> bool {
        let mut components = self.components();
        let before = components.insert(name.to_owned(), status.clone());
        before.as_ref() != Some(&status)
    }
}

/// One part of the process that can be ready or not: a connection, a server.
#[derive(Debug, Clone)]
pub struct Component {
    name: String,
    health: Health,
}

impl Component {
    /// The component works.
    pub fn set_ready(&self) {
        let status = Status {
            ready: true,
            why: None,
        };
        if self.health.change(&self.name, status) {
            tracing::info!(health.component = self.name, "component is ready");
        }
    }

    /// The component does not work; `why` is for the operator and holds no secret.
    pub fn set_unready(&self, why: impl Into<String>) {
        let why = why.into();
        let status = Status {
            ready: false,
            why: Some(why.clone()),
        };
        if self.health.change(&self.name, status) {
            tracing::warn!(health.component = self.name, why, "component is not ready");
        }
    }

    /// The component is not ready because the process stops, which is no news to warn of.
    pub(crate) fn set_stopping(&self) {
        let status = Status {
            ready: false,
            why: Some("stopping".to_owned()),
        };
        self.health.change(&self.name, status);
    }
}

#[cfg(test)]
mod tests;
