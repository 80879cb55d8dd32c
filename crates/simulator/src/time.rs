//! Insightly's two ways to write a time: one in bodies, another in query parameters.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

const BODY_FORM: &str = "%Y-%m-%d %H:%M:%S";

/// Appends `seconds` since 1970 in the form of bodies, `2026-04-10 21:15:00`.
///
/// By hand and not through chrono's formatter, because a page of 500 contacts holds 2,500 of them.
pub(crate) fn write_body_time(out: &mut Vec<u8>, seconds: i64) {
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    write_date(out, day);
    out.push(b' ');
    two(out, second / 3600);
    out.push(b':');
    two(out, second / 60 % 60);
    out.push(b':');
    two(out, second % 60);
}

/// Appends a day since 1970 as `2026-04-10`.
pub(crate) fn write_date(out: &mut Vec<u8>, day: i64) {
    // Days to a civil date, counted in eras of 400 years that begin in March.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    two(out, year / 100);
    two(out, year % 100);
    out.push(b'-');
    two(out, month);
    out.push(b'-');
    two(out, day_of_month);
}

fn two(out: &mut Vec<u8>, number: i64) {
    out.push(b'0' + (number / 10 % 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

/// Reads the form of bodies.
pub(crate) fn parse_body_time(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, BODY_FORM)
        .ok()
        .map(|time| time.and_utc())
}

/// Reads the form of query parameters: ISO-8601, with an offset or in UTC; a bare date is its midnight.
pub(crate) fn parse_query_time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text)
        && text.contains('T')
    {
        return Some(time.with_timezone(&Utc));
    }
    if let Ok(time) = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f") {
        return Some(time.and_utc());
    }
    let midnight = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(midnight.and_hms_opt(0, 0, 0)?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_times_are_written_as_chrono_writes_them() {
        for seconds in [
            0,
            951_782_399,
            951_868_800,
            1_709_164_800,
            1_775_855_700,
            4_102_444_799,
            -86_401,
        ] {
            let mut out = Vec::new();
            write_body_time(&mut out, seconds);

            let expected = DateTime::from_timestamp(seconds, 0)
                .unwrap()
                .format(BODY_FORM)
                .to_string();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn the_two_forms_are_not_mistaken_for_each_other() {
        let time = DateTime::from_timestamp(1_775_855_700, 0).unwrap();

        assert_eq!(parse_body_time("2026-04-10 21:15:00"), Some(time));
        assert_eq!(parse_query_time("2026-04-10T21:15:00Z"), Some(time));
        assert_eq!(parse_query_time("2026-04-10T23:15:00+02:00"), Some(time));
        assert_eq!(parse_query_time("2026-04-10T21:15:00"), Some(time));
        assert_eq!(parse_query_time("2026-04-10 21:15:00"), None);
        assert_eq!(parse_body_time("2026-04-10T21:15:00Z"), None);
        assert_eq!(parse_query_time("yesterday"), None);
    }
}
