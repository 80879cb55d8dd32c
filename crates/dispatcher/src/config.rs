//! Section `dispatcher` of the configuration; `defaults.toml` says what each field means.

use std::time::Duration;

use humantime_serde::Serde;
use humantime_serde::re::humantime::format_duration;
use ie_model::RetrySchedule;
use ie_platform::OutgoingConfig;
use ie_platform::config::{Problems, Section};
use ie_platform::secret::{self, SecretString};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::address::Rules;
use crate::breaker;
use crate::callback::{Callback, Terms};
use crate::clients;
use crate::memory;
use crate::network::Network;
use crate::schedule::Schedule;
use crate::sign::{Credentials, WebhookSecret};

const LONGEST_DNS_CACHE: Duration = Duration::from_secs(5 * 60);

/// How notifications are delivered.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Deliveries under way at once.
    pub prefetch: u16,
    /// Requests under way for one callback.
    pub callback_limit: usize,
    /// How long what does not fit is parked, from a few waiting to many.
    pub park: Vec<Serde<Duration>>,
    /// How long a call may take.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How long a connection may take.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// The delays between attempts.
    pub schedule: Vec<Serde<Duration>>,
    /// The longest delay that a callback can ask for.
    #[serde(with = "humantime_serde")]
    pub retry_after_cap: Duration,
    /// Failures in a row that open a callback's breaker.
    pub breaker_failures: u32,
    /// How long an open breaker rests before its first probe.
    #[serde(with = "humantime_serde")]
    pub breaker_pause: Duration,
    /// The longest rest between two probes.
    #[serde(with = "humantime_serde")]
    pub breaker_longest_pause: Duration,
    /// How long a callback may fail before its instance is disabled.
    #[serde(with = "humantime_serde")]
    pub disable_after: Duration,
    /// Where the operator's notices go; empty: nowhere.
    pub operational_url: String,
    /// What the operator's notices are signed with.
    #[serde(with = "secret::redacted_option", default)]
    pub operational_secret: Option<SecretString>,
    /// Unused connections that are kept, over all callbacks.
    pub idle_connections: usize,
    /// Networks in which a callback may live although it is not public.
    pub allow_networks: Vec<Network>,
    /// How long a callback is remembered.
    #[serde(with = "humantime_serde")]
    pub callback_cache: Duration,
    /// How long the addresses of a callback's name are remembered.
    #[serde(with = "humantime_serde")]
    pub dns_cache: Duration,
    /// How many callbacks are remembered.
    pub callback_cache_size: usize,
    /// Attempts recorded at once.
    pub record_batch: usize,
    /// How long attempts are gathered.
    #[serde(with = "humantime_serde")]
    pub record_linger: Duration,
    /// How often the dead-letter queue is compared with the store.
    #[serde(with = "humantime_serde")]
    pub reconcile: Duration,
    /// How long recording is tried.
    #[serde(with = "humantime_serde")]
    pub record_limit: Duration,
}

impl Config {
    /// The retry schedule of every callback.
    pub(crate) fn schedule(&self) -> Schedule {
        Schedule {
            delays: RetrySchedule(plain(&self.schedule)),
            retry_after_cap: self.retry_after_cap,
            earlier: 0,
        }
    }

    /// When breakers open, and for how long.
    pub(crate) fn breaker(&self) -> breaker::Limits {
        breaker::Limits {
            failures: self.breaker_failures,
            pause: self.breaker_pause,
            longest_pause: self.breaker_longest_pause,
            size: self.callback_cache_size,
        }
    }

    /// Finds delays that no wait queue is long enough for: `longest` is the last of `broker.delays`.
    pub fn validate_delays(&self, longest: Duration, problems: &mut Problems) {
        let lists = [
            ("dispatcher.schedule", plain(&self.schedule)),
            ("dispatcher.park", self.park()),
        ];
        for (key, delays) in lists {
            if let Some(delay) = delays.into_iter().max().filter(|delay| *delay > longest) {
                let (delay, longest) = (format_duration(delay), format_duration(longest));
                problems.add(
                    key,
                    format!(
                        "holds {delay}, and the longest wait queue lasts {longest}: add \"{delay}\" to broker.delays, or shorten it"
                    ),
                );
            }
        }
    }

