//! Bodies of requests: JSON, whatever the content type says; and their members, none of which may be unknown.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::app::App;
use crate::draft::{Path, Problems, Reader, shown};
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
        let bytes = read(request, app).await?;
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

/// The bytes of a body, within its size and its time.
pub(crate) async fn read(request: Request, app: &App) -> Result<Bytes> {
    let limit = app.config.body_timeout;
    let read = tokio::time::timeout(limit, Bytes::from_request(request, app)).await;
    let read = read.map_err(|_| {
        ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "the body did not arrive within {} seconds",
                limit.as_secs_f64()
            ),
        )
    })?;
    read.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {} bytes", app.config.body_limit),
        ),
        _ => ApiError::bad_request("the body broke off before its end").because(rejection),
    })
}

/// What `read` makes of an object that may have these members and no others, or everything that is wrong with it. No body
/// and null are an object without members.
pub(super) fn members<T>(
    body: Option<&Value>,
    keys: &[&str],
    read: impl FnOnce(&mut Reader<'_>) -> T,
) -> Result<T, Problems> {
    let mut problems = Problems::default();
    let known = keys.join(", ");
    let empty = Map::new();
    let map = match body {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(map)) => map,
        Some(other) => {
            let text = format!("expected an object of {known}, got {}", shown(other));
            problems.add(&Path::root(), text);
            return Err(problems);
        }
    };
    let value = read(&mut Reader::new(map, Path::root(), &mut problems));
    for key in map.keys().filter(|key| !keys.contains(&key.as_str())) {
        let text = format!("is not known here; expected {known}");
        problems.add(&Path::root().key(key), text);
    }
    if problems.is_empty() {
        Ok(value)
    } else {
        Err(problems)
    }
}

/// A text that has to be there, as it was sent; empty when it was refused.
pub(super) fn needed(reader: &mut Reader<'_>, key: &str, expected: &str) -> String {
    let got = match reader.given(key) {
        Some(Value::String(text)) => return text.clone(),
        other => other.map_or("nothing".to_owned(), shown),
    };
    reader.refuse(key, format!("expected {expected} as a string, got {got}"));
    String::new()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn read(body: Option<&Value>) -> Result<Option<u32>, String> {
        let read = members(body, &["limit", "ids"], |reader| {
            reader.whole("limit", 1..=9, "events")
        });
        read.map_err(|problems| problems.to_string())
    }

    #[rstest]
    #[case(None, None)]
    #[case(Some(json!(null)), None)]
    #[case(Some(json!({})), None)]
    #[case(Some(json!({"limit": 3, "ids": []})), Some(3))]
    fn known_members_are_read(#[case] body: Option<Value>, #[case] limit: Option<u32>) {
        assert_eq!(read(body.as_ref()), Ok(limit));
    }

    #[rstest]
    #[case(json!([1]), "$: expected an object of limit, ids, got a list")]
    #[case(json!({"Limit": 3}), "$.Limit: is not known here; expected limit, ids")]
    #[case(json!({"limit": 0, "id": 1}), "2 problems: (1) $.limit: expected a whole number of events from 1 to 9, got 0; \
        (2) $.id: is not known here; expected limit, ids")]
    fn everything_that_is_wrong_is_told(#[case] body: Value, #[case] problems: &str) {
        assert_eq!(read(Some(&body)), Err(problems.to_owned()));
    }
}
