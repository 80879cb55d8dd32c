//! What holds for every pattern, text and instant.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use ie_model::dates::{Format, Pattern, Zone};
use ie_model::hub_query::{HubQuery, Where};
use ie_model::template::Template;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const REGIONS: [&str; 7] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/London",
    "Australia/Sydney",
    "Asia/Kolkata",
];

/// Fields that say the day, the time, and what is redundant, each with something that is no digit
/// between it and the next.
fn separated() -> impl Strategy<Value = String> {
    let year = select(vec!["yyyy", "yyy", "yyyyyy"]);
    let day = select(vec![
        vec!["MM", "dd"],
        vec!["M", "d"],
        vec!["MMM", "d"],
        vec!["MMMM", "ddd"],
        vec!["LL", "dd"],
        vec!["D"],
        vec!["DDD"],
    ]);
    let hour = select(vec![
        vec!["HH"],
        vec!["H"],
        vec!["kk"],
        vec!["hh", "a"],
        vec!["h", "a"],
        vec!["KK", "aaaa"],
    ]);
    let finer = select(vec![vec![], vec!["ss"], vec!["s", "S"], vec!["ss", "SSS"]]);
    let redundant = subsequence(vec!["G", "EEE", "EEEE", "u", "D", "MMM"], 0..=4);
    let zone = select(vec!["Z", "XXX", "XX", "z", "zzzz"]);
    let separator = select(vec![
        " ", "/", ".", ":", ", ", "|", "_", "'at'", "''", "\u{e9}",
    ]);
    let fields = (year, day, hour, finer, redundant, zone).prop_map(
        |(year, day, hour, finer, redundant, zone)| {
            let groups = [day, hour, vec!["mm"], finer, redundant, vec![year, zone]];
            groups.concat()
        },
    );
    let shuffled = fields.prop_shuffle();
    (shuffled, separator).prop_map(|(fields, separator)| fields.join(separator))
}

/// Numeric fields of full width without anything between them.
fn touching() -> impl Strategy<Value = String> {
    let day = select(vec![vec!["MM", "dd"], vec!["DDD"]]);
    let hour = select(vec!["HH", "kk"]);
    let finer = select(vec![vec![], vec!["ss"], vec!["ss", "SSS"]]);
    let fields = (day, hour, finer)
        .prop_map(|(day, hour, finer)| [day, vec![hour, "mm", "yyyy"], finer].concat());
    let zone = select(vec!["Z", "XXX", "z"]);
    (fields.prop_shuffle(), zone).prop_map(|(fields, zone)| fields.concat() + zone)
}

fn offset() -> impl Strategy<Value = Zone> {
    (-14 * 60..=14 * 60)
        .prop_map(|minutes| Zone::Offset(FixedOffset::east_opt(minutes * 60).unwrap()))
}

fn region() -> impl Strategy<Value = Zone> {
    select(REGIONS.to_vec()).prop_map(|name| name.parse().unwrap())
}

fn millis(years: std::ops::Range<i32>) -> impl Strategy<Value = i64> {
    let start = |year| {
        let day = chrono::NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        day.and_hms_opt(0, 0, 0)
            .unwrap()
            .and_utc()
            .timestamp_millis()
    };
    start(years.start)..start(years.end)
}

/// Formats, parses, and compares up to the pattern's precision.
fn comes_back(pattern: &str, millis: i64, zone: Zone) -> Result<(), TestCaseError> {
    let format: Format = pattern.parse().unwrap();
    let step = format
        .precision()
        .expect("the pattern says the day")
        .num_milliseconds();
    let instant = DateTime::from_timestamp_millis(millis).unwrap();
    let text = format.format(instant, zone);
    let read = format.parse(&text, zone);
    let expected = DateTime::from_timestamp_millis(millis.div_euclid(step) * step).unwrap();
    prop_assert_eq!(read, Ok(expected), "{} in {}: {}", pattern, zone, text);
    Ok(())
}