    /// Finds an address of the operator's own that must not be called.
    pub fn validate_outgoing(&self, outgoing: OutgoingConfig, problems: &mut Problems) {
        let Ok(Some(callback)) = self.operator() else {
            return;
        };
        if let Err(refused) = outgoing.check(callback.url.scheme()) {
            problems.add("dispatcher.operational_url", refused.to_string());
        }
    }

    /// How long what does not fit is parked.
    pub(crate) fn park(&self) -> Vec<Duration> {
        plain(&self.park)
    }

    /// Where the operator's notices go, if anywhere.
    pub(crate) fn operator(&self) -> Result<Option<Callback>, String> {
        let text = self.operational_url.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let url = Url::parse(text).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or("expected an http or https address, or nothing")?;
        let webhook_secret = self.operational_secret.as_ref().map(WebhookSecret::parse);
        let webhook_secret = webhook_secret.transpose();
        let webhook_secret = webhook_secret
            .map_err(|error| format!("cannot be signed for: operational_secret: {error}"))?;
        Ok(Some(Callback {
            url,
            credentials: Credentials {
                webhook_secret,
                ..Credentials::default()
            },
            tls: None,
            gzip: false,
            terms: Terms::default(),
        }))
    }

    /// How many unused connections are kept.
    pub(crate) fn connections(&self) -> clients::Limits {
        clients::Limits {
            per_host: self.callback_limit,
            total: self.idle_connections,
        }
    }

    /// How long names' addresses are remembered, and of how many.
    pub(crate) fn names(&self) -> memory::Limits {
        memory::Limits {
            age: self.dns_cache,
            size: self.callback_cache_size,
        }
    }

    /// How long callbacks are remembered, and how many.
    pub(crate) fn callbacks(&self) -> memory::Limits {
        memory::Limits {
            age: self.callback_cache,
            size: self.callback_cache_size,
        }
    }

    /// Which addresses a callback may have.
    pub(crate) fn rules(&self, outgoing: OutgoingConfig) -> Rules {
        Rules {
            outgoing,
            allow_networks: self.allow_networks.clone(),
        }
    }
}

fn plain(durations: &[Serde<Duration>]) -> Vec<Duration> {
    durations.iter().map(|duration| **duration).collect()
}

impl Section for Config {
    const NAME: &'static str = "dispatcher";
    const DEFAULTS: &'static str = include_str!("../defaults.toml");

    fn validate(&self, problems: &mut Problems) {
        let at_least_one = [
            ("dispatcher.prefetch", usize::from(self.prefetch)),
            ("dispatcher.callback_limit", self.callback_limit),
            ("dispatcher.callback_cache_size", self.callback_cache_size),
            ("dispatcher.record_batch", self.record_batch),
            (
                "dispatcher.breaker_failures",
                usize::try_from(self.breaker_failures).unwrap_or(usize::MAX),
            ),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                problems.add(key, "must be at least 1");
            }
        }
        let longer_than_nothing = [
            ("dispatcher.timeout", self.timeout),
            ("dispatcher.reconcile", self.reconcile),
            ("dispatcher.connect_timeout", self.connect_timeout),
            ("dispatcher.breaker_pause", self.breaker_pause),
            ("dispatcher.disable_after", self.disable_after),
        ];
        for (key, value) in longer_than_nothing {
            if value.is_zero() {
                problems.add(key, "must be longer than 0s");
            }
        }
        if self.park().is_empty() || self.park().contains(&Duration::ZERO) {
            let text = "must hold at least one delay, each longer than 0s, such as [\"1s\"]";
            problems.add("dispatcher.park", text);
        }
        if !self.park().is_sorted() {
            problems.add("dispatcher.park", "must be in ascending order");
        }
        if self.breaker_longest_pause < self.breaker_pause {
            let text = "must be at least as long as dispatcher.breaker_pause";
            problems.add("dispatcher.breaker_longest_pause", text);
        }
        if self.idle_connections < self.callback_limit {
            let text = "must be at least dispatcher.callback_limit, or one busy callback could keep none of its connections";
            problems.add("dispatcher.idle_connections", text);
        }
        if self.dns_cache > LONGEST_DNS_CACHE {
            let text = "must be at most 5m, or a callback that moves is called at its old address; 0s remembers nothing";
            problems.add("dispatcher.dns_cache", text);
        }
        if let Err(problem) = self.operator() {
            problems.add("dispatcher.operational_url", problem);
        }
        if self.schedule().delays.0.contains(&Duration::ZERO) {
            problems.add("dispatcher.schedule", "each delay must be longer than 0s");
        }
    }
}

