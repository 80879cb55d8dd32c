//! A callback ready to be called: its address and its opened secrets; or why there is none.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ie_model::instance::secret;
use ie_model::{
    CallRate, Instance, InstanceId, Purpose, RetrySchedule, TlsSettings, retiring_secret,
};
use ie_platform::seal::Sealer;
use ie_platform::secret::{ExposeSecret as _, SecretString};
use reqwest::Url;
use reqwest::header::HeaderMap;

use crate::extra_headers;
use crate::own_tls::{self, OwnTls};
use crate::sign::{Credentials, MalformedSecret, WebhookSecret};

/// The key of the user name in an instance's configuration; it is no secret.
const BASIC_USERNAME: &str = "event.notification.basic.username";

/// Where notifications of an instance go, and what proves that they are from us.
#[derive(Debug)]
pub(crate) struct Callback {
    /// The address.
    pub(crate) url: Url,
    /// The opened secrets.
    pub(crate) credentials: Credentials,
    /// What its instance brings for TLS.
    pub(crate) tls: Option<Arc<OwnTls>>,
    /// Whether bodies are compressed.
    pub(crate) gzip: bool,
    /// How often it is called and tried again.
    pub(crate) terms: Terms,
}

/// How often a callback is called and tried again, and how it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// Its own retry schedule.
    pub(crate) schedule: Option<RetrySchedule>,
    /// How often it is called at the most.
    pub(crate) rate: Option<CallRate>,
    /// Since when it only fails.
    pub(crate) failing_since: Option<DateTime<Utc>>,
}

/// What stands at the other end of a notification.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A callback to call.
    Ready(Arc<Callback>),
    /// A callback that cannot be called as it is configured: a failed attempt.
    Unusable(Arc<str>),
    /// The client or we have switched it off: a dead letter, to be redriven when it is on again.
    Off(Arc<str>),
    /// The instance is no more.
    Deleted,
}

/// What the stored instance says.
pub(crate) fn target(instance: Option<&Instance>, purpose: Purpose, sealer: &Sealer) -> Target {
    let Some(instance) = instance else {
        return Target::Deleted;
    };
    if let Some(reason) = off(instance, purpose) {
        return Target::Off(reason.into());
    }
    let opened = match purpose {
        Purpose::Operational | Purpose::Operator => open_for_notices(instance, sealer),
        Purpose::Changes | Purpose::Test => open(instance, sealer),
    };
    match opened {
        Ok(callback) => Target::Ready(Arc::new(callback)),
        Err(error) => Target::Unusable(error.to_string().into()),
    }
}

/// Notices go out whatever state the instance is in; a test is asked for, and needs only an address.
fn off(instance: &Instance, purpose: Purpose) -> Option<String> {
    if matches!(purpose, Purpose::Operational | Purpose::Operator) {
        let wanted = instance.settings.delivery.operational_url.is_some();
        return (!wanted).then(|| "nobody wants notices (event.operational.url)".to_owned());
    }
    if instance.disabled && purpose != Purpose::Test {
        let reason = instance.reason.as_deref().unwrap_or("by its owner");
        return Some(format!("the instance is disabled: {reason}"));
    }
    if !instance.settings.events_enabled && purpose != Purpose::Test {
        return Some("events are off (event.notification.enabled)".to_owned());
    }
    if instance.settings.callback_url.is_none() {
        return Some("the instance has no callback (event.notification.callback.url)".to_owned());
    }
    None
}

