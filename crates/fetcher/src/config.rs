//! The fetcher's settings.

use std::time::Duration;

use ie_platform::config::{Problems, Section};
use serde::{Deserialize, Serialize};

/// Section `fetcher`; `defaults.toml` says what each setting is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each setting is described in defaults.toml, the reference"
)]
pub struct Config {
    pub prefetch: u16,
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    pub page_size: u32,
    pub requests_per_second: f64,
    pub requests_per_day: u32,
    #[serde(with = "humantime_serde")]
    pub wait_limit: Duration,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub retry_min: Duration,
    #[serde(with = "humantime_serde")]
    pub retry_max: Duration,
    #[serde(with = "humantime_serde")]
    pub forbidden_retry: Duration,
    #[serde(with = "humantime_serde")]
    pub refused_retry: Duration,
    pub jitter: f64,
    #[serde(with = "humantime_serde")]
    pub publish_grace: Duration,
    #[serde(with = "humantime_serde")]
    pub relay_interval: Duration,
    pub relay_batch: u32,
}

impl Section for Config {
    const NAME: &'static str = "fetcher";
    const DEFAULTS: &'static str = include_str!("../defaults.toml");

    fn validate(&self, problems: &mut Problems) {
        let mut at_least = |ok: bool, key: &str, text: &str| {
            if !ok {
                problems.add(key, text);
            }
        };
        at_least(
            self.prefetch > 0,
            "fetcher.prefetch",
            "expected at least 1 poll job at once",
        );
        at_least(
            (2..=ie_insightly::MAX_PAGE).contains(&self.page_size),
            "fetcher.page_size",
            "expected 2 to 500 records: pages overlap by one, and Insightly gives at most 500",
        );
        at_least(
            self.requests_per_second > 0.0 && self.requests_per_second <= 1000.0,
            "fetcher.requests_per_second",
            "expected more than 0 and at most 1000",
        );
        at_least(
            (0.0..0.5).contains(&self.jitter),
            "fetcher.jitter",
            "expected a share from 0 to below 0.5",
        );
        at_least(
            self.relay_batch > 0,
            "fetcher.relay_batch",
            "expected at least 1",
        );
        at_least(
            self.retry_min > Duration::ZERO && self.retry_min <= self.retry_max,
            "fetcher.retry_min",
            "expected more than 0s and at most fetcher.retry_max",
        );
        for (key, value) in [
            ("fetcher.lease", self.lease),
            ("fetcher.timeout", self.timeout),
            ("fetcher.relay_interval", self.relay_interval),
        ] {
            at_least(
                !value.is_zero(),
                key,
                "expected a time longer than 0s, such as \"30s\"",
            );
        }
    }
}
