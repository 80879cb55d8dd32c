//! What notifications are narrowed by: the same in the query of a list or an export and in the body of a redrive or a discard.

use chrono::{DateTime, Utc};
use ie_model::ErrorClass;
use ie_store::NotificationFilter;
use serde_json::Value;

use super::query::{self, Query};
use crate::draft::{Reader, shown};
use crate::error::{ApiError, Result};

/// From a time on and before another, as far as they are given.
type Span = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

const REVERSED: &str = "expected a time before that of to";

/// Only those that all of these let through; what is not given excludes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Narrowing {
    /// `objectType`: of this resource.
    pub(super) resource: Option<String>,
    /// `errorClass`: whose last attempt failed like this.
    pub(super) error_class: Option<ErrorClass>,
    /// `from`: stored at this time or later.
    pub(super) from: Option<DateTime<Utc>>,
    /// `to`: stored before this time.
    pub(super) to: Option<DateTime<Utc>>,
}

impl Narrowing {
    /// The members of a body that [`Narrowing::of_body`] reads.
    pub(super) const KEYS: [&str; 4] = ["objectType", "errorClass", "from", "to"];

    /// What a query says.
    pub(super) fn of_query(query: &Query) -> Result<Self> {
        let (from, to) = (query.time("from")?, query.time("to")?);
        if is_reversed((from, to)) {
            return Err(ApiError::bad_request(format!("from: {REVERSED}")));
        }
        let class = query.get("errorClass").map(str::parse::<ErrorClass>);
        let refused = |error| ApiError::bad_request(format!("errorClass: {error}"));
        Ok(Self {
            resource: query.get("objectType").map(str::to_owned),
            error_class: class.transpose().map_err(refused)?,
            from,
            to,
        })
    }

    /// What a body says.
    pub(super) fn of_body(reader: &mut Reader<'_>) -> Self {
        let resource = reader.text("objectType", "the name of a resource, such as \"contacts\"");
        let resource = resource.map(str::to_owned);
        let class = reader.text("errorClass", "a class of failures, such as \"timeout\"");
        let class = class.map(str::parse::<ErrorClass>).transpose();
        let error_class = class.unwrap_or_else(|error| {
            reader.refuse("errorClass", error.to_string());
            None
        });
        let (from, to) = span(reader);
        Self {
            resource,
            error_class,
            from,
            to,
        }
    }

    /// The filter, narrowed.
    pub(super) fn of(self, filter: NotificationFilter) -> NotificationFilter {
        NotificationFilter {
            resource: self.resource,
            error_class: self.error_class.map(Some),
            from: self.from,
            to: self.to,
            ..filter
        }
    }
}

/// The times that the members `from` and `to` of a body name.
pub(super) fn span(reader: &mut Reader<'_>) -> Span {
    let span = (time(reader, "from"), time(reader, "to"));
    if is_reversed(span) {
        reader.refuse("from", REVERSED);
    }
    span
}

fn is_reversed((from, to): Span) -> bool {
    from.zip(to).is_some_and(|(from, to)| from > to)
}

fn time(reader: &mut Reader<'_>, key: &str) -> Option<DateTime<Utc>> {
    let given = reader.given(key)?;
    let text = match given {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    let read = query::time(&text);
    if read.is_none() {
        let got = shown(given);
        reader.refuse(key, format!("expected {}, got {got}", query::TIME));
    }
    read
}
