//! Tokens of `POST /authentication`: short-lived, and known by their hash as the sessions of the dashboard are.

use ie_store::{Principal, Session};

use crate::app::App;
use crate::auth;
use crate::error::{ApiError, Result};

/// A new token for somebody who has just signed in.
pub(crate) async fn open(app: &App, principal: Principal) -> Result<String> {
    let token = hex::encode(rand::random::<[u8; 32]>());
    let now = app.clock.now();
    let until = now + app.config.token_lifetime;
    app.store
        .open_session(&hash(&token), principal.user, (now, until))
        .await?;
    Ok(token)
}

/// Who has this token.
pub(crate) async fn session(app: &App, token: &str) -> Result<Session> {
    let found = app.store.session(&hash(token), app.clock.now()).await?;
    found.ok_or_else(|| {
        ApiError::unauthorized(
            "Authorization: the Bearer token is not known here or has ended; POST /authentication gives another",
        )
    })
}

/// Not the hash of a dashboard's cookie: neither is good in the other's place.
fn hash(token: &str) -> String {
    auth::hash(&format!("bearer\0{token}"))
}
