//! An answer before it is bytes: rendered and damaged outside the world's lock.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use serde_json::json;

use crate::dice::{hash, mix};
use crate::error::Error;
use crate::faults::Fault;
use crate::record::Record;
use crate::world::Page;

/// Before a body fails: long enough for the server to send what it has.
const CUT_PAUSE: Duration = Duration::from_millis(20);
const MAINTENANCE: &str = "<!DOCTYPE html>\n<html><head><title>Insightly - Maintenance</title></head>\
<body><h1>We'll be right back</h1><p>Insightly is down for scheduled maintenance.</p></body></html>\n";
/// As documented, to the byte.
const UNAUTHORIZED: &str = r#"{"Message": "Authorization has been denied for this request."}"#;

/// What an answer holds.
#[derive(Debug)]
pub(crate) enum Content {
    Nothing,
    Json(String),
    Html(&'static str),
    Page { page: Page, brief: bool },
    Record(Box<Record>),
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content: Content,
    /// Seconds for `Retry-After`.
    pub(crate) retry_after: Option<u64>,
    /// The day's limit and what remains of it.
    pub(crate) limits: Option<(u32, u32)>,
}

/// What happens to an answer on its way.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    pub(crate) latency: Duration,
    pub(crate) damage: Option<Fault>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, content: Content) -> Self {
        Self {
            status,
            content,
            retry_after: None,
            limits: None,
        }
    }

    /// An error with Insightly's one field.
    pub(crate) fn message(status: StatusCode, text: &str) -> Self {
        Self::new(status, Content::Json(json!({"Message": text}).to_string()))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            Content::Json(UNAUTHORIZED.to_owned()),
        )
    }

    pub(crate) fn not_allowed() -> Self {
        let text = "The requested resource does not support this http method.";
        Self::message(StatusCode::METHOD_NOT_ALLOWED, text)
    }

    pub(crate) fn not_found() -> Self {
        let text = "No HTTP resource was found that matches the request URI.";
        Self::message(StatusCode::NOT_FOUND, text)
    }

    /// The answer that a fault puts in place of the real one, if it does so.
    pub(crate) fn of_fault(fault: &Fault) -> Option<Self> {
        match fault {
            Fault::Status {
                status,
                retry_after,
            } => {
                let status =
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut answer = Self::message(status, "An error has occurred.");
                answer.retry_after = *retry_after;
                Some(answer)
            }
            Fault::Maintenance { status } => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
                Some(Self::new(status, Content::Html(MAINTENANCE)))
            }
            _ => None,
        }
    }

    /// The HTTP response, damaged as asked.
    pub(crate) fn into_response(self, now: DateTime<Utc>, damage: Option<&Fault>) -> Response {
        let mut headers = HeaderMap::new();
        let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(date) = HeaderValue::from_str(&date) {
            headers.insert(header::DATE, date);
        }
        let html = matches!(self.content, Content::Html(_));
        let kind = if html {
            "text/html; charset=utf-8"
        } else {
            "application/json; charset=utf-8"
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some((limit, remaining)) = self.limits {
            headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
            headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Content::Page {
            page: Page {
                total: Some(total), ..
            },
            ..
        } = &self.content
        {
            headers.insert("x-total-count", HeaderValue::from(*total));
        }
        if let Ok(tag) = HeaderValue::from_str(&self.content.etag()) {
            headers.insert(header::ETAG, tag);
        }
        let body = damaged(self.content.into_bytes(), damage);
        (self.status, headers, body).into_response()
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        match error {
            Error::Gone { .. } => {
                Self::message(StatusCode::NOT_FOUND, "The record does not exist.")
            }
            Error::UnknownObject(_) | Error::UnknownAccount(_) => Self::not_found(),
            Error::Invalid(text) => Self::message(StatusCode::BAD_REQUEST, &text),
        }
    }
}

impl Content {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Json(text) => text.into_bytes(),
            Self::Html(text) => text.as_bytes().to_vec(),
            Self::Page { page, brief } => page.to_json(brief),
            Self::Record(record) => {
                let mut out = Vec::new();
                record.write_json(false, &mut out);
                out
            }
        }
    }

    /// Worked out from the versions in it, which is cheaper than from a megabyte of JSON.
    fn etag(&self) -> String {
        let tag = match self {
            Self::Nothing => 0,
            Self::Json(text) => hash(&[text.as_bytes()]),
            Self::Html(text) => hash(&[text.as_bytes()]),
            Self::Record(record) => return etag(record),
            Self::Page { page, brief } => page
                .records
                .iter()
                .fold(u64::from(*brief), |tag, record| mix(tag ^ version(record))),
        };
        format!("\"{tag:016x}\"")
    }
}

/// The entity tag of a record by its id.
pub(crate) fn etag(record: &Record) -> String {
    format!("\"{:016x}\"", version(record))
}

fn version(record: &Record) -> u64 {
    mix(record.id() as u64 ^ mix(u64::from(record.revision())))
}

fn damaged(mut body: Vec<u8>, damage: Option<&Fault>) -> Body {
    match damage {
        Some(Fault::EmptyBody) => Body::empty(),
        Some(Fault::TruncatedJson) => {
            body.truncate(body.len() / 2);
            Body::from(body)
        }
        Some(Fault::MalformedJson) => {
            body.insert(0, b'{');
            body.push(b',');
            Body::from(body)
        }
        Some(Fault::CutMid) => {
            body.truncate(body.len() / 2);
            let sent = futures::stream::iter([Ok(Bytes::from(body))]);
            let cut = futures::stream::once(async {
                tokio::time::sleep(CUT_PAUSE).await;
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
            });
            Body::from_stream(sent.chain(cut))
        }
        _ => Body::from(body),
    }
}
