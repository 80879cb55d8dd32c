//! The headers of a notification: which it is, that it is from us, and what the callback's owner asked for.
//!
//! Two signatures stand side by side: the one of SAP Open Connectors over the body, and the one of Standard Webhooks
//! over id, time and body.

use std::iter;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ie_platform::secret::{ExposeSecret as _, SecretString};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use sha2::Sha256;

/// What the callback's owner gave us to prove that a notification is from us.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    /// The key of `Elements-Webhook-Signature`.
    pub(crate) signature_key: Option<SecretString>,
    /// The secret of the Standard Webhooks headers.
    pub(crate) webhook_secret: Option<WebhookSecret>,
    /// The one before, which signs as well until this time.
    pub(crate) previous_secret: Option<(WebhookSecret, DateTime<Utc>)>,
    /// The user and the password of basic authentication.
    pub(crate) basic: Option<(String, SecretString)>,
    /// Further headers, as [`crate::extra_headers::parse`] lets them through.
    pub(crate) extra: HeaderMap,
}

/// A Standard Webhooks secret, decoded.
pub(crate) struct WebhookSecret(Vec<u8>);

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(********)")
    }
}

/// The text after `whsec_` is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook secret is malformed, expected whsec_ followed by base64")]
pub(crate) struct MalformedSecret;

/// Secrets come with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl WebhookSecret {
    /// Decodes `whsec_…`.
    pub(crate) fn parse(secret: &SecretString) -> Result<Self, MalformedSecret> {
        let text = secret.expose_secret();
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        let key = LENIENT.decode(encoded).map_err(|_| MalformedSecret)?;
        Ok(Self(key))
    }
}

/// Every header of one attempt that depends on the callback or on the notification.
pub(crate) fn headers(
    credentials: &Credentials,
    id: &str,
    at: DateTime<Utc>,
    body: &[u8],
) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut headers = credentials.extra.clone();
    let mut set = |name: &'static str, value: &str| -> Result<(), InvalidHeaderValue> {
        headers.insert(HeaderName::from_static(name), value.parse()?);
        Ok(())
    };
    set("elements-webhook-id", id)?;
    if let Some(key) = &credentials.signature_key {
        let signature = elements_signature(key.expose_secret().as_bytes(), body);
        set("elements-webhook-signature", &signature)?;
    }
    if let Some(secret) = &credentials.webhook_secret {
        let timestamp = at.timestamp();
        set("webhook-id", id)?;
        set("webhook-timestamp", &timestamp.to_string())?;
        let previous = credentials.previous_secret.as_ref();
        let previous = previous.filter(|(_, until)| at < *until);
        // The new one first: some receivers look at one signature only.
        let secrets = iter::once(secret).chain(previous.map(|(secret, _)| secret));
        let signatures: Vec<String> = secrets
            .map(|secret| webhook_signature(secret, id, timestamp, body))
            .collect();
        set("webhook-signature", &signatures.join(" "))?;
    }
    if let Some((user, password)) = &credentials.basic {
        let value = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        let mut value = HeaderValue::from_str(&format!("Basic {value}"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// The value of `Elements-Webhook-Signature`.
fn elements_signature(key: &[u8], body: &[u8]) -> String {
    format!("sha256={}", hmac_sha256(key, &[body]))
}

/// One of the values of `webhook-signature`, which has spaces between them.
///
/// Source: the Standard Webhooks specification, symmetric signatures.
fn webhook_signature(secret: &WebhookSecret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let prefix = format!("{id}.{timestamp}.");
    format!("v1,{}", hmac_sha256(&secret.0, &[prefix.as_bytes(), body]))
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    for part in parts {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
