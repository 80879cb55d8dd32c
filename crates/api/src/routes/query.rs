//! Query parameters, which may come more than once.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use crate::error::{ApiError, Result};

/// The parameters of a request's query.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        let axum::extract::Query(pairs) = query.map_err(|rejection| {
            ApiError::bad_request(format!(
                "the query cannot be read: {}",
                rejection.body_text()
            ))
        })?;
        Ok(Self(pairs))
    }
}

impl Query {
    /// The parameter, unless it is blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter, the blank ones left out.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, value)| key == name && !value.trim().is_empty())
            .map(|(_, value)| value.trim())
    }

    /// A point in time, see [`time`].
    pub(super) fn time(&self, name: &str) -> Result<Option<DateTime<Utc>>> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match time(text) {
            Some(at) => Ok(Some(at)),
            None => Err(ApiError::bad_request(format!(
                "{name}: expected {TIME}, got {text:?}"
            ))),
        }
    }
}

/// What a time may look like, for errors.
pub(super) const TIME: &str =
    "a time such as 2026-11-24T10:00:00Z, a day such as 2026-11-24, or milliseconds since 1970";

/// A point in time: ISO-8601, a day, `yyyy-MM-dd HH:mm:ss` in UTC, or epoch milliseconds.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    // A plus sign that was not encoded has become a blank: 2026-11-24T10:00:00 01:00.
    let restored = text.replacen(' ', "+", 1);
    let zoned = [text, &restored].into_iter().find_map(|text| {
        let parsed = DateTime::parse_from_rfc3339(text).ok()?;
        Some(parsed.with_timezone(&Utc))
    });
    let local = || {
        ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]
            .into_iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .or_else(|| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0))
            .map(|local| local.and_utc())
    };
    let epoch = || DateTime::from_timestamp_millis(text.parse().ok()?);
    zoned.or_else(local).or_else(epoch)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn query(value: &str) -> Query {
        Query(vec![("from".to_owned(), value.to_owned())])
    }

    #[rstest]
    #[case("2026-11-24T10:00:00Z")]
    #[case("2026-11-24T11:00:00+01:00")]
    #[case("2026-11-24T11:00:00 01:00")]
    #[case("2026-11-24T10:00:00")]
    #[case("2026-11-24 10:00:00")]
    #[case("1795514400000")]
    fn a_time_is_read_in_every_form(#[case] text: &str) {
        let time = query(text).time("from").unwrap();

        assert_eq!(time, Some("2026-11-24T10:00:00Z".parse().unwrap()));
    }

    #[rstest]
    #[case("yesterday")]
    #[case("2026-13-01")]
    #[case("99999999999999999999")]
    fn what_is_no_time_is_refused(#[case] text: &str) {
        assert!(query(text).time("from").is_err());
    }

    #[test]
    fn a_blank_parameter_is_not_given() {
        assert_eq!(query(" ").time("from").unwrap(), None);
    }
}
