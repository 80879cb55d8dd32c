//! A request, read: what it is about and what it asks for.

use axum::body::Bytes;
use axum::extract::Query as Parameters;
use axum::http::{HeaderMap, Method, Uri, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ie_model::catalog;

use crate::behaviour::Behaviour;
use crate::error::Error;
use crate::query::Query;
use crate::time::{parse_body_time, parse_query_time};

/// What the simulator's paths begin with.
pub(crate) const BASE: &str = "/v3.1";
/// Paths that are no objects of the catalog.
const OTHERS: &[&str] = &["CustomObjects", "Instance", "Tags"];

/// A request to the API.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The decoded parts of the path after the base.
    pub(crate) segments: Vec<String>,
    parameters: Vec<(String, String)>,
    authorization: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) body: Bytes,
}

/// What a path is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Collection(&'a str),
    Search(&'a str),
    One(&'a str, &'a str),
    Notes(&'a str, &'a str),
    Me,
    Instance,
    CustomObjects,
    Tags,
    /// Singular for plural or the other way round.
    Misspelt,
    Unknown,
}

impl Call {
    pub(crate) fn new(method: Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Self {
        let text = |name| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let path = uri.path().strip_prefix(BASE).unwrap_or_default();
        Self {
            method,
            segments: path
                .split('/')
                .filter(|part| !part.is_empty())
                .map(decoded)
                .collect(),
            parameters: Parameters::try_from_uri(uri).map_or_else(|_| Vec::new(), |query| query.0),
            authorization: text(header::AUTHORIZATION),
            if_match: text(header::IF_MATCH),
            body,
        }
    }

    /// The API key: the user of HTTP Basic.
    pub(crate) fn key(&self) -> Option<String> {
        let encoded = self.authorization.as_deref()?.strip_prefix("Basic ")?;
        let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
        Some(decoded.split_once(':')?.0.to_owned())
    }

    /// The object that the path begins with, whether or not there is one.
    pub(crate) fn object(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }

    /// What the path is about.
    pub(crate) fn route(
        &self,
        exists: impl Fn(&str) -> bool,
        searches: impl Fn(&str) -> bool,
    ) -> Route<'_> {
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        match segments[..] {
            ["Users", "Me"] => Route::Me,
            ["Instance"] => Route::Instance,
            ["CustomObjects"] => Route::CustomObjects,
            ["Tags"] => Route::Tags,
            [object, ..] if !exists(object) => {
                if is_misspelt(object) {
                    Route::Misspelt
                } else {
                    Route::Unknown
                }
            }
            [object] => Route::Collection(object),
            [object, "Search"] if searches(object) => Route::Search(object),
            [object, id] => Route::One(object, id),
            [object, id, "Notes"] => Route::Notes(object, id),
            _ => Route::Unknown,
        }
    }

    /// The path with ids taken out, for statistics.
    pub(crate) fn pattern(&self) -> String {
        let mut pattern = BASE.to_owned();
        for (at, segment) in self.segments.iter().enumerate() {
            let is_id = at == 1 && segment != "Search" && segment != "Me";
            pattern.push('/');
            pattern.push_str(if is_id { "{id}" } else { segment });
        }
        pattern
    }

    /// The page asked for, and whether in brief. Only a search has a field and a time.
    pub(crate) fn query(
        &self,
        behaviour: &Behaviour,
        search: bool,
    ) -> Result<(Query, bool), Error> {
        let mut query = Query::default();
        let mut brief = false;
        let (mut field_name, mut field_value) = (None, None);
        for (name, value) in &self.parameters {
            match name.as_str() {
                "brief" => brief = flag(name, value)?,
                "count_total" => query.count_total = flag(name, value)?,
                "skip" => query.skip = number(name, value)?,
                "top" => query.top = Some(number(name, value)?),
                "field_name" if search => field_name = Some(value.clone()),
                "field_value" if search => field_value = Some(value.clone()),
                "updated_after_utc" if search => {
                    let body_form = || parse_body_time(value).filter(|_| behaviour.lenient_dates);
                    let time = parse_query_time(value).or_else(body_form);
                    let expected = "a date as 2026-04-09T16:58:14Z";
                    query.updated_after = Some(time.ok_or_else(|| invalid(name, value, expected))?);
                }
                _ => {}
            }
        }
        query.field = match (field_name, field_value) {
            (Some(name), Some(value)) => Some((name, value)),
            (None, None) => None,
            _ => {
                let text = "field_name and field_value must be given together.";
                return Err(Error::Invalid(text.to_owned()));
            }
        };
        Ok((query, brief))
    }
}

fn flag(name: &str, value: &str) -> Result<bool, Error> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(name, value, "true or false")),
    }
}

fn number(name: &str, value: &str) -> Result<usize, Error> {
    value
        .parse()
        .map_err(|_| invalid(name, value, "a whole number that is not negative"))
}

fn invalid(name: &str, value: &str, expected: &str) -> Error {
    Error::Invalid(format!(
        "The value '{value}' is not valid for {name}: expected {expected}."
    ))
}

/// Whether that is a path of Insightly in its other grammatical number.
fn is_misspelt(object: &str) -> bool {
    let known = catalog::catalog().iter().map(|known| known.object.as_str());
    known
        .chain(OTHERS.iter().copied())
        .any(|known| other_number(known) == object)
}

fn other_number(name: &str) -> String {
    if let Some(stem) = name.strip_suffix("ies") {
        return format!("{stem}y");
    }
    if let Some(stem) = name.strip_suffix("uses") {
        return format!("{stem}us");
    }
    match (name.strip_suffix('s'), name.strip_suffix('y')) {
        (Some(stem), _) => stem.to_owned(),
        (_, Some(stem)) => format!("{stem}ies"),
        _ => format!("{name}s"),
    }
}

/// Takes percent-encoding out of a part of a path.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| *first == b'%');
        let value = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(value.unwrap_or(*first));
        rest = if value.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_known_in_its_other_number() {
        for (known, other) in [
            ("Contacts", "Contact"),
            ("Ticket", "Tickets"),
            ("PricebookEntry", "PricebookEntries"),
            ("Currencies", "Currency"),
            ("LeadStatuses", "LeadStatus"),
            ("Instance", "Instances"),
            ("Quotation", "Quotations"),
        ] {
            assert!(is_misspelt(other), "{known}");
            assert!(!is_misspelt(known), "{known}");
        }
        assert!(!is_misspelt("Quotes") && !is_misspelt("Invoices"));
    }

    #[test]
    fn paths_are_decoded() {
        assert_eq!(decoded("C%C3%B4te%20d'Ivoire"), "Côte d'Ivoire");
        assert_eq!(decoded("100%"), "100%");
    }
}
