//! How a simulator begins: its section of the configuration.

use std::collections::{BTreeMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ie_model::catalog;
use ie_platform::config::{Problems, Section};
use serde::{Deserialize, Serialize, Serializer};

use crate::limits::{Limits, Window};
use crate::query::{After, Order};

/// How a simulator begins. Most of it can be changed later through the control API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Everything made up depends on it.
    pub seed: u64,
    /// Changes per second from the start.
    pub rate: f64,
    /// How many records each account begins with, by object.
    pub records: BTreeMap<String, usize>,
    /// Custom objects of each account.
    pub custom_objects: Vec<String>,
    /// Requests per second and account.
    pub requests_per_second: u32,
    /// What counts as one second.
    pub rate_window: Window,
    /// Requests per day and account.
    pub daily_limit: u32,
    /// When the day turns, after midnight UTC.
    #[serde(with = "humantime_serde")]
    pub day_turns_at: Duration,
    /// Whether a 429 of the second says `Retry-After`.
    pub burst_retry_after: bool,
    /// Whether a 429 of the day says `Retry-After`.
    pub daily_retry_after: bool,
    /// Whether `updated_after_utc` includes its own second.
    pub updated_after: After,
    /// The order of records.
    pub order: Order,
    /// Whether either date form is taken everywhere.
    pub lenient_dates: bool,
    /// Records per page when not asked for a number.
    pub page_default: usize,
    /// Records per page at most.
    pub page_limit: usize,
    /// Whether answers are compressed when asked for.
    pub gzip: bool,
    /// Whether the ledger notes when a version was first handed out.
    pub record_served: bool,
    /// The accounts; the first one is meant where none is named.
    pub accounts: Vec<AccountSettings>,
}

/// One Insightly account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSettings {
    /// Its name in the control API.
    pub name: String,
    /// Its API keys; the n-th belongs to its n-th user.
    #[serde(serialize_with = "starred")]
    pub keys: Vec<String>,
    /// Its own requests per second.
    #[serde(default)]
    pub requests_per_second: Option<u32>,
    /// Its own requests per day.
    #[serde(default)]
    pub daily_limit: Option<u32>,
    /// Its own records.
    #[serde(default)]
    pub records: Option<BTreeMap<String, usize>>,
}

impl AccountSettings {
    /// An account with these keys and the limits of all.
    pub fn new(name: &str, keys: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            requests_per_second: None,
            daily_limit: None,
            records: None,
        }
    }
}

/// Keys are not for the log, not even those of a simulator.
fn starred<S: Serializer>(keys: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(keys.iter().map(|_| "********"))
}

impl Default for Settings {
    fn default() -> Self {
        let records = [
            ("Contacts", 1_000),
            ("Organisations", 200),
            ("Leads", 200),
            ("Opportunities", 100),
        ];
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8085)),
            seed: 1,
            rate: 0.0,
            records: records
                .map(|(object, count)| (object.to_owned(), count))
                .into(),
            custom_objects: vec!["Project_Site__c".to_owned()],
            requests_per_second: 10,
            rate_window: Window::Sliding,
            daily_limit: 100_000,
            day_turns_at: Duration::ZERO,
            burst_retry_after: true,
            daily_retry_after: false,
            updated_after: After::Inclusive,
            order: Order::Id,
            lenient_dates: false,
            page_default: 100,
            page_limit: 500,
            gzip: true,
            record_served: true,
            accounts: vec![AccountSettings::new("default", &["demo-key"])],
        }
    }
}

impl Settings {
    /// A free port and no records but reference data: where a test begins.
    pub fn empty() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            records: BTreeMap::new(),
            ..Self::default()
        }
    }

    /// The same with that many records of an object.
    #[must_use]
    pub fn with_records(mut self, object: &str, count: usize) -> Self {
        self.records.insert(object.to_owned(), count);
        self
    }

    /// The same with limits that nobody reaches.
    #[must_use]
    pub fn without_limits(mut self) -> Self {
        self.requests_per_second = u32::MAX;
        self.daily_limit = u32::MAX;
        self
    }

    pub(crate) fn limits(&self, account: &AccountSettings) -> Limits {
        Limits {
            per_second: account
                .requests_per_second
                .unwrap_or(self.requests_per_second),
            per_day: account.daily_limit.unwrap_or(self.daily_limit),
        }
    }

    fn knows(&self, object: &str) -> bool {
        catalog::by_object(object).is_some() || self.custom_objects.iter().any(|own| own == object)
    }
}

impl Section for Settings {
    const NAME: &'static str = "simulator";
    const DEFAULTS: &'static str = include_str!("../defaults.toml");

    fn validate(&self, problems: &mut Problems) {
        if !self.rate.is_finite() || self.rate < 0.0 {
            problems.add(
                "simulator.rate",
                "must be a number of changes per second, 0 or more",
            );
        }
        if self.page_limit == 0 || self.page_default == 0 {
            problems.add(
                "simulator.page_limit",
                "pages must hold at least one record",
            );
        }
        if self.accounts.is_empty() {
            problems.add(
                "simulator.accounts",
                "needs at least one account, such as { name = \"default\", keys = [\"demo-key\"] }",
            );
        }
        for name in &self.custom_objects {
            if !name.ends_with("__c") {
                problems.add(
                    "simulator.custom_objects",
                    format!("{name:?} must end in __c, as custom objects do"),
                );
            }
        }
        let own = self
            .accounts
            .iter()
            .filter_map(|account| account.records.as_ref());
        for object in own.chain([&self.records]).flat_map(BTreeMap::keys) {
            if !self.knows(object) {
                problems.add("simulator.records", format!("{object:?} is no object of Insightly; write it as in its path, such as Contacts"));
            }
        }
        let mut seen = HashSet::new();
        for account in &self.accounts {
            for key in std::iter::once(&account.name).chain(&account.keys) {
                if !seen.insert(key) {
                    problems.add(
                        "simulator.accounts",
                        format!("a name or key of account {:?} is used twice", account.name),
                    );
                }
            }
        }
    }
}