/// Why a callback cannot be called as it is configured. No secret is shown.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0} is no URL: {1}")]
    Url(&'static str, String),
    #[error("the secret {0} cannot be opened, check secrets.master_key")]
    Sealed(&'static str),
    #[error(transparent)]
    WebhookSecret(#[from] MalformedSecret),
    #[error(transparent)]
    Headers(#[from] extra_headers::Invalid),
    #[error(transparent)]
    Tls(#[from] own_tls::Unusable),
}

fn open(instance: &Instance, sealer: &Sealer) -> Result<Callback, Error> {
    let url = instance.settings.callback_url.as_deref();
    let url = parse("event.notification.callback.url", url)?;
    let credentials = open_credentials(instance, sealer)?;
    let delivery = &instance.settings.delivery;
    let terms = Terms {
        schedule: delivery.retry_schedule.clone(),
        rate: delivery.rate,
        failing_since: instance.failing_since,
    };
    Ok(Callback {
        url,
        credentials,
        tls: open_tls(instance, sealer)?.map(Arc::new),
        gzip: delivery.gzip,
        terms,
    })
}

fn open_tls(instance: &Instance, sealer: &Sealer) -> Result<Option<OwnTls>, Error> {
    let TlsSettings {
        authorities,
        certificate,
    } = instance.settings.delivery.tls.clone();
    let key = Secrets::of(instance, sealer).open(secret::CLIENT_KEY)?;
    Ok(OwnTls::new(authorities, certificate, key)?)
}

fn open_credentials(instance: &Instance, sealer: &Sealer) -> Result<Credentials, Error> {
    let secrets = Secrets::of(instance, sealer);
    let webhook_secret = match secrets.open(secret::WEBHOOK_SECRET)? {
        Some(text) => Some(WebhookSecret::parse(&text)?),
        None => None,
    };
    let previous_secret = match secrets.open(secret::PREVIOUS_WEBHOOK_SECRET)? {
        Some(text) => Some(previous(&text)?),
        None => None,
    };
    let extra = match secrets.open(secret::CALLBACK_HEADERS)? {
        Some(json) => extra_headers::parse(json.expose_secret())?,
        None => HeaderMap::new(),
    };
    let user = instance
        .configuration
        .get(BASIC_USERNAME)
        .and_then(|value| value.as_str())
        .filter(|user| !user.is_empty());
    let password = secrets.open(secret::BASIC_PASSWORD)?;
    let basic = user.map(|user| (user.to_owned(), password.unwrap_or_default()));
    Ok(Credentials {
        signature_key: secrets.open(secret::SIGNATURE_KEY)?,
        webhook_secret,
        previous_secret,
        basic,
        extra,
    })
}

/// Notices are signed like changes; what the callback asks for beyond that is none of another address' business.
fn open_for_notices(instance: &Instance, sealer: &Sealer) -> Result<Callback, Error> {
    let url = instance.settings.delivery.operational_url.as_deref();
    let url = parse("event.operational.url", url)?;
    let opened = open_credentials(instance, sealer)?;
    let credentials = Credentials {
        basic: None,
        extra: HeaderMap::new(),
        ..opened
    };
    Ok(Callback {
        url,
        credentials,
        tls: None,
        terms: Terms::default(),
        gzip: false,
    })
}

fn parse(key: &'static str, url: Option<&str>) -> Result<Url, Error> {
    Url::parse(url.unwrap_or_default()).map_err(|error| Error::Url(key, error.to_string()))
}

/// The webhook secret that was replaced, and until when it signs as well.
fn previous(text: &SecretString) -> Result<(WebhookSecret, DateTime<Utc>), MalformedSecret> {
    let read = retiring_secret::read(text.expose_secret());
    let (secret, until) = read.ok_or(MalformedSecret)?;
    Ok((WebhookSecret::parse(&secret.to_owned().into())?, until))
}

struct Secrets<'a> {
    instance: InstanceId,
    sealed: &'a std::collections::BTreeMap<String, String>,
    sealer: &'a Sealer,
}

impl<'a> Secrets<'a> {
    fn of(instance: &'a Instance, sealer: &'a Sealer) -> Self {
        Self {
            instance: instance.id,
            sealed: &instance.secrets,
            sealer,
        }
    }

    fn open(&self, name: &'static str) -> Result<Option<SecretString>, Error> {
        let Some(sealed) = self.sealed.get(name) else {
            return Ok(None);
        };
        let context = secret::context(self.instance, name);
        let opened = self.sealer.open(sealed, &context);
        opened.map(Some).map_err(|_| Error::Sealed(name))
    }
}

#[cfg(test)]
#[path = "callback_tests.rs"]
mod tests;
