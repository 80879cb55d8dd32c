//! The section `api` of the configuration; `defaults.toml` says what each field means.

use std::net::SocketAddr;
use std::time::Duration;

use ie_platform::OutgoingConfig;
use ie_platform::config::{Problems, Section};
use ie_platform::secret::{self, ExposeSecret as _, SecretString};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::accounts::LONGEST_GRACE;
use crate::draft::{Rules, UrlPattern};
use crate::password;

/// The shortest secret of an account: as many characters as a random UUID has without dashes.
const SHORTEST_SECRET: usize = 16;
/// The shortest token of the operator, who may do everything.
const SHORTEST_ADMIN_TOKEN: usize = 32;

/// How the API is served, and what the operator allows its clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in defaults.toml")]
pub struct Config {
    pub address: String,
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    pub body_limit: usize,
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    pub requests_per_second: u32,
    #[serde(with = "humantime_serde")]
    pub idempotency_retention: Duration,
    pub page_size: u32,
    pub max_page_size: u32,
    pub redrive_limit: u32,
    pub replay_limit: u32,
    pub redrive_rate: u32,
    pub default_insightly_url: String,
    pub insightly_urls: Vec<UrlPattern>,
    #[serde(with = "humantime_serde")]
    pub insightly_timeout: Duration,
    pub hub_requests_per_second: f64,
    pub hub_requests_per_day: u32,
    pub hub_share: f64,
    #[serde(with = "humantime_serde")]
    pub hub_wait: Duration,
    #[serde(with = "humantime_serde")]
    pub default_overlap: Duration,
    #[serde(with = "humantime_serde")]
    pub first_poll_spread: Duration,
    #[serde(with = "humantime_serde")]
    pub hint_gap: Duration,
    #[serde(with = "humantime_serde")]
    pub test_timeout: Duration,
    pub public_url: String,
    #[serde(with = "humantime_serde")]
    pub session_lifetime: Duration,
    pub trace_url: String,
    #[serde(with = "secret::redacted_option", default)]
    pub admin_token: Option<SecretString>,
    #[serde(with = "humantime_serde")]
    pub token_lifetime: Duration,
    #[serde(with = "humantime_serde")]
    pub secret_grace: Duration,
    pub bootstrap_organization: String,
    pub bootstrap_user: String,
    #[serde(with = "secret::redacted_option", default)]
    pub bootstrap_organization_secret: Option<SecretString>,
    #[serde(with = "secret::redacted_option", default)]
    pub bootstrap_user_secret: Option<SecretString>,
    #[serde(with = "secret::redacted_option", default)]
    pub bootstrap_user_password: Option<SecretString>,
}

impl Section for Config {
    const NAME: &'static str = "api";
    const DEFAULTS: &'static str = include_str!("../defaults.toml");

    fn validate(&self, problems: &mut Problems) {
        if self.socket_address().is_none() {
            problems.add(
                "api.address",
                format!(
                    "expected an address and a port such as 127.0.0.1:8080, got {:?}",
                    self.address
                ),
            );
        }
        let durations = [
            ("api.request_timeout", self.request_timeout),
            ("api.insightly_timeout", self.insightly_timeout),
            ("api.test_timeout", self.test_timeout),
            ("api.session_lifetime", self.session_lifetime),
            ("api.token_lifetime", self.token_lifetime),
            ("api.body_timeout", self.body_timeout),
            ("api.idempotency_retention", self.idempotency_retention),
        ];
        for (key, _) in durations.iter().filter(|(_, value)| value.is_zero()) {
            problems.add(*key, "must be longer than nothing, such as \"20s\"");
        }
        if self.page_size == 0 || self.page_size > self.max_page_size {
            problems.add(
                "api.page_size",
                format!(
                    "must be from 1 to api.max_page_size ({})",
                    self.max_page_size
                ),
            );
        }
        for (key, value) in [
            ("api.redrive_limit", self.redrive_limit),
            ("api.replay_limit", self.replay_limit),
            ("api.redrive_rate", self.redrive_rate),
        ] {
            if value == 0 {
                problems.add(key, "must be at least 1");
            }
        }
        let scheme = Url::parse(&self.default_insightly_url).map(|url| url.scheme().to_owned());
        if !matches!(scheme.as_deref(), Ok("http" | "https")) {
            problems.add(
                "api.default_insightly_url",
                "expected an address such as https://api.na1.insightly.com/v3.1",
            );
        }
        for (key, url) in [
            ("api.public_url", &self.public_url),
            ("api.trace_url", &self.trace_url),
        ] {
            let scheme = Url::parse(url).map(|url| url.scheme().to_owned());
            if !url.is_empty() && !matches!(scheme.as_deref(), Ok("http" | "https")) {
                let text = "expected an address such as https://events.example.com, or nothing";
                problems.add(key, text);
            }
        }
        self.validate_hub(problems);
        self.validate_accounts(problems);
        self.validate_bootstrap(problems);
    }
}

