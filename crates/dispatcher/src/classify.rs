//! What a callback's answer means.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

/// What the answer, or the lack of one, means for the notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The callback has it.
    Accepted,
    /// The callback is there and asks us to come back later.
    Busy {
        /// How long it asks us to stay away.
        retry_after: Option<Duration>,
    },
    /// The callback says that it will never be there again.
    Gone,
    /// Everything else.
    Failed,
}

/// Reads the status of an answer and its `Retry-After`.
pub(crate) fn classify(status: u16, retry_after: Option<&str>, now: DateTime<Utc>) -> Class {
    match status {
        200..=299 => Class::Accepted,
        410 => Class::Gone,
        429 | 503 => Class::Busy {
            retry_after: retry_after.and_then(|text| parse_retry_after(text, now)),
        },
        _ => Class::Failed,
    }
}

/// Why an answer is not an acceptance, in words for people.
pub(crate) fn reason(status: u16) -> String {
    match status {
        300..=399 => format!("answered {status}, redirects are not followed"),
        410 => "answered 410: the callback is gone and has been disabled".to_owned(),
        _ => format!("answered {status}, expected 2xx"),
    }
}

/// Seconds, or a date in one of the three forms of HTTP.
///
/// Source: RFC 9110, sections 10.2.3 and 5.6.7.
fn parse_retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = http_date(text)?;
    // A date that has passed asks for no delay.
    Some((date - now).to_std().unwrap_or(Duration::ZERO))
}

fn http_date(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(date) = DateTime::parse_from_rfc2822(text) {
        return Some(date.with_timezone(&Utc));
    }
    let obsolete = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let read = |format| NaiveDateTime::parse_from_str(text, format).ok();
    obsolete
        .into_iter()
        .find_map(read)
        .map(|date| date.and_utc())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn now() -> DateTime<Utc> {
        "1994-11-06T08:49:00Z".parse().unwrap()
    }

    #[rstest]
    #[case(200)]
    #[case(201)]
    #[case(202)]
    #[case(204)]
    #[case(299)]
    fn any_2xx_is_accepted(#[case] status: u16) {
        assert_eq!(classify(status, None, now()), Class::Accepted);
    }

    #[rstest]
    #[case(301)]
    #[case(302)]
    #[case(304)]
    #[case(307)]
    #[case(400)]
    #[case(401)]
    #[case(404)]
    #[case(408)]
    #[case(500)]
    #[case(502)]
    #[case(504)]
    fn everything_else_has_failed_and_its_retry_after_is_not_read(#[case] status: u16) {
        assert_eq!(classify(status, Some("60"), now()), Class::Failed);
        assert!(reason(status).contains(&status.to_string()));
    }

    #[test]
    fn a_410_is_gone() {
        assert_eq!(classify(410, None, now()), Class::Gone);
    }

    #[rstest]
    #[case("120", Some(120))]
    #[case(" 7 ", Some(7))]
    #[case("0", Some(0))]
    #[case("Sun, 06 Nov 1994 08:49:37 GMT", Some(37))]
    #[case("Sunday, 06-Nov-94 08:49:37 GMT", Some(37))]
    #[case("Sun Nov  6 08:49:37 1994", Some(37))]
    #[case("Sun, 06 Nov 1994 08:48:00 GMT", Some(0))]
    #[case("-5", None)]
    #[case("soon", None)]
    #[case("", None)]
    fn retry_after_is_seconds_or_a_date(#[case] text: &str, #[case] seconds: Option<u64>) {
        for status in [429, 503] {
            let class = classify(status, Some(text), now());

            let retry_after = seconds.map(Duration::from_secs);
            assert_eq!(class, Class::Busy { retry_after });
        }
    }

    #[test]
    fn a_redirect_says_that_it_is_not_followed() {
        assert!(reason(302).contains("not followed"));
    }
}
