//! The program `ie-scheduler`: what it is configured with, and what it connects to.

use anyhow::Context as _;
use ie_broker::Broker;
use ie_platform::config::{self, Problems, Section};
use ie_platform::{Context, Process};
use ie_store::Store;
use serde::{Deserialize, Serialize};

use crate::{Parts, retention, run};

/// Which program this is.
pub const PROCESS: Process = Process {
    name: "ie-scheduler",
    version: env!("CARGO_PKG_VERSION"),
};

/// The configuration of the process, beside the sections that every process has.
#[derive(Debug, Deserialize, Serialize)]
pub struct Config {
    /// Where poll jobs go.
    pub broker: ie_broker::Config,
    /// Where pollers are claimed.
    pub store: ie_store::Config,
    /// When pollers are claimed.
    pub scheduler: crate::Config,
    /// How long what was delivered is kept.
    pub retention: retention::Config,
}

impl config::Config for Config {
    fn defaults() -> Vec<&'static str> {
        vec![
            ie_broker::Config::DEFAULTS,
            ie_store::Config::DEFAULTS,
            crate::Config::DEFAULTS,
            retention::Config::DEFAULTS,
        ]
    }

    fn validate(&self, problems: &mut Problems) {
        self.broker.validate(problems);
        self.store.validate(problems);
        self.scheduler.validate(problems);
        self.retention.validate(problems);
    }
}

/// Connects to the store and the broker and starts the scheduler.
///
/// # Errors
/// A part cannot be reached.
pub async fn start(context: Context, config: Config) -> anyhow::Result<()> {
    let parts = Parts {
        store: Store::open(&config.store, &context)
            .await
            .context("while opening the store")?,
        broker: Broker::connect(&config.broker, &context)
            .await
            .context("while connecting to the broker")?,
        config: config.scheduler,
    };
    parts.store.announce(&context, &["scheduler"]);
    retention::start(&context, parts.store.clone(), config.retention);
    run(context, parts).await
}
