//! Connector instances: one tenant's key, resources and callback.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{DeliverySettings, InstanceId, OrganizationId, UserId};

/// An instance, as stored. Nothing in it is readable as a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its identity.
    pub id: InstanceId,
    /// Who owns it.
    pub organization: OrganizationId,
    /// Who created it.
    pub user: UserId,
    /// The name given by the client.
    pub name: String,
    /// The tags given by the client.
    pub tags: Vec<String>,
    /// The configuration as sent, without the values of secrets.
    pub configuration: Map<String, Value>,
    /// The sealed secrets by their configuration key, and the sealed token under `token`.
    pub secrets: BTreeMap<String, String>,
    /// What the configuration means.
    pub settings: Settings,
    /// Whose request budget it uses.
    pub account: AccountKey,
    /// False once Insightly has refused the key.
    pub valid: bool,
    /// True once switched off by the client or by us.
    pub disabled: bool,
    /// Why it is not valid or disabled, in words for people.
    pub reason: Option<String>,
    /// The hash of the token in its hint URL; none for one that was made before there were hints.
    pub hint_hash: Option<String>,
    /// Since when its callback has only failed, as far as that was noted; none while it accepts.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// The configuration of an instance, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Insightly's API, such as `https://api.na1.insightly.com/v3.1`.
    pub base_url: String,
    /// Whether changes are polled and notified.
    pub events_enabled: bool,
    /// Where notifications go.
    pub callback_url: Option<String>,
    /// Minutes between two polls of a resource.
    pub refresh_interval: u32,
    /// The zone of `${date:…}` in templates.
    pub zone: String,
    /// Seconds by which two windows overlap, for writes that become visible late.
    pub overlap: u32,
    /// Events in one notification at the most.
    pub batch: u16,
    /// Whether notifications carry the raw records.
    pub raw_enabled: bool,
    /// Minutes between two sweeps for deleted records; 0 looks for none.
    #[serde(default)]
    pub deletes_interval: u32,
    /// What a new poller does with the records that exist already.
    #[serde(default)]
    pub initial: Initial,
    /// Whether updates say what they changed, for which the content of every record is kept.
    #[serde(default)]
    pub changes: bool,
    /// Whether an update that moved nothing but its date is no event.
    #[serde(default)]
    pub skip_unchanged: bool,
    /// Requests of the account per second at which this instance polls, when it is fewer than the operator allows.
    #[serde(default)]
    pub requests_per_second: Option<u32>,
    /// Requests of the account per day at which this instance stops polling, when Insightly's limit is not to be used up.
    #[serde(default)]
    pub requests_per_day: Option<u32>,
    /// How its notifications are delivered.
    #[serde(default)]
    pub delivery: DeliverySettings,
}

/// What a new poller does with the records that exist already: `event.poller.initial`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initial {
    /// Nothing: changes from now on are events.
    #[default]
    None,
    /// Each of them once, as an event that is marked.
    Snapshot,
}

/// The name of an Insightly account: what a request budget is kept for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountKey(pub String);

impl std::fmt::Display for AccountKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The names under which an instance's sealed secrets are kept.
pub mod secret {
    /// The Insightly API key.
    pub const API_KEY: &str = "password";
    /// The token of the `Element` credential.
    pub const TOKEN: &str = "token";
    /// The token of the hint URL.
    pub const HINT_TOKEN: &str = "hint.token";
    /// The key of `Elements-Webhook-Signature`.
    pub const SIGNATURE_KEY: &str = "event.notification.signature.key";
    /// The secret of the Standard Webhooks headers, beginning with `whsec_`.
    pub const WEBHOOK_SECRET: &str = "webhook.secret";
    /// The one before, as [`crate::retiring_secret`] writes it: it signs as well until it ends.
    pub const PREVIOUS_WEBHOOK_SECRET: &str = "webhook.secret.previous";
    /// The password towards the callback.
    pub const BASIC_PASSWORD: &str = "event.notification.basic.password";
    /// Extra headers for the callback, as JSON.
    pub const CALLBACK_HEADERS: &str = "event.notification.callback.headers";

    /// The private key of the certificate that the callback is shown, in PEM.
    pub const CLIENT_KEY: &str = "event.notification.tls.client.key";

    /// The associated data of a sealed secret: it opens only where it was stored.
    pub fn context(instance: crate::InstanceId, name: &str) -> String {
        format!("instance:{instance}:{name}")
    }
}
