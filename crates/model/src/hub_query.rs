//! The hub path that a rendered template is: which resource, changed since when, with which fields.

mod condition;
mod decode;

use std::str::FromStr;

use chrono::{DateTime, Utc};
use thiserror::Error;

use decode::Decoded;

/// The one hub.
const PREFIX: &str = "/hubs/crm/";

/// A request to the hub: `/hubs/crm/contacts?where=updated_after_utc='2018-02-21 07:31:45'`.
///
/// Percent-encoded or not; a `+` is a plus, never a blank. Blanks at the end are let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubQuery {
    /// The hub's name of the resource: `contacts`.
    pub resource: String,
    /// Changed after that time.
    pub updated_after: Option<DateTime<Utc>>,
    /// Fields that have these values.
    pub equals: Vec<(String, String)>,
    /// Records in a page.
    pub page_size: Option<u32>,
}

/// What `where` says: `updated_after_utc='…'` and equalities, joined by `and`. Parses decoded text.
///
/// A time is `yyyy-MM-dd HH:mm:ss` in UTC, ISO-8601 with its zone, or epoch milliseconds. Values stand in
/// single quotes (`''` is a quote), those without blanks also bare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Where {
    /// Changed after that time.
    pub updated_after: Option<DateTime<Utc>>,
    /// Fields that have these values.
    pub equals: Vec<(String, String)>,
}

/// A text that is not a hub path or not such an expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}, at character {position}")]
pub struct Error {
    /// The character it is about, counted from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a hub path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// It does not begin as hub paths do.
    #[error(
        "expected a path such as {PREFIX}contacts?where=updated_after_utc='2018-02-21 07:31:45'"
    )]
    NotHub,
    /// No resource, or more than a name.
    #[error(
        "expected the name of a resource of letters, digits, - and _ alone, as in {PREFIX}contacts"
    )]
    Resource,
    /// A `%` that encodes nothing.
    #[error("a % is followed by two hexadecimal digits; a percent sign itself is written %25")]
    Percent,
    /// Percent-encoded bytes that are no text.
    #[error("the percent-encoded bytes are not UTF-8")]
    NotUtf8,
    /// A parameter that a polling configuration cannot have.
    #[error(
        "there is no parameter {0:?} here, allowed are where and pageSize; the poller walks the pages itself"
    )]
    Parameter(String),
    /// Twice the same parameter or twice `updated_after_utc`.
    #[error("{0} is given twice")]
    Twice(&'static str),
    /// `pageSize` is no such number.
    #[error("pageSize is a whole number from 1 on")]
    PageSize,
    /// No condition.
    #[error("expected a condition such as updated_after_utc='2018-02-21 07:31:45'")]
    Condition,
    /// Something else than `=`.
    #[error(
        "expected = after the field {0}; other comparisons are not supported, and updated_after_utc='…' means later by itself"
    )]
    Equals(String),
    /// No value.
    #[error("expected a value in single quotes")]
    Value,
    /// No closing quote.
    #[error("the single quote is never closed; a quote within a value is written ''")]
    UnclosedQuote,
    /// Something else than `and` between conditions.
    #[error(
        "expected and with another condition, or the end; a value with blanks stands in single quotes, `or` is not supported"
    )]
    And,
    /// Not a time.
    #[error(
        "{0}; a time is yyyy-MM-dd HH:mm:ss in UTC, ISO-8601 with its zone such as 2018-02-21T07:31:45Z, or epoch milliseconds"
    )]
    Time(String),
}

/// A problem and where it is in the decoded text.
type Located<T> = Result<T, (usize, Problem)>;

impl FromStr for HubQuery {
    type Err = Error;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let decoded = Decoded::new(written)?;
        hub_query(decoded.chars()).map_err(|failure| decoded.error(failure))
    }
}

impl FromStr for Where {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let chars: Vec<char> = text.chars().collect();
        condition::parse(&chars, 0).map_err(|(at, problem)| Error {
            position: at + 1,
            problem,
        })
    }
}

fn hub_query(chars: &[char]) -> Located<HubQuery> {
    let end = chars.iter().rposition(|char| !char.is_whitespace());
    let chars = &chars[..end.map_or(0, |last| last + 1)];
    let prefix = PREFIX.len();
    let is_hub = chars.len() >= prefix && PREFIX.chars().eq(chars[..prefix].iter().copied());
    if !is_hub {
        return Err((0, Problem::NotHub));
    }
    let path_end = find(chars, prefix, '?').unwrap_or(chars.len());
    let resource = &chars[prefix..path_end];
    let named = |char: &char| char.is_ascii_alphanumeric() || ['-', '_'].contains(char);
    if resource.is_empty() || !resource.iter().all(named) {
        let bad = resource.iter().position(|char| !named(char));
        return Err((prefix + bad.unwrap_or(0), Problem::Resource));
    }
    let mut query = HubQuery {
        resource: resource.iter().collect(),
        updated_after: None,
        equals: Vec::new(),
        page_size: None,
    };
    let mut seen: Vec<&str> = Vec::new();
    let mut at = path_end + 1;
    while at < chars.len() {
        let end = parameter_end(chars, at);
        let name = parameter(&mut query, &chars[..end], at)?;
        if seen.contains(&name) {
            return Err((at, Problem::Twice(name)));
        }
        seen.push(name);
        at = end + 1;
    }
    Ok(query)
}

/// Takes up the parameter that begins at `at` and says its name.
fn parameter(query: &mut HubQuery, chars: &[char], at: usize) -> Located<&'static str> {
    let name_end = find(chars, at, '=').unwrap_or(chars.len());
    let value_at = (name_end + 1).min(chars.len());
    let name: String = chars[at..name_end].iter().collect();
    match name.trim() {
        "where" => {
            let found = condition::parse(chars, value_at)?;
            query.updated_after = found.updated_after;
            query.equals = found.equals;
            Ok("where")
        }
        "pageSize" => {
            let value: String = chars[value_at..].iter().collect();
            let size = value.trim().parse().ok().filter(|size| *size > 0);
            query.page_size = Some(size.ok_or((value_at, Problem::PageSize))?);
            Ok("pageSize")
        }
        other => Err((at, Problem::Parameter(other.chars().take(40).collect()))),
    }
}

/// The `&` after the parameter; one within quotes belongs to the value.
fn parameter_end(chars: &[char], at: usize) -> usize {
    let mut quoted = false;
    let end = chars[at..].iter().position(|char| {
        quoted ^= *char == '\'';
        *char == '&' && !quoted
    });
    end.map_or(chars.len(), |offset| at + offset)
}

fn find(chars: &[char], from: usize, wanted: char) -> Option<usize> {
    let offset = chars[from..].iter().position(|char| *char == wanted)?;
    Some(from + offset)
}

#[cfg(test)]
mod tests;
