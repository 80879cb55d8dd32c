//! Each case of `fixtures/simple_date_format.json`, which `fixtures/SimpleDateFormatCases.java` writes.

use chrono::DateTime;
use ie_model::dates::{Format, Pattern, Zone};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    format: Vec<Formatted>,
    parse: Vec<Parsed>,
    patterns: Vec<Judged>,
    zones: Vec<Offsets>,
}

#[derive(Deserialize)]
struct Formatted {
    pattern: Format,
    zone: Zone,
    millis: i64,
    text: String,
}

#[derive(Deserialize)]
struct Parsed {
    pattern: Format,
    zone: Zone,
    text: String,
    lenient: Option<i64>,
    strict: Option<i64>,
    ours: Ours,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ours {
    Strict,
    Lenient,
    Refused,
}

#[derive(Deserialize)]
struct Judged {
    pattern: String,
    valid: bool,
}

#[derive(Deserialize)]
struct Offsets {
    id: Zone,
    january: i32,
    july: i32,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("../fixtures/simple_date_format.json")).unwrap()
}

#[test]
fn the_table_has_more_than_a_hundred_cases() {
    let cases = cases();
    assert!(cases.format.len() > 100 && cases.parse.len() > 100);
}

#[test]
fn every_text_is_the_one_that_java_writes() {
    let mut wrong = Vec::new();
    for case in cases().format {
        let instant = DateTime::from_timestamp_millis(case.millis).unwrap();
        let text = case.pattern.format(instant, case.zone);
        if text != case.text {
            wrong.push(format!(
                "{} in {} of {instant}: {text:?}, Java {:?}",
                case.pattern, case.zone, case.text
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_text_is_read_as_java_reads_it_or_refused_where_we_are_stricter() {
    let mut wrong = Vec::new();
    for case in cases().parse {
        let expected = match case.ours {
            Ours::Strict => case.strict,
            Ours::Lenient => case.lenient,
            Ours::Refused => None,
        };
        let read = case.pattern.parse(&case.text, case.zone);
        let millis = read.as_ref().ok().map(chrono::DateTime::timestamp_millis);
        if millis != expected {
            wrong.push(format!(
                "{} in {} of {:?}: {read:?}, expected {expected:?}",
                case.pattern, case.zone, case.text
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_pattern_is_refused_when_java_refuses_it_and_taken_when_java_takes_it() {
    for case in cases().patterns {
        let parsed = case.pattern.parse::<Pattern>();
        assert_eq!(parsed.is_ok(), case.valid, "{}: {parsed:?}", case.pattern);
    }
}

#[test]
fn every_zone_has_javas_offset_in_winter_and_in_summer() {
    let pattern: Format = "XXX".parse().unwrap();
    for case in cases().zones {
        for (instant, seconds) in [
            ("2026-01-15T12:00:00Z", case.january),
            ("2026-07-15T12:00:00Z", case.july),
        ] {
            let instant = instant.parse().unwrap();
            let java = Zone::Offset(chrono::FixedOffset::east_opt(seconds).unwrap());
            let (ours, theirs) = (
                pattern.format(instant, case.id),
                pattern.format(instant, java),
            );
            assert_eq!(ours, theirs, "{} at {instant}", case.id);
        }
    }
}
