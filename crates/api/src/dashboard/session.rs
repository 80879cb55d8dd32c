//! Who has signed in: a cookie, of whose token the store knows the hash.

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ie_store::Principal;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::BASE;
use super::failure::Failure;
use crate::app::App;
use crate::auth;
use crate::error::{ApiError, Result};

/// The cookie's name.
const NAME: &str = "ie_session";

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Who.
    pub(super) principal: Principal,
    /// The user's name.
    pub(super) user: String,
    /// The organization's name.
    pub(super) organization: String,
    /// What each request that changes something has to show.
    pub(super) csrf: String,
    token_hash: String,
}

impl Session {
    /// The session that a request's cookie names.
    pub(super) async fn of(app: &App, headers: &HeaderMap) -> Result<Option<Self>> {
        let Some(token) = token(headers) else {
            return Ok(None);
        };
        let token_hash = auth::hash(token);
        let found = app.store.session(&token_hash, app.clock.now()).await?;
        Ok(found.map(|found| Self {
            principal: found.principal,
            user: found.user,
            organization: found.organization,
            csrf: csrf(token),
            token_hash,
        }))
    }

    /// Opens a session; the header that gives the browser its cookie.
    pub(super) async fn open(app: &App, principal: Principal) -> Result<(HeaderName, HeaderValue)> {
        let token = hex::encode(rand::random::<[u8; 32]>());
        let now = app.clock.now();
        let until = now + app.config.session_lifetime;
        let hash = auth::hash(&token);
        app.store
            .open_session(&hash, principal.user, (now, until))
            .await?;
        set_cookie(app, &token, app.config.session_lifetime.as_secs())
    }

    /// Ends it; the header that takes the cookie away.
    pub(super) async fn close(&self, app: &App) -> Result<(HeaderName, HeaderValue)> {
        app.store.close_session(&self.token_hash).await?;
        set_cookie(app, "", 0)
    }

    /// Whether a request shows this session's token.
    pub(super) fn admits(&self, shown: &str) -> bool {
        self.csrf.as_bytes().ct_eq(shown.as_bytes()).into()
    }

    /// What an address shows in which a page of this session does something by itself: nobody else can write it.
    pub(super) fn mark(&self, purpose: &str) -> String {
        hex::encode(
            Sha256::new()
                .chain_update(purpose)
                .chain_update("\0")
                .chain_update(&self.csrf)
                .finalize(),
        )
    }

    /// Whether an address shows that mark.
    pub(super) fn bears(&self, purpose: &str, shown: &str) -> bool {
        self.mark(purpose).as_bytes().ct_eq(shown.as_bytes()).into()
    }

    /// Whether buttons that change something are of use.
    pub(super) fn may_change(&self) -> bool {
        self.principal.role.may_change()
    }
}

impl FromRequestParts<App> for Session {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        let session = parts.extensions.get::<Self>().cloned();
        let missing = || ApiError::internal(anyhow::anyhow!("a page stands outside of the guard"));
        session.ok_or_else(|| Failure::from(missing()))
    }
}

/// Derived from the cookie, which no other site can read: nothing has to be stored for it.
fn csrf(token: &str) -> String {
    hex::encode(
        Sha256::new()
            .chain_update("csrf\0")
            .chain_update(token)
            .finalize(),
    )
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'));
    cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == NAME && !value.is_empty()).then_some(value)
    })
}

fn set_cookie(app: &App, token: &str, seconds: u64) -> Result<(HeaderName, HeaderValue)> {
    let secure = if app.public_url.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let cookie =
        format!("{NAME}={token}; Path={BASE}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    let value = HeaderValue::from_str(&cookie).map_err(ApiError::internal)?;
    Ok((SET_COOKIE, value))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ie_session=abc", Some("abc"))]
    #[case("a=b; ie_session=abc; c=d", Some("abc"))]
    #[case("ie_session=", None)]
    #[case("xie_session=abc", None)]
    #[case("", None)]
    fn the_cookie_is_found_among_others(#[case] header: &str, #[case] found: Option<&str>) {
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(header).unwrap())]);

        assert_eq!(token(&headers), found);
    }

    #[test]
    fn each_session_has_a_csrf_token_that_does_not_tell_the_cookie() {
        assert_ne!(csrf("a"), csrf("b"));
        assert!(!csrf("secret").contains("secret"));
    }
}
