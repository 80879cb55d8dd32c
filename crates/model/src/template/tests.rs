//! What templates render, and what is wrong with those that are none.

use chrono::{DateTime, Utc};
use rstest::rstest;

use super::Template;
use crate::dates::Zone;

fn start() -> DateTime<Utc> {
    "2018-02-21T07:31:45.123Z".parse().unwrap()
}

#[rstest]
#[case(
    "/hubs/crm/contacts?where=updated_after_utc='${gmtDate:yyyy-MM-dd HH:mm:ss}'",
    "/hubs/crm/contacts?where=updated_after_utc='2018-02-21 07:31:45'"
)]
#[case("${date:yyyy-MM-dd'T'HH:mm:ssXXX}", "2018-02-21T08:31:45+01:00")]
#[case("${gmtDate:HH:mm z}", "07:31 GMT")]
#[case("${dateTimeZone:America/New_York:HH:mm:ss}", "02:31:45")]
#[case("${dateTimeZone:GMT+2:HH:mm}", "09:31")]
#[case("${dateTimeZone:GMT+02:00:HH:mm}", "09:31")]
#[case("${dateTimeZone:-03:30:HH:mm}", "04:01")]
#[case(
    "${epoch:ms} ${epoch:s} ${epoch} ${date}",
    "1519198305123 1519198305 1519198305123 1519198305123"
)]
#[case("a $ b } { ${date:''yy}$", "a $ b } { '18$")]
#[case("é${date:y}é", "é2018é")]
#[case("", "")]
fn a_template_is_filled_with_the_start_of_the_window(
    #[case] written: &str,
    #[case] expected: &str,
) {
    let template: Template = written.parse().unwrap();
    let zone = "Europe/Berlin".parse().unwrap();
    assert_eq!(template.render(start(), zone), expected);
    assert_eq!(template.to_string(), written);
}

#[rstest]
#[case(
    "é ${date:yyyy",
    "the variable is never closed, a } is missing, at character 3"
)]
#[case(
    "${datum}",
    "there is no variable ${datum}, did you mean ${date}? Known are ${date:PATTERN}, ${gmtDate:PATTERN}, ${dateTimeZone:ZONE:PATTERN}, ${epoch:ms}, ${epoch:s}, ${date} and ${epoch}, at character 3"
)]
#[case(
    "${gmtDate}",
    "${gmtDate} needs a date pattern, as in ${gmtDate:yyyy-MM-dd HH:mm:ss}, at character 3"
)]
#[case(
    "${date:}",
    "${date} needs a date pattern, as in ${date:yyyy-MM-dd HH:mm:ss}, at character 3"
)]
#[case(
    "${dateTimeZone:UTC}",
    "${dateTimeZone} needs a date pattern, as in ${dateTimeZone:Europe/Berlin:yyyy-MM-dd HH:mm:ss}, at character 3"
)]
#[case(
    "${dateTimeZone}",
    "${dateTimeZone} needs a date pattern, as in ${dateTimeZone:Europe/Berlin:yyyy-MM-dd HH:mm:ss}, at character 3"
)]
#[case(
    "é${date:é yyyyTHH}",
    "the letter T has no meaning, allowed are G y M L d D E u a H k K h m s S z Z X; literal text stands in single quotes, as in 'T', at character 15"
)]
#[case(
    "${dateTimeZone:UTC:yyyy Y}",
    "the letter Y (the year of a week) is not supported, write y for the calendar year, at character 25"
)]
#[case(
    "${epoch:us}",
    "${epoch:…} counts in ms or s, not in \"us\", at character 9"
)]
#[case(
    "${dateTimeZone:Europe/Berlim:yyyy}",
    "\"Europe/Berlim\" is no time zone (did you mean Europe/Berlin?); write an IANA name such as Europe/Berlin, UTC, GMT, or an offset such as GMT+02:00, at character 16"
)]
fn a_bad_template_says_what_is_wrong_and_where(#[case] written: &str, #[case] expected: &str) {
    assert_eq!(
        written.parse::<Template>().unwrap_err().to_string(),
        expected
    );
}

#[test]
fn a_template_is_a_text_in_json() {
    let json = "\"${epoch:s}\"";
    let template: Template = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&template).unwrap(), json);
    assert!(serde_json::from_str::<Template>("\"${\"").is_err());
    assert_eq!(template.render(start(), Zone::UTC), "1519198305");
}

#[test]
fn a_text_without_a_variable_is_the_same_for_every_window() {
    let timed = |text: &str| text.parse::<Template>().unwrap().is_timed();

    assert!(timed("a?where=b='${gmtDate:yyyy-MM-dd}'") && timed("${epoch:s}"));
    assert!(!timed("a?where=b='2026-11-24 00:00:00'") && !timed("$5") && !timed(""));
}
