//! What a client is told when its request fails: one type, one form, whatever went wrong.

use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::draft::{Problems, Rejection};
use crate::observe;

/// The result of a handler.
pub(crate) type Result<T, E = ApiError> = std::result::Result<T, E>;

/// A failed request. The cause is logged and never returned.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    provider_message: Option<String>,
    retry_after: Option<Duration>,
    cause: Option<anyhow::Error>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    request_id: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_message: Option<String>,
}

impl ApiError {
    /// An error of that status; `message` says what is wrong and how to mend it.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            provider_message: None,
            retry_after: None,
            cause: None,
        }
    }

    /// The request cannot be understood as it is.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no such thing, or it is another's.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Who calls is not known.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// A defect, or something broken that the client cannot mend.
    pub(crate) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "something went wrong here; the operator finds it by the request's id",
        )
        .because(cause)
    }

    /// With the cause, for the log.
    pub(crate) fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// With Insightly's own words.
    pub(crate) fn provider(mut self, message: Option<&str>) -> Self {
        self.provider_message = message.map(str::to_owned);
        self
    }

    /// With the time after which it is worth trying again.
    pub(crate) fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The status of its answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong and how to mend it.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Insightly's own words.
    pub(crate) fn provider_message(&self) -> Option<&str> {
        self.provider_message.as_deref()
    }

    /// The header that says when it is worth trying again.
    pub(crate) fn retry_after_header(&self) -> Option<(HeaderName, HeaderValue)> {
        let seconds = self.retry_after?.as_millis().div_ceil(1000);
        let value = HeaderValue::from_str(&seconds.to_string()).ok()?;
        Some((RETRY_AFTER, value))
    }

    /// Notes it once, where it is answered.
    pub(crate) fn log(&self) {
        let cause = self.cause.as_ref().map(|cause| format!("{cause:#}"));
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(
                http.status = self.status.as_u16(),
                error = cause,
                "request failed"
            );
        } else if let Some(cause) = cause {
            tracing::warn!(
                http.status = self.status.as_u16(),
                error = cause,
                "request refused"
            );
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let wait = self.retry_after_header();
        let body = Body {
            request_id: observe::request_id(),
            message: self.message,
            provider_message: self.provider_message,
        };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(wait);
        response
    }
}

impl From<ie_store::Error> for ApiError {
    fn from(error: ie_store::Error) -> Self {
        match error {
            ie_store::Error::NotFound => Self::not_found("it was deleted in the meantime"),
            ie_store::Error::Overtaken => Self::new(
                StatusCode::CONFLICT,
                "the instance was changed by another request at the same time, and nothing of this one is stored; \
                 read it and try again",
            ),
            error if error.is_transient() => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store is not available at the moment, try again",
            )
            .because(error),
            error => Self::internal(error),
        }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        match &rejection {
            Rejection::UnknownConnector(_) => Self::not_found(rejection.to_string()),
            Rejection::Problems(_) => Self::bad_request(rejection.to_string()),
        }
    }
}

impl From<Problems> for ApiError {
    fn from(problems: Problems) -> Self {
        Self::bad_request(problems.to_string())
    }
}
