//! Errors, zones, epoch numbers and JSON; patterns themselves are compared with Java in `tests/java`.

use chrono::{DateTime, TimeDelta, Utc};
use rstest::rstest;
use serde_json::json;

use super::{Format, Pattern, PatternProblem, Zone, names};

fn format(text: &str) -> Format {
    text.parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[rstest]
#[case(
    "",
    "the date pattern is empty, write for example yyyy-MM-dd HH:mm:ss, at character 1 of the date pattern"
)]
#[case(
    "YYYY-MM-dd",
    "the letter Y (the year of a week) is not supported, write y for the calendar year, at character 1 of the date pattern"
)]
#[case(
    "é yyyy w",
    "the letter w (the week of a year) is not supported, write D or M and d, at character 8 of the date pattern"
)]
#[case(
    "yyyy-MM-ddTHH",
    "the letter T has no meaning, allowed are G y M L d D E u a H k K h m s S z Z X; literal text stands in single quotes, as in 'T', at character 11 of the date pattern"
)]
#[case(
    "HH 'o'' clock",
    "the single quote is never closed; a quote itself is written '', at character 4 of the date pattern"
)]
#[case(
    "ssXXXX",
    "4 times the letter X is too much, at most 3 are allowed, at character 3 of the date pattern"
)]
fn a_bad_pattern_says_what_where_and_what_instead(#[case] pattern: &str, #[case] expected: &str) {
    let error = pattern.parse::<Format>().unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn every_letter_that_is_not_allowed_is_refused_as_unsupported_or_unknown() {
    for letter in ('A'..='Z').chain('a'..='z') {
        let parsed = letter.to_string().parse::<Pattern>();
        match letter {
            'Y' | 'w' | 'W' | 'F' => assert!(matches!(
                parsed.unwrap_err().problem,
                PatternProblem::Unsupported { .. }
            )),
            _ if "GyMLdDEuaHkKhmsSzZX".contains(letter) => assert!(parsed.is_ok(), "{letter}"),
            _ => assert_eq!(parsed.unwrap_err().problem, PatternProblem::Unknown(letter)),
        }
    }
}

#[rstest]
#[case(
    "yyyy-MM-dd HH:mm:ss",
    "2018-13-21 07:31:45",
    "the month 13 is not within 1 to 12, at character 6"
)]
#[case(
    "yyyy-MM-dd HH:mm:ss",
    "2018-02-21T07:31:45",
    "expected \" \", found 'T', at character 11"
)]
#[case(
    "yyyy-MM-dd HH:mm:ss",
    "2018-02-21 07:31:45.123",
    "the form ends here, but '.' follows, at character 20"
)]
#[case(
    "yyyy-MM-dd HH:mm:ss",
    "2018-02-30 07:31:45",
    "there is no 30 February 2018, at character 9"
)]
#[case(
    "yyyy-MM-dd HH:mm",
    "2018-02-21 07:",
    "expected the minute in digits, found the end, at character 15"
)]
#[case(
    "yyyy-MM-dd",
    "18-02-21",
    "expected at least 4 digits of the year, found 2, at character 1"
)]
#[case(
    "yy-MM-dd",
    "118-02-21",
    "expected 2 or at least 4 digits of the year, found 3, at character 1"
)]
#[case("yyyy-MM-dd", "0000-02-21", "there is no year 0, at character 1")]
#[case(
    "yyyy-MM-dd",
    "999999999999999999999-02-21",
    "the time is too far away, at character 1"
)]
#[case(
    "yyyyMMdd",
    "2018021",
    "expected 2 digits of the day, found 1, at character 7"
)]
#[case(
    "yyyyMMdd",
    "201802",
    "expected the day in digits, found the end, at character 7"
)]
#[case("yyyy D", "2018 366", "there is no day 366 in 2018, at character 6")]
#[case(
    "ss.SSS",
    "45.123456",
    "the number of milliseconds of 6 digits is not within 0 to 999, at character 4"
)]
#[case(
    "d MMM yyyy",
    "21 Fev 2018",
    "expected the month (Jan or January to Dec or December), found 'F', at character 4"
)]
#[case(
    "EEE yyyy-MM-dd",
    "Mon 2018-02-21",
    "the weekday is Monday, which contradicts 2018-02-21, where it is Wednesday, at character 1"
)]
#[case(
    "EEE HH",
    "Mon 12",
    "a weekday says nothing without year, month and day; the form lacks some of them, at character 1"
)]
#[case(
    "HH hh",
    "13 02",
    "the hour is 2, which contradicts the hour 13 of 24, at character 4"
)]
#[case(
    "yyyy y",
    "2018 2017",
    "the year is 2017, which contradicts 2018 before, at character 6"
)]
#[case(
    "HH X Z",
    "12 Z +0100",
    "the time zone is another one, which contradicts the one before, at character 6"
)]
#[case(
    "HHX",
    "12+0",
    "expected the time zone (Z or +02), found '+', at character 3"
)]
#[case(
    "HHZ",
    "12Z",
    "expected the time zone (+0200, GMT+02:00, GMT, or a name such as CET; to read Z the form needs X), found 'Z', at character 3"
)]
fn a_bad_text_says_what_is_wrong_and_where(
    #[case] pattern: &str,
    #[case] text: &str,
    #[case] expected: &str,
) {
    let error = format(pattern).parse(text, Zone::UTC).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("not a date of the form {pattern}: {expected}")
    );
}

