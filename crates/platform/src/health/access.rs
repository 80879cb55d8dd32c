//! Who may change something through the health port.

use std::net::SocketAddr;

use axum::http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::HealthConfig;

/// Who may change something.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// Whoever reaches the port, since only this machine does.
    Everybody,
    /// Whoever shows this token.
    Token(SecretString),
    /// Nobody: the network reaches the port, and there is no token.
    Nobody,
}

impl Access {
    /// What the configuration allows on the port that is bound.
    pub(crate) fn of(config: &HealthConfig, bound: SocketAddr) -> Self {
        match &config.token {
            Some(token) => Self::Token(token.clone()),
            None if bound.ip().is_loopback() => Self::Everybody,
            None => Self::Nobody,
        }
    }

    /// Whether a request with these headers may change something; the answer to one that may not.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        match self {
            Self::Everybody => Ok(()),
            Self::Token(token) if shows(headers, token) => Ok(()),
            Self::Token(_) => {
                let text = "expected the header Authorization: Bearer <health.token>\n";
                let mut response = (StatusCode::UNAUTHORIZED, text).into_response();
                let bearer = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
                Err(Box::new(response))
            }
            Self::Nobody => {
                let text = "this port is open to the network, so it changes nothing without a token: \
                            set health.token, or health.address to one of this machine alone\n";
                Err(Box::new((StatusCode::FORBIDDEN, text).into_response()))
            }
        }
    }
}

fn shows(headers: &HeaderMap, token: &SecretString) -> bool {
    let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let shown = shown.and_then(|value| value.strip_prefix(b"Bearer "));
    shown.is_some_and(|shown| shown.ct_eq(token.expose_secret().as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn access(token: Option<&str>, bound: &str) -> Access {
        let config = HealthConfig {
            address: bound.to_owned(),
            token: token.map(SecretString::from),
        };
        Access::of(&config, bound.parse().unwrap())
    }

    fn status(access: &Access, authorization: Option<&str>) -> Option<StatusCode> {
        let mut headers = HeaderMap::new();
        if let Some(text) = authorization {
            headers.insert(AUTHORIZATION, text.parse().unwrap());
        }
        access.check(&headers).err().map(|answer| answer.status())
    }

    #[rstest]
    #[case::loopback("127.0.0.1:9090", None)]
    #[case::loopback_of_version_six("[::1]:9090", None)]
    #[case::every_interface("0.0.0.0:9090", Some(StatusCode::FORBIDDEN))]
    #[case::every_interface_of_version_six("[::]:9090", Some(StatusCode::FORBIDDEN))]
    #[case::one_interface("10.0.0.7:9090", Some(StatusCode::FORBIDDEN))]
    fn without_a_token_only_this_machine_may(
        #[case] bound: &str,
        #[case] refused: Option<StatusCode>,
    ) {
        assert_eq!(status(&access(None, bound), None), refused);
    }

    #[rstest]
    #[case::the_token(Some("Bearer s3cr3t"), None)]
    #[case::none(None, Some(StatusCode::UNAUTHORIZED))]
    #[case::another(Some("Bearer s3cr3u"), Some(StatusCode::UNAUTHORIZED))]
    #[case::a_part(Some("Bearer s3cr"), Some(StatusCode::UNAUTHORIZED))]
    #[case::another_scheme(Some("Basic s3cr3t"), Some(StatusCode::UNAUTHORIZED))]
    fn with_a_token_whoever_shows_it_may(
        #[case] shown: Option<&str>,
        #[case] refused: Option<StatusCode>,
        #[values("127.0.0.1:9090", "0.0.0.0:9090")] bound: &str,
    ) {
        assert_eq!(status(&access(Some("s3cr3t"), bound), shown), refused);
    }
}