proptest! {
    #[test]
    fn what_a_pattern_writes_it_reads_in_every_offset(
        pattern in prop_oneof![separated(), touching()], millis in millis(2..9999), zone in offset(),
    ) {
        comes_back(&pattern, millis, zone)?;
    }

    #[test]
    fn what_a_pattern_writes_it_reads_in_a_zone_with_daylight_saving(
        pattern in prop_oneof![separated(), touching()], millis in millis(1973..2037), zone in region(),
    ) {
        comes_back(&pattern, millis, zone)?;
    }

    #[test]
    fn two_digits_of_a_year_come_back_within_their_hundred_years(millis in millis(1950..2050)) {
        comes_back("yy-MM-dd HH:mm:ss.SSS", millis, Zone::UTC)?;
        comes_back("yyMMddHHmmssSSS", millis, Zone::UTC)?;
    }

    #[test]
    fn epoch_numbers_come_back_as_text_and_as_json(millis in millis(1..9999)) {
        comes_back("milliseconds", millis, Zone::UTC)?;
        comes_back("seconds", millis, Zone::UTC)?;
        let read = Format::Milliseconds.parse_json(&millis.into(), Zone::UTC);
        prop_assert_eq!(read.unwrap().timestamp_millis(), millis);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in ".*") {
        let _zone = text.parse::<Zone>();
        let _template = text.parse::<Template>();
        let _query = text.parse::<HubQuery>();
        let _where = text.parse::<Where>();
        for form in ["seconds", "milliseconds", "yyyyMMddHHmmssSSSX", "EEE, d MMM y G hh:mm a zzzz"] {
            let _read = form.parse::<Format>().unwrap().parse(&text, Zone::UTC);
        }
    }

    #[test]
    fn no_pattern_panics_whatever_it_reads_and_writes(
        pattern in "[GyMLdDEuaHkKhmsSzZX' :.\u{e9}-]{1,24}",
        text in "[0-9 :.+\\-a-zA-Z\u{e9}]{0,40}",
        millis in -8_334_601_228_800_000_i64..=8_210_266_876_799_999,
        zone in prop_oneof![offset(), region()],
    ) {
        if let Ok(format) = pattern.parse::<Format>() {
            let written = format.format(DateTime::from_timestamp_millis(millis).unwrap(), zone);
            let _read = (format.parse(&text, zone), format.parse(&written, zone));
        }
    }

    #[test]
    fn no_template_or_hub_path_panics(
        template in "[a-zA-Z$]{0,6}\\$\\{(date|gmtDate|dateTimeZone|epoch)?[:a-zA-Z+0-9\u{e9}]{0,16}\\}?.{0,8}",
        path in "/hubs/crm/[a-z%\u{e9}]{0,8}\\??[a-zA-Z=&'% 0-9_\u{e9}-]{0,40}",
    ) {
        if let Ok(parsed) = template.parse::<Template>() {
            prop_assert_eq!(parsed.to_string(), template);
            let _text = parsed.render(DateTime::UNIX_EPOCH, Zone::UTC);
        }
        let _query = path.parse::<HubQuery>();
    }

    #[test]
    fn a_pattern_displays_as_it_was_written(pattern in "[yMdHms' :.-]{1,24}") {
        if let Ok(parsed) = pattern.parse::<Pattern>() {
            prop_assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn the_time_in_a_rendered_url_is_the_start_of_the_window(
        millis in millis(1971..2100),
        variable in select(vec!["gmtDate:yyyy-MM-dd HH:mm:ss", "gmtDate:yyyy-MM-dd'T'HH:mm:ss'Z'", "date:yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "dateTimeZone:Asia/Kolkata:yyyy-MM-dd'T'HH:mm:ssZ", "epoch:ms", "date"]),
        zone in region(),
    ) {
        let url = format!("/hubs/crm/contacts?where=updated_after_utc = '${{{variable}}}' ");
        let start: DateTime<Utc> = DateTime::from_timestamp_millis(millis).unwrap();
        let rendered = url.parse::<Template>().unwrap().render(start, zone);
        let query: HubQuery = rendered.parse().unwrap();
        let off = start - query.updated_after.unwrap();
        prop_assert!(off >= TimeDelta::zero() && off < TimeDelta::seconds(1), "{} {}", rendered, off);
        let encoded: String = rendered.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'/' | b'?' | b'=' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        }).collect();
        prop_assert_eq!(encoded.parse(), Ok(query));
    }
}
