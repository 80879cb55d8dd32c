//! What kind of failure an attempt was.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why an attempt to deliver failed, as a word to group and to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The callback's configuration cannot be used: its URL, a header or a secret.
    Configuration,
    /// The callback's address is one that may not be called.
    RefusedAddress,
    /// Its name has no address.
    Dns,
    /// There was no connection.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// There was no answer in time.
    Timeout,
    /// The connection broke, or what came is no HTTP.
    Broken,
    /// The answer was a redirect, which is not followed.
    Redirect,
    /// The answer was a 4xx.
    Client,
    /// The answer was a 410: the callback is gone.
    Gone,
    /// The answer was a 5xx, or a 429.
    Server,
}

impl ErrorClass {
    /// Every class.
    pub const ALL: [Self; 11] = [
        Self::Configuration,
        Self::RefusedAddress,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Broken,
        Self::Redirect,
        Self::Client,
        Self::Gone,
        Self::Server,
    ];

    /// The class of an answer that is no acceptance.
    pub fn of_status(status: u16) -> Self {
        match status {
            410 => Self::Gone,
            429 => Self::Server,
            300..=399 => Self::Redirect,
            400..=499 => Self::Client,
            _ => Self::Server,
        }
    }

    /// The word on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::RefusedAddress => "refused_address",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Redirect => "redirect",
            Self::Client => "client",
            Self::Gone => "gone",
            Self::Server => "server",
        }
    }
}

/// The text names no class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such error class {0:?}, expected one of: configuration, refused_address, dns, connect, tls, timeout, broken, redirect, client, gone, server"
)]
pub struct UnknownErrorClass(pub String);

impl FromStr for ErrorClass {
    type Err = UnknownErrorClass;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|class| class.as_str() == text);
        found.ok_or_else(|| UnknownErrorClass(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_read_as_it_is_written_and_named_in_the_error() {
        let error = "odd".parse::<ErrorClass>().unwrap_err().to_string();

        for class in ErrorClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
            assert!(error.contains(class.as_str()), "{error}");
        }
    }
}
