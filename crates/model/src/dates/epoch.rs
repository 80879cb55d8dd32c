//! Reading epoch numbers.

use chrono::{DateTime, Utc};
use serde_json::Number;

use super::parse::{Failure, ParseProblem};
use super::scan::Scanner;

/// The last second of the year 9999; greater numbers are milliseconds.
const LAST_SECOND: i64 = 253_402_300_799;

/// The digits of a JSON number, without an exponent.
pub(super) fn digits_of(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    }
}

pub(super) fn milliseconds(text: &str) -> Result<DateTime<Utc>, Failure> {
    let millis = whole(text)?;
    DateTime::from_timestamp_millis(millis).ok_or_else(too_far)
}

/// Whole seconds, or with a fraction, of which milliseconds count.
pub(super) fn seconds(text: &str) -> Result<DateTime<Utc>, Failure> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let seconds = whole(digits)?;
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_whole(text));
    }
    if seconds.abs() > LAST_SECOND {
        return Err(Failure {
            position: 1,
            problem: ParseProblem::LooksLikeMilliseconds,
        });
    }
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    let millis: i64 = thousandths.parse().map_err(|_| not_whole(text))?;
    let sign = if digits.starts_with('-') { -1 } else { 1 };
    DateTime::from_timestamp_millis(seconds * 1000 + sign * millis).ok_or_else(too_far)
}

fn whole(text: &str) -> Result<i64, Failure> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_whole(text));
    }
    text.parse().map_err(|_| too_far())
}

fn not_whole(text: &str) -> Failure {
    let scan = Scanner::new(text);
    scan.fail(ParseProblem::Whole(scan.found()))
}

fn too_far() -> Failure {
    Failure {
        position: 1,
        problem: ParseProblem::TooFar,
    }
}
