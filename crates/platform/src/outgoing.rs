//! Section `outgoing` of the configuration: what holds for addresses that clients name.
//!
//! A process that accepts such an address and one that calls it read the same section.

use serde::{Deserialize, Serialize};

use crate::config::{Problems, Section};

/// The section `outgoing`; its default refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutgoingConfig {
    /// Whether an address without TLS is accepted and called.
    pub allow_http: bool,
}

/// An address without TLS, where the operator does not allow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "http is refused, since what is sent would travel in clear: use https; the operator can allow http with outgoing.allow_http"
)]
pub struct PlainHttp;

impl OutgoingConfig {
    /// Checks the scheme of an http or https address.
    ///
    /// # Errors
    /// It is http, which is not allowed.
    pub fn check(&self, scheme: &str) -> Result<(), PlainHttp> {
        if scheme == "http" && !self.allow_http {
            return Err(PlainHttp);
        }
        Ok(())
    }
}

impl Section for OutgoingConfig {
    const NAME: &'static str = "outgoing";
    const DEFAULTS: &'static str = include_str!("../defaults/outgoing.toml");

    fn validate(&self, _problems: &mut Problems) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_refused_unless_it_is_allowed() {
        let allowing = OutgoingConfig { allow_http: true };

        assert_eq!(OutgoingConfig::default().check("http"), Err(PlainHttp));
        assert_eq!(OutgoingConfig::default().check("https"), Ok(()));
        assert_eq!(allowing.check("http"), Ok(()));
    }
}
