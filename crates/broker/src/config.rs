//! The section `broker`.

use std::time::Duration;

use ie_platform::config::{Problems, Section};
use ie_platform::secret::{self, ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::topology::level_name;

/// More queues than these partitions make are a load of their own.
pub(crate) const MOST_PARTITIONS: u16 = 64;

/// More than this is meant for another unit.
const MOST_MEMORY: usize = 64 << 30;

/// Settings of the queue; the comments of [`Config::DEFAULTS`] are the reference.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `memory:`, or an AMQP address with its password.
    #[serde(with = "secret::redacted_url")]
    pub url: SecretString,
    /// The exchange's name and the beginning of every queue's.
    pub prefix: String,
    /// Into how many partitions each work queue is split.
    pub partitions: u16,
    /// How many messages of one instance within ten seconds go before those that are bulk.
    pub bulk_after: u32,
    /// The delay before each retry; its length is their number.
    #[serde(with = "durations")]
    pub retry: Vec<Duration>,
    /// The share by which a delay of `retry` varies.
    pub jitter: f64,
    /// The delays for which there are wait queues.
    #[serde(with = "durations")]
    pub delays: Vec<Duration>,
    /// After how many deliveries without an answer the broker itself gives up on a message.
    pub delivery_limit: u32,
    /// How long a publish may take.
    #[serde(with = "humantime_serde")]
    pub publish_timeout: Duration,
    /// How many messages may be unconfirmed.
    pub publish_window: usize,
    /// How long opening a connection may take.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How often each side of a connection shows that it lives.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// How many messages an in-process queue holds.
    pub memory_capacity: usize,
    /// Bytes of the messages that are ready in each in-process queue.
    pub memory_bytes: usize,
}

impl Config {
    /// The longest time that a message can wait in full.
    pub fn longest_delay(&self) -> Duration {
        self.delays.last().copied().unwrap_or_default()
    }

    /// Whether messages stay in this process.
    pub(crate) fn is_memory(&self) -> bool {
        self.url.expose_secret() == "memory:"
    }
}

impl Default for Config {
    fn default() -> Self {
        let seconds = |list: &[u64]| list.iter().copied().map(Duration::from_secs).collect();
        let retry = [5, 30, 120, 600, 1800, 7200, 21600, 43200, 86400];
        let delays = [1, 5, 30, 120, 600, 1800, 7200, 21600, 43200, 86400];
        Self {
            url: "memory:".into(),
            prefix: "ie".into(),
            partitions: 1,
            bulk_after: 200,
            retry: seconds(&retry),
            jitter: 0.1,
            delays: seconds(&delays),
            delivery_limit: 100,
            publish_timeout: Duration::from_secs(10),
            publish_window: 1000,
            connect_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_secs(10),
            memory_capacity: 10_000,
            memory_bytes: 8 * 1024 * 1024,
        }
    }
}

impl Section for Config {
    const NAME: &'static str = "broker";
    const DEFAULTS: &'static str = include_str!("../defaults/broker.toml");

    fn validate(&self, problems: &mut Problems) {
        let url = self.url.expose_secret();
        if !self.is_memory() && !url.starts_with("amqp://") && !url.starts_with("amqps://") {
            problems.add(
                "broker.url",
                "must be \"memory:\" or begin with \"amqp://\" or \"amqps://\", such as \"amqp://user:password@rabbitmq:5672/%2f\"",
            );
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.prefix.is_empty() || self.prefix.len() > 100 || !self.prefix.chars().all(is_name) {
            problems.add(
                "broker.prefix",
                "must be 1 to 100 letters, digits, '-', '_' or '.', such as \"ie\"",
            );
        }
        if !(1..=MOST_PARTITIONS).contains(&self.partitions) {
            problems.add(
                "broker.partitions",
                format!("must be between 1 and {MOST_PARTITIONS}"),
            );
        }
        if self.bulk_after == 0 {
            problems.add("broker.bulk_after", "must be at least 1, such as 200");
        }
        if !(0.0..=0.5).contains(&self.jitter) {
            problems.add(
                "broker.jitter",
                "must be between 0 and 0.5, such as 0.1 for ±10%",
            );
        }
        self.validate_delays(problems);
        self.validate_limits(problems);
    }
}

impl Config {
    fn validate_delays(&self, problems: &mut Problems) {
        let longest = Duration::from_secs(7 * 24 * 3600);
        let fits = |delay: &Duration| (Duration::from_millis(10)..=longest).contains(delay);
        if !self.retry.iter().all(fits) {
            problems.add(
                "broker.retry",
                "each delay must be between \"10ms\" and \"7days\"",
            );
        }
        if self.delays.is_empty() || !self.delays.iter().all(fits) {
            problems.add(
                "broker.delays",
                "needs at least one delay, each between \"10ms\" and \"7days\"",
            );
        }
        if !self.delays.is_sorted_by(|a, b| a < b) {
            problems.add(
                "broker.delays",
                "must rise from the shortest to the longest, none twice",
            );
        }
        if let (Some(retry), Some(delay)) = (self.retry.iter().max(), self.delays.last())
            && retry > delay
        {
            problems.add(
                "broker.delays",
                format!(
                    "must end with at least the longest delay of broker.retry: add \"{}\"",
                    level_name(*retry)
                ),
            );
        }
    }

    fn validate_limits(&self, problems: &mut Problems) {
        if self.delivery_limit < 2 {
            problems.add(
                "broker.delivery_limit",
                "must be at least 2, or a consumer's crash makes dead letters; 100 is usual",
            );
        }
        for (key, value) in [
            ("broker.publish_timeout", self.publish_timeout),
            ("broker.connect_timeout", self.connect_timeout),
        ] {
            if value.is_zero() {
                problems.add(key, "must be longer than nothing, such as \"10s\"");
            }
        }
        if !(1..=600).contains(&self.heartbeat.as_secs()) {
            problems.add("broker.heartbeat", "must be between \"1s\" and \"10m\"");
        }
        for (key, value) in [
            ("broker.publish_window", self.publish_window),
            ("broker.memory_capacity", self.memory_capacity),
        ] {
            if value == 0 || value > 10_000_000 {
                problems.add(key, "must be between 1 and 10000000");
            }
        }
        if self.memory_bytes == 0 || self.memory_bytes > MOST_MEMORY {
            problems.add(
                "broker.memory_bytes",
                format!("must be between 1 and {MOST_MEMORY} (64 GiB)"),
            );
        }
    }
}

/// Lists of durations as text: `["5s", "2m"]`.
mod durations {
    use std::time::Duration;

    use humantime_serde::Serde;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        list: &[Duration],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().copied().map(Serde::from))
    }

    pub(super) fn deserialize<'de, D>(deserializer: D) -> Result<Vec<Duration>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let list = Vec::<Serde<Duration>>::deserialize(deserializer)?;
        Ok(list.into_iter().map(Serde::into_inner).collect())
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
