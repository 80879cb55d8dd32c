//! The API as a process of its own: its configuration and its start.

use anyhow::Context as _;
use ie_broker::Broker;
use ie_platform::config::{self, Problems, Section as _};
use ie_platform::http::{self, ClientSettings};
use ie_platform::seal::SecretsConfig;
use ie_platform::{Context, OutgoingConfig, Process};
use ie_store::Store;
use serde::{Deserialize, Serialize};

use crate::{Parts, run};

/// Which program this is.
pub const PROCESS: Process = Process {
    name: "ie-api",
    version: env!("CARGO_PKG_VERSION"),
};

/// The configuration of the process, beside the sections that every process has.
#[derive(Debug, Deserialize, Serialize)]
pub struct Config {
    /// The key that seals the instances' secrets.
    pub secrets: SecretsConfig,
    /// Where redriven notifications go.
    pub broker: ie_broker::Config,
    /// Where instances and events are kept.
    pub store: ie_store::Config,
    /// What holds for addresses that clients name.
    pub outgoing: OutgoingConfig,
    /// How the API is served.
    pub api: crate::Config,
}

impl config::Config for Config {
    fn defaults() -> Vec<&'static str> {
        vec![
            SecretsConfig::DEFAULTS,
            ie_broker::Config::DEFAULTS,
            ie_store::Config::DEFAULTS,
            OutgoingConfig::DEFAULTS,
            crate::Config::DEFAULTS,
        ]
    }

    fn validate(&self, problems: &mut Problems) {
        self.secrets.validate(problems);
        self.broker.validate(problems);
        self.store.validate(problems);
        self.api.validate(problems);
    }
}

/// Connects to the store and the broker and serves the API.
///
/// # Errors
/// A part cannot be reached, or the address is taken.
pub async fn start(context: Context, config: Config) -> anyhow::Result<()> {
    let sealer = config.secrets.sealer()?;
    let store = Store::open(&config.store, &context)
        .await
        .context("while opening the store")?;
    store.check_keys(&sealer).await?;
    let broker = Broker::connect(&config.broker, &context)
        .await
        .context("while connecting to the broker")?;
    let http = http::client(&ClientSettings::default()).context("while making an HTTP client")?;
    let parts = Parts {
        broker,
        store,
        sealer,
        http,
        outgoing: config.outgoing,
        config: config.api,
    };
    parts.store.announce(&context, &["api"]);
    run(context, parts).await?;
    Ok(())
}
