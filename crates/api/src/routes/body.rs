//! Bodies of requests: JSON, whatever the content type says.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde_json::Value;

use crate::app::App;
use crate::error::{ApiError, Result};

/// A JSON body.
#[derive(Clone, Debug)]
pub(super) struct Body(pub(super) Value);

/// A JSON body that may be left out.
#[derive(Clone, Debug)]
pub(super) struct OptionalBody(pub(super) Option<Value>);

impl FromRequest<App> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let OptionalBody(body) = OptionalBody::from_request(request, app).await?;
        body.map(Self)
            .ok_or_else(|| ApiError::bad_request("the body is empty, expected a JSON object"))
    }
}

impl FromRequest<App> for OptionalBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let read = Bytes::from_request(request, app).await;
        let bytes = read.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {} bytes", app.config.body_limit),
            ),
            _ => ApiError::bad_request("the body broke off before its end").because(rejection),
        })?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(None));
        }
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            ApiError::bad_request(format!(
                "the body is not valid JSON: {error}; look at that place and just before it, for a comma, a quote or a bracket"
            ))
        })?;
        Ok(Self(Some(value)))
    }
}
