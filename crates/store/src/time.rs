//! Times are stored as milliseconds since 1970, UTC.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Error, Result};

pub(crate) fn to_ms(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

pub(crate) fn from_ms(ms: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_millis(ms)
        .ok_or_else(|| Error::corrupt("a time", format!("{ms} ms is outside of the calendar")))
}

pub(crate) fn from_optional_ms(ms: Option<i64>) -> Result<Option<DateTime<Utc>>> {
    ms.map(from_ms).transpose()
}

/// `now + by`; a duration beyond the calendar means its end.
pub(crate) fn after(now: DateTime<Utc>, by: std::time::Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| now.checked_add_signed(by))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_to_the_millisecond() {
        let at = DateTime::from_timestamp_millis(1_764_000_000_123).unwrap();

        assert_eq!(from_ms(to_ms(at)).unwrap(), at);
        assert!(matches!(from_ms(i64::MAX), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn an_endless_duration_ends_with_the_calendar() {
        let now = DateTime::UNIX_EPOCH;

        assert_eq!(
            after(now, std::time::Duration::MAX),
            DateTime::<Utc>::MAX_UTC
        );
    }
}