#[test]
fn an_error_does_not_repeat_the_text_it_was_given() {
    for pattern in [
        "yyyy-MM-dd HH:mm:ss",
        "milliseconds",
        "seconds",
        "d MMM yyyy",
    ] {
        for text in [
            "jane.doe@example.com",
            "4915112345678901234567",
            "2018-jane",
        ] {
            let message = format(pattern)
                .parse(text, Zone::UTC)
                .unwrap_err()
                .to_string();
            assert!(
                !message.contains("jane") && !message.contains("49151"),
                "{message}"
            );
        }
    }
}

#[rstest]
#[case("seconds", json!(1_519_198_305), "2018-02-21T07:31:45Z")]
#[case("seconds", json!(1_519_198_305.5), "2018-02-21T07:31:45.500Z")]
#[case("seconds", json!(-1.5), "1969-12-31T23:59:58.500Z")]
#[case("seconds", json!("1519198305"), "2018-02-21T07:31:45Z")]
#[case("milliseconds", json!(1_519_198_305_123_i64), "2018-02-21T07:31:45.123Z")]
#[case("milliseconds", json!(1.519_198_305_123e12), "2018-02-21T07:31:45.123Z")]
#[case("milliseconds", json!("-1"), "1969-12-31T23:59:59.999Z")]
#[case("yyyy-MM-dd HH:mm:ss", json!("2018-02-21 07:31:45"), "2018-02-21T07:31:45Z")]
fn a_json_value_is_read_by_its_form(
    #[case] form: &str,
    #[case] value: serde_json::Value,
    #[case] expected: &str,
) {
    let read = format(form).parse_json(&value, Zone::UTC).unwrap();
    assert_eq!(read, instant(expected));
}

