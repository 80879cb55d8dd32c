//! What a client of the hub is told when Insightly refuses, or may not be asked.

use std::time::Duration;

use axum::http::StatusCode;
use ie_insightly::Error;
use tokio::time::error::Elapsed;

use crate::error::ApiError;

/// What follows for a change whose answer did not come.
const UNCERTAIN: &str = "; whether it had an effect is not known, look before trying again";

/// What was asked of Insightly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doing<'a> {
    pub(super) resource: &'a str,
    /// Whether it may have changed something.
    pub(super) changes: bool,
}

/// Others of the account wait already; nothing was sent.
pub(super) fn crowded(wait: Duration) -> ApiError {
    let text = "the account's requests to Insightly are limited per second, and others wait already; \
         nothing was sent, try again shortly";
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, text).retry_after(Some(wait))
}

/// The day's requests are used up, but for those that are kept for polls; nothing was sent.
pub(super) fn spent(wait: Duration, kept: u32) -> ApiError {
    let left = match kept {
        0 => String::new(),
        kept => format!(" but for {kept} that its polls need"),
    };
    let text = format!(
        "the account has used up its requests to Insightly of the day{left}; nothing was sent, \
         GET /instances/budget says when the day turns"
    );
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, text).retry_after(Some(wait))
}

impl Doing<'_> {
    /// Insightly took too long.
    pub(super) fn too_late(self, elapsed: Elapsed) -> ApiError {
        let text = format!("insightly did not answer in time{}", self.what_now());
        ApiError::new(StatusCode::GATEWAY_TIMEOUT, text).because(elapsed)
    }

    /// Insightly's refusal, and how long to wait.
    pub(super) fn refused(self, error: Error, wait: Option<Duration>) -> ApiError {
        let (status, message) = self.meaning(&error);
        ApiError::new(status, message)
            .provider(error.provider_message())
            .retry_after(wait)
            .because(error)
    }

    fn meaning(self, error: &Error) -> (StatusCode, String) {
        let Self { resource, .. } = self;
        let (status, text) = match error {
            Error::BadRequest { .. } => (
                StatusCode::BAD_REQUEST,
                "insightly refuses the request, providerMessage says why".to_owned(),
            ),
            Error::Unauthorized { .. } => (
                StatusCode::UNAUTHORIZED,
                "insightly refuses the API key of this instance, not your own secrets; \
                 change configuration.password to the one that Insightly's User Settings show"
                    .to_owned(),
            ),
            Error::Forbidden { .. } => (
                StatusCode::FORBIDDEN,
                format!("insightly does not allow this with {resource} to the user of the instance's API key"),
            ),
            Error::NotFound { .. } => (
                StatusCode::NOT_FOUND,
                format!("insightly has no such record of {resource}, or the user of the instance's API key cannot see it"),
            ),
            Error::NotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                format!("insightly does not offer this for {resource}"),
            ),
            Error::RateLimited { day_spent: true, .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "the account has used up its requests to Insightly of the day; nothing was done".to_owned(),
            ),
            Error::RateLimited { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "insightly limits the rate of the account's requests; nothing was done, try again shortly".to_owned(),
            ),
            Error::Unavailable { source, .. } => {
                let late = source.as_ref().is_some_and(|source| source.is_timeout());
                let status = if late { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY };
                (status, format!("insightly cannot be reached or is failing{}", self.what_now()))
            }
            Error::Unexpected { .. } => (
                StatusCode::BAD_GATEWAY,
                format!("insightly's answer cannot be read{}", self.what_now()),
            ),
            Error::BadAddress { .. } | Error::Moved { .. } => (
                StatusCode::BAD_REQUEST,
                "there is no Insightly API at the instance's address; compare base.url or insightly.pod with the API \
                 address that Insightly's User Settings show"
                    .to_owned(),
            ),
        };
        (status, text)
    }

    fn what_now(self) -> &'static str {
        if self.changes {
            UNCERTAIN
        } else {
            "; try again"
        }
    }
}
