//! What every answer of Insightly carries beside its body.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Record};

/// Characters of Insightly's words that are kept: clients are told them, and rows hold them.
const LONGEST_MESSAGE: usize = 2_000;

/// A body, Insightly's clock and what is left of the day's requests.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// The parsed body.
    pub body: T,
    /// Insightly's time, in whole seconds, when it answered.
    pub server_date: DateTime<Utc>,
    /// The day's requests.
    pub budget: BudgetHeaders,
}

impl<T> Answer<T> {
    /// The same answer with another form of its body.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            body: form(self.body),
            server_date: self.server_date,
            budget: self.budget,
        }
    }
}

/// `X-RateLimit-Limit` and `X-RateLimit-Remaining`: of the day, of the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetHeaders {
    /// Requests in a day.
    pub limit: Option<u32>,
    /// Requests left today.
    pub remaining: Option<u32>,
}

/// One page of records, each as Insightly sent it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The records, in the order of the page.
    pub records: Vec<Record>,
    /// `X-Total-Count`, when it was asked for.
    pub total: Option<u64>,
}

/// What `GET /Instance` says of an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountInfo {
    /// The account's number.
    #[serde(rename = "INSTANCE_ID")]
    pub instance_id: i64,
    /// The account's name.
    #[serde(rename = "INSTANCE_NAME", default)]
    pub name: Option<String>,
}

/// Reads the day's limits from an answer's headers.
pub(crate) fn budget(headers: &HeaderMap) -> BudgetHeaders {
    BudgetHeaders {
        limit: number(headers, "x-ratelimit-limit"),
        remaining: number(headers, "x-ratelimit-remaining"),
    }
}

/// The number in a header.
pub(crate) fn number<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Insightly's time from the `Date` header.
pub(crate) fn server_date(headers: &HeaderMap) -> Result<DateTime<Utc>, Error> {
    let text = headers
        .get(reqwest::header::DATE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match DateTime::parse_from_rfc2822(text) {
        Ok(date) => Ok(date.with_timezone(&Utc)),
        Err(_) => Err(Error::Unexpected {
            what: format!("a Date header that is no date: {text:?}"),
        }),
    }
}

/// What a status other than success means.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let retry_after = number(headers, "retry-after").map(Duration::from_secs);
    let message = || message(body, status);
    match status {
        StatusCode::UNAUTHORIZED => Error::Unauthorized { message: message() },
        StatusCode::FORBIDDEN => Error::Forbidden { message: message() },
        StatusCode::NOT_FOUND => Error::NotFound { message: message() },
        StatusCode::METHOD_NOT_ALLOWED => Error::NotAllowed { message: message() },
        StatusCode::TOO_MANY_REQUESTS => Error::RateLimited {
            retry_after,
            day_spent: budget(headers).remaining == Some(0),
        },
        status if status.is_client_error() => Error::BadRequest { message: message() },
        status if status.is_server_error() => Error::Unavailable {
            reason: format!("it answered {status}"),
            retry_after,
            source: None,
        },
        status if status.is_redirection() => Error::Moved {
            to: redirected_to(headers),
        },
        status => Error::Unexpected {
            what: format!("status {status}"),
        },
    }
}

/// The host that a redirect names; the rest of the address may hold what is nobody's business.
fn redirected_to(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(reqwest::header::LOCATION)?.to_str().ok()?;
    let url = reqwest::Url::parse(location).ok()?;
    url.host_str().map(str::to_owned)
}

/// Insightly's words: `{"Message": "…"}`, a list of such, or else the status.
fn message(body: &[u8], status: StatusCode) -> String {
    let found = match serde_json::from_slice(body) {
        Ok(Value::Array(entries)) => entries
            .iter()
            .filter_map(text_of)
            .collect::<Vec<_>>()
            .join("; "),
        Ok(value) => text_of(&value).unwrap_or_default(),
        Err(_) => String::new(),
    };
    if found.is_empty() {
        format!("status {status}")
    } else {
        found.chars().take(LONGEST_MESSAGE).collect()
    }
}

fn text_of(value: &Value) -> Option<String> {
    value
        .get("Message")
        .or_else(|| value.get("message"))
        .unwrap_or(value)
        .as_str()
        .map(str::to_owned)
}

/// What a body that is no JSON looks like, in words.
pub(crate) fn unreadable(body: &[u8], error: &serde_json::Error) -> Error {
    let start = body.trim_ascii_start();
    let what = if start.is_empty() {
        "an empty body".to_owned()
    } else if start.starts_with(b"<") {
        "an HTML page instead of JSON, as during maintenance".to_owned()
    } else if error.is_eof() {
        format!("JSON that ends after {} bytes", body.len())
    } else {
        format!(
            "JSON that breaks at line {}, column {}",
            error.line(),
            error.column()
        )
    };
    Error::Unexpected { what }
}
