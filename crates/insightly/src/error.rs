//! What can go wrong with a request to Insightly, as a decision for the caller.

use std::time::Duration;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 429. Wait; when the day is spent nothing succeeds until the next.
    #[error("insightly limits the rate of requests{}", if *.day_spent { ": the day's requests are used up" } else { "" })]
    RateLimited {
        /// How long Insightly asks to wait.
        retry_after: Option<Duration>,
        /// `X-RateLimit-Remaining` was 0.
        day_spent: bool,
    },
    /// 401. The key is wrong, or its user's API access was switched off.
    #[error("insightly refuses the API key: {message}")]
    Unauthorized {
        /// Insightly's words.
        message: String,
    },
    /// 403. The key's user may not read this object.
    #[error("insightly does not allow this object for the key's user: {message}")]
    Forbidden {
        /// Insightly's words.
        message: String,
    },
    /// 404. The record or the path does not exist.
    #[error("insightly has no such record or object")]
    NotFound {
        /// Insightly's words.
        message: String,
    },
    /// 405. The object exists, but not under this spelling or for this verb.
    #[error("insightly does not offer this object under this name")]
    NotAllowed {
        /// Insightly's words.
        message: String,
    },
    /// 400. The request was not understood.
    #[error("insightly refuses the request: {message}")]
    BadRequest {
        /// Insightly's words.
        message: String,
    },
    /// No answer, or one of 5xx. Later it may work.
    #[error("insightly cannot be reached or is failing: {reason}")]
    Unavailable {
        /// What was seen.
        reason: String,
        /// How long Insightly asks to wait.
        retry_after: Option<Duration>,
        /// The error of the connection, when there was no answer.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// An answer that is not what the API promises: HTML, truncated or malformed JSON, no `Date`.
    #[error("insightly's answer is not readable: {what}")]
    Unexpected {
        /// What was found instead.
        what: String,
    },
    /// A redirect, which is never followed: the key would go to another address.
    #[error(
        "insightly's API is not at this address{}: compare base.url with the API address that Insightly's User Settings show",
        .to.as_ref().map(|to| format!(", which points to {to}")).unwrap_or_default()
    )]
    Moved {
        /// The host that it points to.
        to: Option<String>,
    },
    /// The configured address is not one.
    #[error(
        "base.url {address:?} is not an address: expected something like https://api.na1.insightly.com/v3.1"
    )]
    BadAddress {
        /// As configured.
        address: String,
    },
}

impl Error {
    /// Insightly's own words, for a client of ours.
    pub fn provider_message(&self) -> Option<&str> {
        match self {
            Error::Unauthorized { message }
            | Error::Forbidden { message }
            | Error::NotFound { message }
            | Error::NotAllowed { message }
            | Error::BadRequest { message } => Some(message),
            _ => None,
        }
    }

    /// A connection that failed or broke.
    pub(crate) fn unreachable(source: reqwest::Error) -> Self {
        let reason = if source.is_timeout() {
            "no answer within the time limit"
        } else if is_unknown_host(&source) {
            "its host's name is not known; compare base.url with the API address that Insightly's User Settings show"
        } else if source.is_connect() {
            "no connection"
        } else {
            "the connection broke"
        };
        Error::Unavailable {
            reason: reason.to_owned(),
            retry_after: None,
            source: Some(source),
        }
    }
}

/// Whether the name could not be resolved: the connector says so in words only.
fn is_unknown_host(error: &reqwest::Error) -> bool {
    let first: Option<&dyn std::error::Error> = std::error::Error::source(error);
    std::iter::successors(first, |error| error.source())
        .any(|cause| cause.to_string().starts_with("dns error"))
}
