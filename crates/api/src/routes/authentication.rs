//! `/authentication`: a name and a password for a token, and the token for the secrets.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use ie_platform::secret::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::body::{Body, members, needed};
use crate::accounts;
use crate::app::App;
use crate::auth;
use crate::error::{ApiError, Result};
use crate::openapi::refusals::{OfSecrets, OfSignIn};
use crate::openapi::schemas::{OwnSecrets, SignIn, Token};
use crate::openapi::tags;
use crate::sign_ins::{self, Refused};
use crate::tokens;

/// Signs a user in, for a token that is good for `api.token_lifetime`.
#[utoipa::path(
    post, path = "/authentication", tag = tags::ACCOUNTS, operation_id = "signIn", security(()),
    request_body = SignIn,
    responses((status = 200, description = "The token.", body = Token), OfSignIn)
)]
pub(super) async fn sign_in(State(app): State<App>, Body(body): Body) -> Result<Json<Value>> {
    let (name, password) = members(Some(&body), &["username", "password"], |reader| {
        let name = needed(reader, "username", "the name of a user");
        (
            name,
            needed(reader, "password", "the password of that user"),
        )
    })?;
    let principal = sign_ins::sign_in(&app, &name, password.into()).await;
    let principal = principal.map_err(|refused| match refused {
        Refused::Wrong => ApiError::unauthorized(
            "the username and the password do not belong together; check both and try again",
        ),
        Refused::TooMany(wait) => ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many tries for this username; wait for as long as Retry-After says",
        )
        .retry_after(Some(wait)),
        Refused::Failed(error) => error,
    })?;
    let token = tokens::open(&app, principal).await?;
    Ok(Json(json!({ "token": token })))
}

/// Tells the secrets of the token's user and of its organization.
#[utoipa::path(
    get, path = "/authentication/secrets", tag = tags::ACCOUNTS, operation_id = "getSecrets",
    security(("token" = [])),
    responses((status = 200, description = "The secrets.", body = OwnSecrets), OfSecrets)
)]
pub(super) async fn secrets(State(app): State<App>, headers: HeaderMap) -> Result<Json<Value>> {
    let token = auth::bearer(&headers)?;
    let user = tokens::session(&app, token).await?.principal.user;
    app.limits.admit(user, app.clock.now())?;
    let own = app.store.own_secrets(user).await?;
    let own =
        own.ok_or_else(|| ApiError::internal(anyhow::anyhow!("a session is that of no user")))?;
    let user = told(&app, &own.user, "user")?;
    let organization = told(&app, &own.organization, "organization")?;
    Ok(Json(json!({
        "userSecret": user.expose_secret(),
        "organizationSecret": organization.expose_secret(),
    })))
}

fn told(app: &App, (hash, sealed): &(String, Option<String>), whose: &str) -> Result<SecretString> {
    let sealed = sealed.as_deref().ok_or_else(|| {
        let text = format!(
            "the {whose}'s secret is older than the copies from which it could be told; the operator gives another with \
             `insightly-events {whose} rotate-secret`"
        );
        ApiError::new(StatusCode::CONFLICT, text)
    })?;
    accounts::open(&app.sealer, hash, sealed).map_err(ApiError::internal)
}
