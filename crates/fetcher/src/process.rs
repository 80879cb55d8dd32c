//! The program `ie-fetcher`: what it is configured with, and what it connects to.

use anyhow::Context as _;
use ie_broker::Broker;
use ie_platform::config::{self, Problems, Section};
use ie_platform::seal::SecretsConfig;
use ie_platform::{Context, Process};
use ie_store::Store;
use serde::{Deserialize, Serialize};

use crate::{Parts, insightly, run};

/// Which program this is.
pub const PROCESS: Process = Process {
    name: "ie-fetcher",
    version: env!("CARGO_PKG_VERSION"),
};

/// The configuration of the process, beside the sections that every process has.
#[derive(Debug, Deserialize, Serialize)]
pub struct Config {
    /// The key that opens the instances' secrets.
    pub secrets: SecretsConfig,
    /// Where poll jobs come from and notifications go.
    pub broker: ie_broker::Config,
    /// Where the state is.
    pub store: ie_store::Config,
    /// How Insightly is polled.
    pub fetcher: crate::Config,
}

impl config::Config for Config {
    fn defaults() -> Vec<&'static str> {
        vec![
            SecretsConfig::DEFAULTS,
            ie_broker::Config::DEFAULTS,
            ie_store::Config::DEFAULTS,
            crate::Config::DEFAULTS,
        ]
    }

    fn validate(&self, problems: &mut Problems) {
        self.secrets.validate(problems);
        self.broker.validate(problems);
        self.store.validate(problems);
        self.fetcher.validate(problems);
    }
}

/// Connects to the store and the broker and starts the fetcher.
///
/// # Errors
/// A part cannot be reached or set up.
pub async fn start(context: Context, config: Config) -> anyhow::Result<()> {
    let sealer = config.secrets.sealer()?;
    let store = Store::open(&config.store, &context)
        .await
        .context("while opening the store")?;
    store.check_keys(&sealer).await?;
    let parts = Parts {
        store,
        broker: Broker::connect(&config.broker, &context)
            .await
            .context("while connecting to the broker")?,
        sealer,
        crm: insightly(&config.fetcher)?,
        config: config.fetcher,
    };
    parts.store.announce(&context, &["fetcher"]);
    run(context, parts).await
}
