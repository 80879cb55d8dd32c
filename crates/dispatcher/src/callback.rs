//! A callback ready to be called: its address and its opened secrets; or why there is none.

use std::sync::Arc;

use ie_model::instance::secret;
use ie_model::{Instance, InstanceId};
use ie_platform::seal::Sealer;
use ie_platform::secret::{ExposeSecret as _, SecretString};
use reqwest::Url;
use reqwest::header::HeaderMap;

use crate::extra_headers;
use crate::sign::{Credentials, WebhookSecret};

/// The key of the user name in an instance's configuration; it is no secret.
const BASIC_USERNAME: &str = "event.notification.basic.username";

/// Where notifications of an instance go, and what proves that they are from us.
#[derive(Debug)]
pub(crate) struct Callback {
    /// The address.
    pub(crate) url: Url,
    /// The opened secrets.
    pub(crate) credentials: Credentials,
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
pub(crate) fn target(instance: Option<&Instance>, sealer: &Sealer) -> Target {
    let Some(instance) = instance else {
        return Target::Deleted;
    };
    if let Some(reason) = off(instance) {
        return Target::Off(reason.into());
    }
    match open(instance, sealer) {
        Ok(callback) => Target::Ready(Arc::new(callback)),
        Err(error) => Target::Unusable(error.to_string().into()),
    }
}

fn off(instance: &Instance) -> Option<String> {
    if instance.disabled {
        let reason = instance.reason.as_deref().unwrap_or("by its owner");
        return Some(format!("the instance is disabled: {reason}"));
    }
    if !instance.settings.events_enabled {
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
    #[error("event.notification.callback.url is no URL: {0}")]
    Url(String),
    #[error("the secret {0} cannot be opened, check secrets.master_key")]
    Sealed(&'static str),
    #[error(transparent)]
    WebhookSecret(#[from] crate::sign::MalformedSecret),
    #[error(transparent)]
    Headers(#[from] extra_headers::Invalid),
}

fn open(instance: &Instance, sealer: &Sealer) -> Result<Callback, Error> {
    let url = instance
        .settings
        .callback_url
        .as_deref()
        .unwrap_or_default();
    let url = Url::parse(url).map_err(|error| Error::Url(error.to_string()))?;
    let secrets = Secrets {
        instance: instance.id,
        sealed: &instance.secrets,
        sealer,
    };
    let webhook_secret = match secrets.open(secret::WEBHOOK_SECRET)? {
        Some(text) => Some(WebhookSecret::parse(&text)?),
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
    let credentials = Credentials {
        signature_key: secrets.open(secret::SIGNATURE_KEY)?,
        webhook_secret,
        basic,
        extra,
    };
    Ok(Callback { url, credentials })
}

struct Secrets<'a> {
    instance: InstanceId,
    sealed: &'a std::collections::BTreeMap<String, String>,
    sealer: &'a Sealer,
}

impl Secrets<'_> {
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
