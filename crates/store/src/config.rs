//! Section `store` of the configuration.

use std::time::Duration;

use ie_platform::config::{Problems, Section};
use ie_platform::secret;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Which database, and how patiently it is used. `defaults.toml` says what each field means.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`; secret because of the password.
    #[serde(with = "secret::redacted_url")]
    pub url: SecretString,
    /// Connections of this process at the most.
    pub max_connections: u32,
    /// How long the start waits for a database that is not there yet.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How long a call waits for a free connection.
    #[serde(with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// How long PostgreSQL may take for one answer before the call fails and its connection is given up.
    #[serde(with = "humantime_serde")]
    pub call_timeout: Duration,
    /// How rarely a refused key is tried again.
    #[serde(with = "humantime_serde")]
    pub refused_retry: Duration,
}

impl Section for Config {
    const NAME: &'static str = "store";
    const DEFAULTS: &'static str = include_str!("../defaults.toml");

    fn validate(&self, problems: &mut Problems) {
        let url = self.url.expose_secret();
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            problems.add(
                "store.url",
                "expected sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE",
            );
        }
        if self.max_connections == 0 {
            problems.add("store.max_connections", "expected at least 1");
        }
        for (key, duration) in [
            ("store.connect_timeout", self.connect_timeout),
            ("store.acquire_timeout", self.acquire_timeout),
            ("store.call_timeout", self.call_timeout),
            ("store.refused_retry", self.refused_retry),
        ] {
            if duration.is_zero() {
                problems.add(key, "expected more than 0s");
            }
        }
    }
}