impl Config {
    /// Where it listens, if that is an address.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        self.address.parse().ok()
    }

    /// Where this service is reached: as configured, else where it listens.
    pub(crate) fn public_url(&self, listening: SocketAddr) -> String {
        match self.public_url.trim_end_matches('/') {
            "" => format!("http://{listening}"),
            url => url.to_owned(),
        }
    }

    /// The secrets of the account to be there: that of the organization, that of the user.
    pub(crate) fn bootstrap(&self) -> Option<(&SecretString, &SecretString)> {
        let organization = self.bootstrap_organization_secret.as_ref()?;
        Some((organization, self.bootstrap_user_secret.as_ref()?))
    }

    /// The time between two notifications that are sent again.
    pub(crate) fn redrive_gap(&self) -> Duration {
        Duration::from_secs(1) / self.redrive_rate.max(1)
    }

    /// What the configuration says about instances; the queue says how long it can hold a notification.
    pub(crate) fn rules(&self, longest_delay: Duration, outgoing: OutgoingConfig) -> Rules {
        Rules {
            default_url: self.default_insightly_url.clone(),
            allowed_urls: self.insightly_urls.clone(),
            overlap: u32::try_from(self.default_overlap.as_secs()).unwrap_or(u32::MAX),
            longest_delay,
            outgoing,
        }
    }

    fn validate_hub(&self, problems: &mut Problems) {
        if !(self.hub_requests_per_second > 0.0 && self.hub_requests_per_second <= 1000.0) {
            let text = "expected more than 0 and at most 1000";
            problems.add("api.hub_requests_per_second", text);
        }
        if !(0.0..=1.0).contains(&self.hub_share) {
            problems.add("api.hub_share", "expected a share from 0 to 1");
        }
    }

    fn validate_accounts(&self, problems: &mut Problems) {
        if self.secret_grace > LONGEST_GRACE {
            problems.add("api.secret_grace", "expected 30 days at the most");
        }
        let token = self.admin_token.as_ref();
        let token = token.map(|token| token.expose_secret().trim());
        if token.is_some_and(|token| token.len() < SHORTEST_ADMIN_TOKEN) {
            let text = format!(
                "must have at least {SHORTEST_ADMIN_TOKEN} characters, such as those of `openssl rand -hex 32`"
            );
            problems.add("api.admin_token", text);
        }
    }

    fn validate_bootstrap(&self, problems: &mut Problems) {
        if let Some(password) = &self.bootstrap_user_password {
            if let Err(error) = password::check_length(password) {
                problems.add("api.bootstrap_user_password", error.to_string());
            }
            if self.bootstrap().is_none() {
                let text = "is of use only with api.bootstrap_user_secret and api.bootstrap_organization_secret";
                problems.add("api.bootstrap_user_password", text);
            }
        }
        let secrets = [
            ("api.bootstrap_user_secret", &self.bootstrap_user_secret),
            (
                "api.bootstrap_organization_secret",
                &self.bootstrap_organization_secret,
            ),
        ];
        let given = secrets
            .iter()
            .filter(|(_, secret)| secret.is_some())
            .count();
        for (key, secret) in secrets {
            match secret.as_ref().map(|secret| secret.expose_secret().trim()) {
                None if given > 0 => problems.add(key, "must be set, since the other secret is"),
                Some(secret) if secret.len() < SHORTEST_SECRET => problems.add(
                    key,
                    format!("must have at least {SHORTEST_SECRET} characters, such as those of `openssl rand -hex 16`"),
                ),
                Some(secret) if secret.contains([',', ' ']) => problems.add(
                    key,
                    "must not hold commas or blanks, which the Authorization header has between secrets",
                ),
                _ => {}
            }
        }
    }
}