#[cfg(test)]
mod tests {
    use ie_platform::config::{self, ConfigError};
    use rstest::rstest;

    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Process {
        dispatcher: Config,
    }

    impl config::Config for Process {
        fn defaults() -> Vec<&'static str> {
            vec![Config::DEFAULTS]
        }

        fn validate(&self, problems: &mut Problems) {
            self.dispatcher.validate(problems);
        }
    }

    fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: Vec<_> = variables.iter().map(owned).collect();
        config::load_from::<Process>(None, variables).map(|process| process.dispatcher)
    }

    #[test]
    fn the_defaults_are_valid_and_refuse_the_operators_network() {
        let config = load(&[]).unwrap();

        assert_eq!(config.schedule().delays.0.len(), 9);
        assert_eq!(config.schedule().delays.0[8], Duration::from_secs(86_400));
        assert!(config.allow_networks.is_empty());
    }

    #[test]
    fn lists_come_from_the_environment_too() {
        let config = load(&[
            ("IE__DISPATCHER__SCHEDULE", "[1s, 2m]"),
            ("IE__DISPATCHER__ALLOW_NETWORKS", "[\"127.0.0.0/8\"]"),
        ]);

        let config = config.unwrap();
        assert_eq!(
            config.schedule().delays.0,
            [1, 120].map(Duration::from_secs)
        );
        assert_eq!(config.allow_networks[0].to_string(), "127.0.0.0/8");
    }

    #[rstest]
    #[case("IE__DISPATCHER__PREFETCH", "0", "dispatcher.prefetch")]
    #[case("IE__DISPATCHER__CALLBACK_LIMIT", "0", "dispatcher.callback_limit")]
    #[case("IE__DISPATCHER__TIMEOUT", "0s", "dispatcher.timeout")]
    #[case("IE__DISPATCHER__IDLE_CONNECTIONS", "7", "dispatcher.idle_connections")]
    #[case("IE__DISPATCHER__DNS_CACHE", "6m", "dispatcher.dns_cache")]
    #[case("IE__DISPATCHER__PARK", "[]", "dispatcher.park")]
    #[case("IE__DISPATCHER__PARK", "[5s, 1s]", "dispatcher.park")]
    #[case("IE__DISPATCHER__SCHEDULE", "[1s, 0s]", "dispatcher.schedule")]
    #[case("IE__DISPATCHER__SCHEDULE", "[soon]", "dispatcher.schedule")]
    #[case(
        "IE__DISPATCHER__ALLOW_NETWORKS",
        "[\"10.0.0.0/99\"]",
        "dispatcher.allow_networks"
    )]
    fn a_value_that_cannot_work_is_refused_by_its_key(
        #[case] variable: &str,
        #[case] value: &str,
        #[case] key: &str,
    ) {
        let error = load(&[(variable, value)]).unwrap_err();

        assert!(error.to_string().contains(key), "{error}");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let error = load(&[
            ("IE__DISPATCHER__PREFETCH", "0"),
            ("IE__DISPATCHER__RECORD_BATCH", "0"),
        ]);

        let text = error.unwrap_err().to_string();
        assert!(text.contains("dispatcher.prefetch"), "{text}");
        assert!(text.contains("dispatcher.record_batch"), "{text}");
    }
}
