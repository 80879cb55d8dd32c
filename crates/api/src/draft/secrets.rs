//! Which configuration entries are secrets: they are sealed, and given back as stars.

use std::collections::BTreeMap;

use ie_model::instance::secret;
use ie_platform::secret::{STARS, SecretString};
use serde_json::{Map, Value};

use super::Secret;
use super::headers;
use super::problem::{Path, Problems, kind};
use super::reader::Reader;

/// Words that make an entry nobody knows a secret as well, when its key ends with one.
const SECRET_WORDS: [&str; 6] = ["password", "passwd", "secret", "token", "apikey", "key"];

/// The secrets that the service knows.
pub(super) const KNOWN: [&str; 5] = [
    secret::API_KEY,
    secret::SIGNATURE_KEY,
    secret::BASIC_PASSWORD,
    secret::CALLBACK_HEADERS,
    secret::CLIENT_KEY,
];

/// Takes the secrets out of `configuration` and leaves stars in their places.
///
/// `stored` are the names of the secrets that the store has; stars keep these.
pub(super) fn take(
    configuration: &mut Map<String, Value>,
    path: &Path,
    stored: &[String],
    problems: &mut Problems,
) -> BTreeMap<String, Secret> {
    let mut secrets = BTreeMap::new();
    for (key, value) in configuration.iter_mut() {
        let Some(name) = name_of(key) else { continue };
        let blank = matches!(value, Value::Null)
            || matches!(value, Value::String(text) if text.trim().is_empty());
        if blank {
            continue;
        }
        let path = path.key(key);
        let read = match &*value {
            Value::String(text) if text == STARS => keep(&name, &path, stored, problems),
            sent => plain(&name, sent, &path, problems),
        };
        if let Some(read) = read {
            secrets.insert(name, read);
        }
        *value = Value::from(STARS);
    }
    secrets
}

/// The API key is the one secret that an instance cannot do without.
pub(super) fn require_key(reader: &mut Reader<'_>, secrets: &BTreeMap<String, Secret>) {
    if reader.given(secret::API_KEY).is_none() && !secrets.contains_key(secret::API_KEY) {
        reader.refuse(
            secret::API_KEY,
            "expected the Insightly API key; Insightly shows it in User Settings, under API",
        );
    }
}

/// The name under which an entry's value is sealed; none when it is no secret.
///
/// Entries that nobody knows have a prefix, so that none can take the place of one that is ours.
fn name_of(key: &str) -> Option<String> {
    if KNOWN.contains(&key) {
        return Some(key.to_owned());
    }
    let secret = SECRET_WORDS.iter().any(|word| ends_with_word(key, word));
    secret.then(|| format!("configuration:{key}"))
}

/// Whether the last word of `api.key`, `api_key`, `apiKey` or `key` is `word`.
fn ends_with_word(key: &str, word: &str) -> bool {
    let Some((before, last)) = key
        .len()
        .checked_sub(word.len())
        .and_then(|at| key.split_at_checked(at))
    else {
        return false;
    };
    let boundary = before.is_empty()
        || before.ends_with(['.', '_', '-'])
        || last.starts_with(|first: char| first.is_ascii_uppercase());
    boundary && last.eq_ignore_ascii_case(word)
}

fn keep(name: &str, path: &Path, stored: &[String], problems: &mut Problems) -> Option<Secret> {
    if stored.iter().any(|known| known == name) {
        return Some(Secret::Kept);
    }
    problems.add(
        path,
        format!("expected the value itself: \"{STARS}\" keeps a stored one, and none is stored"),
    );
    None
}

fn plain(name: &str, value: &Value, path: &Path, problems: &mut Problems) -> Option<Secret> {
    let text = match value {
        _ if name == secret::CALLBACK_HEADERS => {
            Value::Object(headers::read(value, path, problems)).to_string()
        }
        Value::String(text) => text.trim().to_owned(),
        other if KNOWN.contains(&name) => {
            problems.add(path, format!("expected a string, got {}", kind(other)));
            return None;
        }
        other => other.to_string(),
    };
    Some(Secret::New(SecretString::from(text)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("password", Some("password"))]
    #[case(
        "event.notification.signature.key",
        Some("event.notification.signature.key")
    )]
    #[case(
        "event.notification.tls.client.key",
        Some("event.notification.tls.client.key")
    )]
    #[case("oauth.api.key", Some("configuration:oauth.api.key"))]
    #[case("apiKey", Some("configuration:apiKey"))]
    #[case("access_token", Some("configuration:access_token"))]
    #[case("token", Some("configuration:token"))]
    #[case("webhook.secret", Some("configuration:webhook.secret"))]
    #[case("monkey", None)]
    #[case("username", None)]
    #[case("event.poller.configuration", None)]
    #[case("\u{e9}y", None)]
    fn these_keys_hold_secrets(#[case] key: &str, #[case] name: Option<&str>) {
        assert_eq!(name_of(key).as_deref(), name);
    }
}
