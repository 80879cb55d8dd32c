//! Values that must not be seen: they do not appear in `Debug`, and are serialized as stars.
//!
//! The start line logs the whole configuration, so a section marks each secret field:
//!
//! ```
//! use ie_platform::secret::{self, SecretString};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     #[serde(with = "secret::redacted")]
//!     password: SecretString,
//!     #[serde(with = "secret::redacted_option", default)]
//!     token: Option<SecretString>,
//!     #[serde(with = "secret::redacted_url")]
//!     url: SecretString, // shown without its password and query
//! }
//! ```

pub use secrecy::{ExposeSecret, SecretString};

/// What is shown in place of a secret.
pub const STARS: &str = "********";

/// `#[serde(with = "ie_platform::secret::redacted")]` for a [`SecretString`]: read as it is, written as stars.
pub mod redacted {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{STARS, SecretString};

    /// Writes stars.
    pub fn serialize<S: Serializer>(_: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(STARS)
    }

    /// Reads the secret.
    pub fn deserialize<'de, D>(deserializer: D) -> Result<SecretString, D::Error>
    where
        D: Deserializer<'de>,
    {
        SecretString::deserialize(deserializer)
    }
}

/// `#[serde(with = "ie_platform::secret::redacted_option", default)]` for an `Option<SecretString>`.
pub mod redacted_option {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{STARS, SecretString};

    /// Writes stars, or nothing where there is no secret.
    pub fn serialize<S>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
    {
        match secret {
            Some(_) => serializer.serialize_some(STARS),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the secret, if there is one.
    pub fn deserialize<'de, D>(deserializer: D) -> Result<Option<SecretString>, D::Error>
    where
        D: Deserializer<'de>,
    {
        Option::<SecretString>::deserialize(deserializer)
    }
}

/// `#[serde(with = "ie_platform::secret::redacted_list", default)]` for a `Vec<SecretString>`.
pub mod redacted_list {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{STARS, SecretString};

    /// Writes stars for each.
    pub fn serialize<S: Serializer>(
        list: &[SecretString],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|_| STARS))
    }

    /// Reads the secrets.
    pub fn deserialize<'de, D>(deserializer: D) -> Result<Vec<SecretString>, D::Error>
    where
        D: Deserializer<'de>,
    {
        Vec::deserialize(deserializer)
    }
}

/// `#[serde(with = "ie_platform::secret::redacted_url")]` for an address with a password in it:
/// scheme, user, host, port and path are shown, so that an operator sees where it leads.
pub mod redacted_url {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{ExposeSecret, SecretString, show_url};

    /// Writes the address without its password and query.
    pub fn serialize<S>(url: &SecretString, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
    {
        serializer.serialize_str(&show_url(url.expose_secret()))
    }

    /// Reads the address.
    pub fn deserialize<'de, D>(deserializer: D) -> Result<SecretString, D::Error>
    where
        D: Deserializer<'de>,
    {
        SecretString::deserialize(deserializer)
    }
}

/// An address as it may be shown: without its password and query; stars when it is not an address.
pub fn show_url(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else {
        return STARS.to_owned();
    };
    let hidden = url.password().is_none() || url.set_password(Some("STARS")).is_ok();
    if !hidden {
        return STARS.to_owned();
    }
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().replacen(":STARS@", &format!(":{STARS}@"), 1)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::password(
        "amqp://ie:s3cr3t@rabbit:5672/%2f",
        "amqp://ie:********@rabbit:5672/%2f"
    )]
    #[case::query("postgres://ie@db/ie?password=s3cr3t", "postgres://ie@db/ie")]
    #[case::both("https://a:s3cr3t@b/c?d=s3cr3t#s3cr3t", "https://a:********@b/c")]
    #[case::empty_password("amqp://ie:@rabbit/", "amqp://ie@rabbit/")]
    #[case::nothing_to_hide("memory:", "memory:")]
    #[case::no_address("s3cr3t", "********")]
    #[case::broken_address("amqp://ie:s3cr3t@:port", "********")]
    fn an_address_is_shown_without_what_is_secret_in_it(#[case] url: &str, #[case] shown: &str) {
        assert_eq!(show_url(url), shown);
    }

    #[test]
    fn a_secret_that_is_not_set_is_not_shown_as_if_it_were() {
        #[derive(serde::Serialize)]
        struct Config {
            #[serde(with = "redacted_option")]
            token: Option<SecretString>,
        }

        let text = |token| serde_json::to_string(&Config { token }).unwrap();

        assert_eq!(text(None), r#"{"token":null}"#);
        assert_eq!(text(Some("s3cr3t".into())), r#"{"token":"********"}"#);
    }
}
