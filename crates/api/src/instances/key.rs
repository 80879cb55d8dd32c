//! Whether Insightly accepts a key: asked before anything is stored.

use axum::http::StatusCode;
use ie_insightly::{Client, Error, Identity, identify};
use ie_platform::secret::SecretString;

use crate::app::App;
use crate::error::{ApiError, Result};

/// Requests that a check takes.
const REQUESTS: u32 = 2;

/// Asks Insightly whose key it is.
pub(super) async fn check(app: &App, base_url: &str, key: SecretString) -> Result<Identity> {
    let client = client(app, base_url, key)?;
    match tokio::time::timeout(app.config.insightly_timeout, identify(&client)).await {
        Ok(identity) => {
            let identity = identity.map_err(refusal)?;
            let now = app.clock.now();
            app.store
                .count_requests(&identity.account, REQUESTS, now)
                .await?;
            Ok(identity)
        }
        Err(elapsed) => Err(ApiError::new(
            StatusCode::BAD_GATEWAY,
            "insightly did not answer in time, so that the key could not be checked; nothing was stored, try again",
        )
        .because(elapsed)),
    }
}

/// Asks Insightly with that key.
pub(super) fn client(app: &App, base_url: &str, key: SecretString) -> Result<Client> {
    Client::new(app.http.clone(), base_url, key).map_err(refusal)
}

/// What Insightly's refusal means for our client.
fn refusal(error: Error) -> ApiError {
    let (status, message) = match &error {
        Error::Unauthorized { .. } => (
            StatusCode::BAD_REQUEST,
            "insightly refuses the API key in configuration.password; \
             Insightly shows the right one in User Settings, under API",
        ),
        Error::Forbidden { .. } => (
            StatusCode::BAD_REQUEST,
            "insightly does not let the user of this API key use its API; an administrator of the account can allow it",
        ),
        Error::BadRequest { .. } => (
            StatusCode::BAD_REQUEST,
            "insightly does not understand the check of the API key; \
             compare base.url with the API address that Insightly's User Settings show",
        ),
        Error::NotFound { .. } | Error::NotAllowed { .. } | Error::Moved { .. } => (
            StatusCode::BAD_REQUEST,
            "there is no Insightly API at this address; \
             compare base.url or insightly.pod with the API address that Insightly's User Settings show",
        ),
        Error::BadAddress { .. } => (
            StatusCode::BAD_REQUEST,
            "base.url is no address of an API; expected something like https://api.na1.insightly.com/v3.1",
        ),
        Error::RateLimited {
            day_spent: true, ..
        } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the Insightly account has used up its requests of the day, so that the key could not be checked; \
             nothing was stored, try again tomorrow",
        ),
        Error::RateLimited { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "insightly limits the rate of the account's requests, so that the key could not be checked; \
             nothing was stored, try again shortly",
        ),
        Error::Unavailable { .. } => (
            StatusCode::BAD_GATEWAY,
            "insightly cannot be reached or is failing, so that the key could not be checked; \
             nothing was stored, try again",
        ),
        Error::Unexpected { .. } => (
            StatusCode::BAD_GATEWAY,
            "insightly's answer cannot be read, so that the key could not be checked; \
             nothing was stored, try again, and compare base.url with the API address that Insightly's User Settings show",
        ),
    };
    let wait = match &error {
        Error::RateLimited { retry_after, .. } | Error::Unavailable { retry_after, .. } => {
            *retry_after
        }
        _ => None,
    };
    ApiError::new(status, message)
        .provider(error.provider_message())
        .retry_after(wait)
        .because(error)
}
