//! The dispatcher as a process of its own: its configuration and its start.

use anyhow::Context as _;
use ie_broker::Broker;
use ie_platform::config::{self, Problems, Section as _};
use ie_platform::seal::SecretsConfig;
use ie_platform::{Context, OutgoingConfig, Process};
use ie_store::Store;
use serde::{Deserialize, Serialize};

use crate::{Parts, run};

/// Which program this is.
pub const PROCESS: Process = Process {
    name: "ie-dispatcher",
    version: env!("CARGO_PKG_VERSION"),
};

/// The configuration of the process, beside the sections that every process has.
#[derive(Debug, Deserialize, Serialize)]
pub struct Config {
    /// The key that opens the callbacks' secrets.
    pub secrets: SecretsConfig,
    /// Where notifications come from.
    pub broker: ie_broker::Config,
    /// Where callbacks and attempts are kept.
    pub store: ie_store::Config,
    /// What holds for addresses that clients name.
    pub outgoing: OutgoingConfig,
    /// How notifications are delivered.
    pub dispatcher: crate::Config,
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
        self.dispatcher.validate(problems);
        let longest = self.broker.longest_delay();
        self.dispatcher.validate_delays(longest, problems);
        self.dispatcher.validate_outgoing(self.outgoing, problems);
    }
}

/// Connects to the store and the broker and starts the dispatcher.
pub async fn start(context: Context, config: Config) -> anyhow::Result<()> {
    let sealer = config.secrets.sealer()?;
    let store = Store::open(&config.store, &context)
        .await
        .context("while opening the store")?;
    store.check_keys(&sealer).await?;
    let broker = Broker::connect(&config.broker, &context)
        .await
        .context("while connecting to the broker")?;
    store.announce(&context, &["dispatcher"]);
    let parts = Parts {
        broker,
        store,
        sealer,
        outgoing: config.outgoing,
        config: config.dispatcher,
    };
    run(context, parts).await
}

#[cfg(test)]
mod tests {
    use ie_platform::seal::Sealer;
    use ie_platform::secret::ExposeSecret as _;

    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config, config::ConfigError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: Vec<_> = variables.iter().map(owned).collect();
        config::load_from(None, variables)
    }

    const STORE: (&str, &str) = ("IE__STORE__URL", "postgres://ie@postgres/ie");

    #[test]
    fn the_defaults_need_nothing_but_a_store_and_a_key() {
        let key = Sealer::generate_key();
        let key = ("IE__SECRETS__MASTER_KEY", key.expose_secret());

        let config = load(&[STORE, key]);

        assert!(config.is_ok(), "{}", config.unwrap_err());
    }

    #[test]
    fn without_a_key_the_process_does_not_start() {
        let error = load(&[STORE]).unwrap_err();

        assert!(error.to_string().contains("secrets.master_key"), "{error}");
    }

    #[test]
    fn a_delay_that_no_wait_queue_holds_is_refused_with_the_way_to_mend_it() {
        let key = Sealer::generate_key();
        let key = ("IE__SECRETS__MASTER_KEY", key.expose_secret());
        let schedule = ("IE__DISPATCHER__SCHEDULE", "[5s, 2days]");
        let park = ("IE__DISPATCHER__PARK", "[1s, 25h]");

        let error = load(&[STORE, key, schedule, park]).unwrap_err().to_string();

        assert!(error.contains("dispatcher.schedule"), "{error}");
        assert!(error.contains("add \"2days\" to broker.delays"), "{error}");
        assert!(error.contains("dispatcher.park"), "{error}");
        let held = ("IE__BROKER__DELAYS", "[1s, 25h, 2days]");
        assert!(load(&[STORE, key, schedule, park, held]).is_ok());
    }

    #[test]
    fn the_operators_own_address_needs_tls_like_any_other() {
        let key = Sealer::generate_key();
        let key = ("IE__SECRETS__MASTER_KEY", key.expose_secret());
        let url = ("IE__DISPATCHER__OPERATIONAL_URL", "http://ops.example/");

        let error = load(&[STORE, key, url]).unwrap_err().to_string();

        assert!(error.contains("dispatcher.operational_url"), "{error}");
        assert!(error.contains("outgoing.allow_http"), "{error}");
        assert!(load(&[STORE, key, url, ("IE__OUTGOING__ALLOW_HTTP", "true")]).is_ok());
    }

    #[test]
    fn the_key_is_not_shown_with_the_configuration() {
        let key = Sealer::generate_key();
        let key = key.expose_secret();
        let config = load(&[STORE, ("IE__SECRETS__MASTER_KEY", key)]).unwrap();

        let shown = config::redacted(&config).to_string();

        assert!(!shown.contains(key), "{shown}");
        assert!(!format!("{config:?}").contains(key));
    }
}