#[rstest]
#[case("seconds", json!(1_519_198_305_123_i64), "not a date of the form seconds: as seconds it is after the year 9999, which looks like milliseconds, at character 1")]
#[case("milliseconds", json!(1.5), "not a date of the form milliseconds: expected a whole number, found '1', at character 1")]
#[case("milliseconds", json!(u64::MAX), "not a date of the form milliseconds: the time is too far away, at character 1")]
#[case("milliseconds", json!(null), "not a date of the form milliseconds: expected a number, or a text of digits")]
#[case("seconds", json!("1."), "not a date of the form seconds: expected a whole number, found '1', at character 1")]
#[case("seconds", json!(""), "not a date of the form seconds: expected a whole number, found the end, at character 1")]
#[case("yyyy", json!(2018), "not a date of the form yyyy: expected a text; for a number the format is milliseconds or seconds")]
fn a_json_value_of_another_form_is_refused(
    #[case] form: &str,
    #[case] value: serde_json::Value,
    #[case] expected: &str,
) {
    let error = format(form).parse_json(&value, Zone::UTC).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[rstest]
#[case("yyyy-MM-dd HH:mm:ss", Some(TimeDelta::seconds(1)))]
#[case("D y", Some(TimeDelta::days(1)))]
#[case("yyyy-MM-dd hh:mm", Some(TimeDelta::days(1)))]
#[case("yyyy-MM-dd hh a", Some(TimeDelta::hours(1)))]
#[case("yyyy-MM-dd HH:mm.SSS", Some(TimeDelta::minutes(1)))]
#[case("yyyy-MM", None)]
#[case("HH:mm:ss", None)]
#[case("seconds", Some(TimeDelta::seconds(1)))]
#[case("milliseconds", Some(TimeDelta::milliseconds(1)))]
fn the_precision_is_that_of_the_smallest_step(
    #[case] form: &str,
    #[case] expected: Option<TimeDelta>,
) {
    assert_eq!(format(form).precision(), expected);
}

#[rstest]
#[case("Z", "UTC")]
#[case("utc", "UTC")]
#[case("gmt", "GMT")]
#[case("GMT+2", "GMT+02:00")]
#[case("GMT-03:30", "GMT-03:30")]
#[case("UTC+0530", "GMT+05:30")]
#[case("+02:00", "GMT+02:00")]
#[case("-8", "GMT-08:00")]
#[case("+00:00", "GMT")]
#[case("PST", "America/Los_Angeles")]
#[case("EST", "EST")]
#[case("Europe/Berlin", "Europe/Berlin")]
fn a_zone_displays_by_javas_name(#[case] name: &str, #[case] expected: &str) {
    let zone: Zone = name.parse().unwrap();
    assert_eq!(zone.to_string(), expected);
    assert_eq!(
        zone.to_string().parse::<Zone>().unwrap().to_string(),
        expected
    );
}

#[rstest]
#[case("Europe/Berlim", Some("Europe/Berlin"))]
#[case("new york", Some("America/New_York"))]
#[case("europe/berlin", Some("Europe/Berlin"))]
#[case("UCTX", Some("UCT"))]
#[case("", None)]
fn an_unknown_zone_suggests_the_nearest(#[case] name: &str, #[case] expected: Option<&str>) {
    let error = name.parse::<Zone>().unwrap_err();
    assert_eq!(error.suggestion.as_deref(), expected, "{error}");
}

#[rstest]
#[case("GMT+24")]
#[case("GMT+2:60")]
#[case("GMT+2:5")]
#[case("+12345")]
#[case("+")]
#[case("GMT+é")]
#[case("+é0")]
fn an_offset_that_is_none_is_refused(#[case] name: &str) {
    assert!(name.parse::<Zone>().is_err());
}

#[test]
fn forms_and_zones_are_texts_in_json() {
    let form: Format = serde_json::from_str("\"yyyy''MM\"").unwrap();
    assert_eq!(serde_json::to_string(&form).unwrap(), "\"yyyy''MM\"");
    let zone: Zone = serde_json::from_str("\"GMT+2\"").unwrap();
    assert_eq!(serde_json::to_string(&zone).unwrap(), "\"GMT+02:00\"");
    assert!(serde_json::from_str::<Zone>("\"Mars\"").is_err());
}

#[test]
fn the_ends_of_time_are_written_in_every_zone() {
    let all = format("G yyyy-MM-dd'T'HH:mm:ss.SSS z Z XXX");
    for instant in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for zone in ["GMT+14", "GMT-12", "Europe/Dublin", "Pacific/Apia"] {
            assert!(all.format(instant, zone.parse().unwrap()).len() > 20);
        }
    }
}

#[test]
fn javas_names_cover_nearly_every_zone_of_the_database() {
    let unnamed = chrono_tz::TZ_VARIANTS
        .iter()
        .filter(|tz| names::of_zone(**tz).is_none());
    let unnamed: Vec<_> = unnamed
        .map(|tz| tz.name())
        .filter(|name| !name.starts_with("Etc/GMT"))
        .collect();
    assert!(unnamed.len() < 10, "{unnamed:?}");
}
