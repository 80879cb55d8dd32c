//! The scheduler's settings.

use std::time::Duration;

use ie_platform::config::{Problems, Section};
use serde::{Deserialize, Serialize};

/// Section `scheduler`; `defaults.toml` says what each setting is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each setting is described in defaults.toml, the reference"
)]
pub struct Config {
    #[serde(with = "humantime_serde")]
    pub tick: Duration,
    pub batch: u32,
    pub max_queued: usize,
    #[serde(with = "humantime_serde")]
    pub claim: Duration,
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
}

impl Section for Config {
    const NAME: &'static str = "scheduler";
    const DEFAULTS: &'static str = include_str!("../defaults.toml");

    fn validate(&self, problems: &mut Problems) {
        for (key, value) in [
            ("scheduler.tick", self.tick),
            ("scheduler.claim", self.claim),
            ("scheduler.lease", self.lease),
        ] {
            if value.is_zero() {
                problems.add(key, "expected a time longer than 0s, such as \"1s\"");
            }
        }
        if self.lease < self.claim {
            problems.add(
                "scheduler.lease",
                "expected at least scheduler.claim: a published job holds longer",
            );
        }
        if self.max_queued == 0 {
            problems.add("scheduler.max_queued", "expected at least 1 poll job");
        }
        if !(1..=10_000).contains(&self.batch) {
            problems.add("scheduler.batch", "expected 1 to 10000 pollers");
        }
    }
}
