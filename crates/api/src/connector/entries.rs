//! Every entry of an instance's `configuration`: the one table that feeds the connector's description and
//! `docs/configuration.md`.

use ie_model::instance::secret;
use serde_json::{Value, json};

/// What a client's form shows for an entry. The names are Open Connectors'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A line of text.
    Text,
    /// Several lines, or JSON.
    LongText,
    /// A secret: sealed, and given back as stars.
    Password,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Number => "NUMBER",
            Self::Text => "TEXTFIELD_1000",
            Self::LongText => "TEXTAREA",
            Self::Password => "PASSWORD",
        }
    }
}

/// One entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its key in `configuration`.
    pub key: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// What it decides, its unit and its limits.
    pub description: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether an instance cannot do without.
    pub required: bool,
    /// What holds without it, in words that the entry itself would take; none when nothing does.
    pub default: Option<&'static str>,
}

impl Entry {
    const fn new(
        key: &'static str,
        name: &'static str,
        kind: Kind,
        description: &'static str,
    ) -> Self {
        Self {
            key,
            name,
            description,
            kind,
            required: false,
            default: None,
        }
    }

    const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    const fn or(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// As `GET /elements/insightly` shows it.
    pub(crate) fn described(&self, position: usize) -> Value {
        json!({
            "id": position + 1,
            "key": self.key,
            "name": self.name,
            "description": self.description,
            "type": self.kind.as_str(),
            "required": self.required,
            "defaultValue": self.default,
            "hideFromConsole": false,
            "active": true,
        })
    }
}

/// The entries, in the order in which a person fills them in.
pub const ENTRIES: &[Entry] = &[
    Entry::new("username", "Username", Kind::Text, "The Insightly user name or e-mail address."),
    Entry::new(secret::API_KEY, "API key", Kind::Password, "The Insightly API key; Insightly shows it in User Settings, under API.").required(),
    Entry::new("insightly.pod", "Pod", Kind::Text, "The pod of the Insightly account, such as na1, eu1 or au1, where it is not the operator's default."),
    Entry::new("base.url", "API address", Kind::Text, "The address of Insightly's API in place of the pod's; the operator must allow it."),
    Entry::new("event.notification.enabled", "Events enabled", Kind::Boolean, "Whether changes are polled and notified.").or("false"),
    Entry::new("event.vendor.type", "Event type", Kind::Text, "How changes are found: polling is the only way.").or("polling"),
    Entry::new("event.notification.callback.url", "Callback URL", Kind::Text, "Where events are sent to: an https address, or an http address where the operator allows it. Required when events are enabled."),
    Entry::new("event.poller.refresh_interval", "Refresh interval", Kind::Number, "Minutes between two polls of a resource, 1 to 43200.").or("15"),
    Entry::new("event.poller.configuration", "Polling configuration", Kind::LongText, "How each resource is polled: a JSON object by resource name, in which {} takes the connector's default for that name."),
    Entry::new("event.poller.urls", "Resources to poll", Kind::LongText, "Names of the resources to poll, separated by | or commas or newlines: a subset of the polling configuration or of the defaults."),
    Entry::new("event.objects", "Objects to poll", Kind::LongText, "The same as event.poller.urls."),
    Entry::new("event.poller.timezone", "Time zone", Kind::Text, "The zone of ${date:…} in a poller's url: an IANA name, an offset such as GMT+2, or an abbreviation.").or("UTC"),
    Entry::new("event.poller.overlap", "Overlap", Kind::Number, "Seconds by which two windows overlap, 0 to 3600, for writes that Insightly shows late; the operator's fetcher setting holds without it."),
    Entry::new("event.poller.initial", "Initial records", Kind::Text, "none for changes from now on; snapshot for every existing record first, marked.").or("none"),
    Entry::new("event.poller.deletes.interval", "Delete detection interval", Kind::Number, "Minutes between two sweeps for deleted records, up to 43200; 0 looks for none. A sweep costs a request for each 499 records.").or("0"),
    Entry::new("event.changes", "Changes in events", Kind::Boolean, "Whether updates say which fields changed, from what to what; the content of every record is kept for it.").or("false"),
    Entry::new("event.skip.unchanged", "Skip empty updates", Kind::Boolean, "Whether an update that moved nothing but its date is no event.").or("false"),
    Entry::new("event.raw.enabled", "Raw records", Kind::Boolean, "Whether notifications carry the records.").or("true"),
    Entry::new("event.notification.batch", "Events per notification", Kind::Number, "Events in one notification at the most, 1 to 500.").or("10"),
    Entry::new("event.notification.retry.schedule", "Retry schedule", Kind::Text, "The delays after failed attempts, 1 to 50 from 1s to 7d, such as 5s, 2m, 1h; without it, the operator's."),
    Entry::new("event.notification.rate", "Notification rate", Kind::Text, "Notifications per second at the most, such as 5 or 0.5, or per minute: 30/m."),
    Entry::new("event.notification.order", "Order", Kind::Text, "none, or per-object: events of one object arrive in their order, each after the one before it is accepted.").or("none"),
    Entry::new("event.notification.order.dead_letter", "Order after a dead letter", Kind::Text, "In the order per-object: block lets the later events of its objects wait for it, skip lets them go on.").or("block"),
    Entry::new("event.operational.url", "Operational URL", Kind::Text, "Where it is told that the instance is disabled, its key refused or its dead letters grow."),
    Entry::new("event.notification.format", "Event format", Kind::Text, "openconnectors for Open Connectors' notification; cloudevents for CloudEvents 1.0 as JSON, several as a batch.").or("openconnectors"),
    Entry::new("event.notification.gzip", "Compressed notifications", Kind::Boolean, "Whether bodies are compressed with gzip; signatures are over the JSON.").or("false"),
    Entry::new("event.filter", "Event filter", Kind::LongText, "Which changes are events: a JSON object of eventTypes, objectTypes and where, a list of JSONPaths of the record with the value, or list of values, that each must have."),
    Entry::new(secret::SIGNATURE_KEY, "Signature key", Kind::Password, "The key of the header Elements-Webhook-Signature."),
    Entry::new(secret::CALLBACK_HEADERS, "Callback headers", Kind::Password, "Extra headers for the callback: a JSON object, or lines of Name: value."),
    Entry::new("event.notification.basic.username", "Callback user", Kind::Text, "The user name of basic authentication towards the callback."),
    Entry::new(secret::BASIC_PASSWORD, "Callback password", Kind::Password, "The password of basic authentication towards the callback."),
    Entry::new("event.notification.tls.ca", "Callback authorities", Kind::LongText, "Certificates in PEM of authorities that are trusted for the callback, beside those that are trusted anyway."),
    Entry::new("event.notification.tls.client.certificate", "Client certificate", Kind::LongText, "The certificate that the callback is shown when it asks for one, with its chain, in PEM."),
    Entry::new(secret::CLIENT_KEY, "Client key", Kind::Password, "The private key of the client certificate, in PEM without a passphrase."),
    Entry::new("filter.response.nulls", "Drop nulls", Kind::Boolean, "Whether null fields are left out of the answers of /hubs.").or("true"),
    Entry::new("insightly.requests.per.second", "Requests per second", Kind::Number, "Requests of the Insightly account per second at which this instance polls, when it is fewer than the operator allows."),
    Entry::new("insightly.requests.per.day", "Requests per day", Kind::Number, "Requests of the Insightly account per day at which this instance stops polling, when Insightly's limit is not to be used up."),
];
