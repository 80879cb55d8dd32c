//! The fetcher's settings.

use std::time::Duration;

use ie_platform::config::{Problems, Section};
use serde::{Deserialize, Serialize};

/// A budget's day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
    pub day_reserve: u32,
    #[serde(with = "humantime_serde")]
    pub day_turns_at: Duration,
    pub account_share: u16,
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
    pub snapshot_share: f64,
    #[serde(with = "humantime_serde")]
    pub slice_time: Duration,
    pub slice_requests: u32,
    pub quarantine_limit: u32,
    pub quarantine_rereads: u32,
    pub prune_batch: u32,
    #[serde(with = "humantime_serde")]
    pub publish_grace: Duration,
    #[serde(with = "humantime_serde")]
    pub relay_interval: Duration,
    pub relay_batch: u32,
}

impl Config {
    /// A number from 0 to 1 that spreads what would fall together; without jitter nothing is left to chance.
    pub(crate) fn dice(&self) -> f64 {
        if self.jitter > 0.0 {
            rand::random_range(0.0..=1.0)
        } else {
            0.5
        }
    }
}

impl Section for Config {
    const NAME: &'static str = "fetcher";
    const DEFAULTS: &'static str = include_str!("../defaults.toml");

    fn validate(&self, problems: &mut Problems) {
        let conditions = self.counts().into_iter().chain(self.shares());
        for (_, key, text) in conditions.filter(|(kept, ..)| !kept) {
            problems.add(key, text);
        }
        for (key, value) in [
            ("fetcher.lease", self.lease),
            ("fetcher.timeout", self.timeout),
            ("fetcher.slice_time", self.slice_time),
            ("fetcher.relay_interval", self.relay_interval),
        ] {
            if value.is_zero() {
                problems.add(key, "expected a time longer than 0s, such as \"30s\"");
            }
        }
    }
}

/// What must hold, the setting, and what to say when it does not.
type Condition = (bool, &'static str, &'static str);

impl Config {
    fn counts(&self) -> Vec<Condition> {
        vec![
            (
                self.prefetch > 0,
                "fetcher.prefetch",
                "expected at least 1 poll job at once",
            ),
            (
                (2..=ie_insightly::MAX_PAGE).contains(&self.page_size),
                "fetcher.page_size",
                "expected 2 to 500 records: pages overlap by one, and Insightly gives at most 500",
            ),
            (
                self.day_turns_at < DAY,
                "fetcher.day_turns_at",
                "expected a time after midnight UTC that is shorter than a day, such as \"8h\"",
            ),
            (
                self.slice_requests > 1,
                "fetcher.slice_requests",
                "expected at least 2 requests: an object without a list takes two to begin with",
            ),
            (
                self.prune_batch > 0,
                "fetcher.prune_batch",
                "expected at least 1 version",
            ),
            (
                self.relay_batch > 0,
                "fetcher.relay_batch",
                "expected at least 1",
            ),
            (
                self.retry_min > Duration::ZERO && self.retry_min <= self.retry_max,
                "fetcher.retry_min",
                "expected more than 0s and at most fetcher.retry_max",
            ),
        ]
    }

    fn shares(&self) -> Vec<Condition> {
        vec![
            (
                self.requests_per_second > 0.0 && self.requests_per_second <= 1000.0,
                "fetcher.requests_per_second",
                "expected more than 0 and at most 1000",
            ),
            (
                self.account_share > 0,
                "fetcher.account_share",
                "expected at least 1 poll of an account at once",
            ),
            (
                (0.0..0.5).contains(&self.jitter),
                "fetcher.jitter",
                "expected a share from 0 to below 0.5",
            ),
            (
                self.snapshot_share > 0.0 && self.snapshot_share <= 1.0,
                "fetcher.snapshot_share",
                "expected a share of more than 0 and at most 1",
            ),
        ]
    }
}
