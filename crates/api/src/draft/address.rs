//! Addresses that a client gives: Insightly's API, and the callback.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::Rules;

/// Which addresses a client may name as Insightly's API: scheme, host and port, `*` for any part.
///
/// In the host `*` stands for one label (`https://api.*.insightly.com`); alone, for any host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UrlPattern {
    scheme: String,
    host: String,
    port: Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    OfScheme,
    Any,
    Is(u16),
}

/// The text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected scheme, host and an optional port such as \"https://api.*.insightly.com\" or \"http://127.0.0.1:*\", got {0:?}"
)]
pub struct NoPattern(String);

impl FromStr for UrlPattern {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Self, NoPattern> {
        let refused = || NoPattern(text.to_owned());
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(refused)?;
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, "*")) => (host, Port::Any),
            Some((host, port)) if !port.ends_with(']') => {
                (host, Port::Is(port.parse().map_err(|_| refused())?))
            }
            _ => (rest, Port::OfScheme),
        };
        let known = matches!(scheme, "http" | "https");
        if !known || host.is_empty() || host.contains(['/', '@', '?', '#']) {
            return Err(refused());
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

impl TryFrom<String> for UrlPattern {
    type Error = NoPattern;

    fn try_from(text: String) -> Result<Self, NoPattern> {
        text.parse()
    }
}

impl From<UrlPattern> for String {
    fn from(pattern: UrlPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Port::OfScheme => Ok(()),
            Port::Any => write!(f, ":*"),
            Port::Is(port) => write!(f, ":{port}"),
        }
    }
}

impl UrlPattern {
    /// Whether the address is one of these.
    pub fn matches(&self, url: &Url) -> bool {
        let port = match self.port {
            Port::Any => true,
            Port::Is(port) => url.port_or_known_default() == Some(port),
            Port::OfScheme => url.port().is_none(),
        };
        url.scheme() == self.scheme
            && port
            && url.host_str().is_some_and(|host| self.matches_host(host))
    }

    fn matches_host(&self, host: &str) -> bool {
        if self.host == "*" {
            return true;
        }
        let wanted: Vec<&str> = self.host.split('.').collect();
        let labels: Vec<&str> = host.split('.').collect();
        wanted.len() == labels.len()
            && wanted
                .iter()
                .zip(&labels)
                .all(|(want, label)| *want == "*" || want.eq_ignore_ascii_case(label))
    }
}

/// An address that events or notices are sent to: with TLS, unless the operator allows http.
///
/// # Errors
/// What was expected and how to mend it.
pub(super) fn called_address(text: &str, rules: &Rules) -> Result<(), String> {
    let url = web_address(text)?;
    let checked = rules.outgoing.check(url.scheme());
    checked.map_err(|refused| format!("expected an https address: {refused}"))
}

/// An http or https address without credentials in it.
///
/// # Errors
/// What was expected and how to mend it.
pub(super) fn web_address(text: &str) -> Result<Url, String> {
    let expected = "expected an http or https address";
    let shown = serde_json::Value::from(text);
    let shown = super::problem::shown(&shown);
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) if text.contains("://") => {
            return Err(format!("{expected}, got {shown}: {error}"));
        }
        Err(_) => {
            return Err(format!(
                "{expected}, got {shown}; put https:// or http:// in front of it"
            ));
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        let mend = if text.contains("://") {
            "use https:// or http://"
        } else {
            "put https:// or http:// in front of it"
        };
        return Err(format!("{expected}, got {shown}; {mend}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{expected} without a user or password in it; \
             give these as event.notification.basic.username and event.notification.basic.password"
        ));
    }
    Ok(url)
}

/// The API's address of a pod: `eu1`.
///
/// # Errors
/// What was expected.
pub(super) fn pod_address(pod: &str) -> Result<String, String> {
    let short = (1..=16).contains(&pod.len());
    if short && pod.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let pod = pod.to_ascii_lowercase();
        return Ok(format!("https://api.{pod}.insightly.com/v3.1"));
    }
    let shown = super::problem::shown(&serde_json::Value::from(pod));
    Err(format!(
        "expected the name of an Insightly pod such as na1, eu1 or ap1 \
         (the user settings page of Insightly shows it), got {shown}"
    ))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "https://api.*.insightly.com",
        "https://api.eu1.insightly.com/v3.1",
        true
    )]
    #[case("https://api.*.insightly.com", "https://api.EU1.insightly.com", true)]
    #[case(
        "https://api.*.insightly.com",
        "http://api.eu1.insightly.com/v3.1",
        false
    )]
    #[case(
        "https://api.*.insightly.com",
        "https://api.eu1.insightly.com:8443",
        false
    )]
    #[case("https://api.*.insightly.com", "https://api.a.b.insightly.com", false)]
    #[case(
        "https://api.*.insightly.com",
        "https://api.eu1.insightly.com.evil.example",
        false
    )]
    #[case(
        "https://api.*.insightly.com",
        "https://api.eu1.insightly.com@evil.example",
        false
    )]
    #[case("http://127.0.0.1:*", "http://127.0.0.1:4711/v3.1", true)]
    #[case("http://127.0.0.1:*", "http://127.0.0.2:4711/v3.1", false)]
    #[case("http://[::1]:*", "http://[::1]:4711/v3.1", true)]
    #[case("http://[::1]", "http://[::1]/v3.1", true)]
    #[case("http://simulator:8090", "http://simulator:8090/v3.1", true)]
    #[case("https://*", "https://anything.example/x", true)]
    #[case("https://*", "http://anything.example/x", false)]
    fn a_pattern_takes_these_addresses_and_no_others(
        #[case] pattern: UrlPattern,
        #[case] address: Url,
        #[case] expected: bool,
    ) {
        assert_eq!(pattern.matches(&address), expected);
    }

    #[rstest]
    #[case("api.insightly.com")]
    #[case("ftp://api.insightly.com")]
    #[case("https://")]
    #[case("https://host:port")]
    #[case("https://host/v3.1")]
    #[case("https://user@host")]
    fn what_is_no_pattern_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<UrlPattern>(), Err(NoPattern(text.to_owned())));
    }

    #[rstest]
    #[case("https://api.*.insightly.com")]
    #[case("http://127.0.0.1:*")]
    #[case("http://[::1]:8080")]
    fn a_pattern_is_written_as_it_was_read(#[case] text: &str) {
        assert_eq!(text.parse::<UrlPattern>().unwrap().to_string(), text);
    }
}
