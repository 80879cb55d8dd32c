//! The configuration of the demonstration: the all-in-one's, with ports of its own and loopback allowed.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use ie_platform::config::Problems;
use serde::{Deserialize, Serialize};

use crate::{Config, data};

/// Quiet logs, since the events are what is to be seen, and a health port that cannot be taken.
const DEFAULTS: &str = "[telemetry]\nfilter = \"warn\"\n[health]\naddress = \"127.0.0.1:0\"\n";

/// The all-in-one's configuration with other defaults.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct DemoConfig(Config);

impl DemoConfig {
    /// Sets what the demonstration needs, whatever the configuration says.
    pub(super) fn prepare(&mut self, directory: &Path) -> anyhow::Result<()> {
        let Self(config) = self;
        // The secrets are gone with the directory, so nobody has to be told of them.
        data::prepare(directory, config)?;
        config.api.address = "127.0.0.1:0".to_owned();
        config.api.insightly_urls =
            vec!["http://127.0.0.1:*".parse().context("an address pattern")?];
        config.api.first_poll_spread = Duration::ZERO;
        config.api.hint_gap = Duration::from_millis(200);
        config.outgoing.allow_http = true;
        config.dispatcher.allow_networks = vec!["127.0.0.0/8".parse().context("a network")?];
        config.scheduler.tick = Duration::from_millis(200);
        Ok(())
    }

    /// The all-in-one's configuration.
    pub(super) fn into_inner(self) -> Config {
        self.0
    }
}

impl ie_platform::config::Config for DemoConfig {
    fn defaults() -> Vec<&'static str> {
        let mut defaults = <Config as ie_platform::config::Config>::defaults();
        defaults.push(DEFAULTS);
        defaults
    }

    fn validate(&self, problems: &mut Problems) {
        self.0.validate(problems);
    }
}
