//! Tokens, and what is sealed before it reaches the store.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use ie_model::instance::secret;
use ie_model::{Instance, InstanceId, retiring_secret};
use ie_platform::seal::Sealer;
use ie_platform::secret::{ExposeSecret as _, SecretString};

use crate::draft::Secret;
use crate::error::{ApiError, Result};

/// Bytes of chance in a token and in a webhook secret.
const RANDOM_BYTES: usize = 32;

/// A new token for the `Element` credential, in the form that Open Connectors gives: base64.
pub(super) fn new_token() -> SecretString {
    random_base64().into()
}

/// A new token of a hint URL: it stands in a path.
pub(super) fn new_hint_token() -> SecretString {
    hex::encode(rand::random::<[u8; RANDOM_BYTES]>()).into()
}

/// A new secret of the Standard Webhooks headers.
pub(super) fn new_webhook_secret() -> SecretString {
    format!("whsec_{}", random_base64()).into()
}

fn random_base64() -> String {
    STANDARD.encode(rand::random::<[u8; RANDOM_BYTES]>())
}

/// Seals what is new, and keeps what stays of `stored`.
///
/// The tokens and the webhook secrets belong to the instance, not to its configuration: they always stay.
pub(super) fn seal(
    sealer: &Sealer,
    id: InstanceId,
    secrets: &BTreeMap<String, Secret>,
    stored: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let own = [
        secret::TOKEN,
        secret::WEBHOOK_SECRET,
        secret::PREVIOUS_WEBHOOK_SECRET,
        secret::HINT_TOKEN,
    ];
    let mut sealed: BTreeMap<String, String> = stored
        .iter()
        .filter(|(name, _)| own.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in secrets {
        let value = match value {
            Secret::New(plain) => Some(seal_one(sealer, id, name, plain)),
            Secret::Kept => stored.get(name).cloned(),
        };
        sealed.extend(value.map(|value| (name.clone(), value)));
    }
    sealed
}

/// Seals one secret for its place.
pub(super) fn seal_one(
    sealer: &Sealer,
    id: InstanceId,
    name: &str,
    plain: &SecretString,
) -> String {
    sealer.seal(plain.expose_secret(), &secret::context(id, name))
}

/// Opens one of an instance's secrets.
pub(super) fn open(sealer: &Sealer, instance: &Instance, name: &str) -> Result<SecretString> {
    let sealed = instance.secrets.get(name).ok_or_else(|| {
        ApiError::internal(anyhow::anyhow!("instance {} has no {name}", instance.id))
    })?;
    sealer
        .open(sealed, &secret::context(instance.id, name))
        .map_err(ApiError::internal)
}

/// Removes the webhook secret that was replaced once it signs no more; what cannot be read is of no use either.
pub(super) fn forget_retired(sealer: &Sealer, instance: &mut Instance, now: DateTime<Utc>) {
    let name = secret::PREVIOUS_WEBHOOK_SECRET;
    let Some(sealed) = instance.secrets.get(name) else {
        return;
    };
    let opened = sealer
        .open(sealed, &secret::context(instance.id, name))
        .ok();
    let until = opened.and_then(|text| {
        let (_, until) = retiring_secret::read(text.expose_secret())?;
        Some(until)
    });
    if until.is_none_or(|until| until <= now) {
        instance.secrets.remove(name);
    }
}
