//! The configuration of the all-in-one: the union of the services' sections.

use ie_platform::OutgoingConfig;
use ie_platform::config::{Problems, Section};
use ie_platform::seal::SecretsConfig;
use serde::{Deserialize, Serialize};

/// Every section of every service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each section documents itself")]
pub struct Config {
    pub secrets: SecretsConfig,
    pub broker: ie_broker::Config,
    pub store: ie_store::Config,
    pub scheduler: ie_scheduler::Config,
    pub retention: ie_scheduler::retention::Config,
    pub fetcher: ie_fetcher::Config,
    pub outgoing: OutgoingConfig,
    pub dispatcher: ie_dispatcher::Config,
    pub api: ie_api::Config,
}

impl ie_platform::config::Config for Config {
    fn defaults() -> Vec<&'static str> {
        vec![
            SecretsConfig::DEFAULTS,
            ie_broker::Config::DEFAULTS,
            ie_store::Config::DEFAULTS,
            ie_scheduler::Config::DEFAULTS,
            ie_scheduler::retention::Config::DEFAULTS,
            ie_fetcher::Config::DEFAULTS,
            OutgoingConfig::DEFAULTS,
            ie_dispatcher::Config::DEFAULTS,
            ie_api::Config::DEFAULTS,
        ]
    }

    fn validate(&self, problems: &mut Problems) {
        self.secrets.validate(problems);
        self.broker.validate(problems);
        self.store.validate(problems);
        self.scheduler.validate(problems);
        self.retention.validate(problems);
        self.fetcher.validate(problems);
        self.dispatcher.validate(problems);
        let longest = self.broker.longest_delay();
        self.dispatcher.validate_delays(longest, problems);
        self.dispatcher.validate_outgoing(self.outgoing, problems);
        self.api.validate(problems);
    }
}
