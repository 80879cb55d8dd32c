//! When failed attempts are repeated, how often the callback is called, and where operational notices go.

use std::time::Duration;

use humantime_serde::re::humantime::{format_duration, parse_duration};
use ie_model::{CallRate, RetrySchedule};
use serde_json::Value;

use super::super::Rules;
use super::super::address::called_address;
use super::super::problem::shown;
use super::super::reader::Reader;

pub(super) const SCHEDULE: &str = "event.notification.retry.schedule";
pub(super) const RATE: &str = "event.notification.rate";
pub(super) const OPERATIONAL_URL: &str = "event.operational.url";

/// More retries than anybody waits for.
const MAX_RETRIES: usize = 50;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Delays as a list or as one text with commas; `held` is what the queue can hold a message for.
pub(super) fn schedule(reader: &mut Reader<'_>, held: Duration) -> Option<RetrySchedule> {
    let value = reader.given(SCHEDULE)?;
    let longest = LONGEST.min(held);
    match delays(value).and_then(|delays| within(delays, longest)) {
        Ok(delays) => Some(RetrySchedule(delays)),
        Err(problem) => {
            reader.refuse(SCHEDULE, problem);
            None
        }
    }
}

fn delays(value: &Value) -> Result<Vec<Duration>, String> {
    let expected = "expected delays such as [\"5s\", \"2m\", \"1h\"] or \"5s, 2m, 1h\"";
    let texts: Vec<&str> = match value {
        Value::String(text) => text.split(',').collect(),
        Value::Array(list) => list
            .iter()
            .map(|entry| match entry {
                Value::String(text) => Ok(text.as_str()),
                other => Err(format!("{expected}, got {} in it", shown(other))),
            })
            .collect::<Result<_, _>>()?,
        other => return Err(format!("{expected}, got {}", shown(other))),
    };
    let parse = |text: &str| {
        let got = shown(&Value::from(text.trim()));
        parse_duration(text.trim()).map_err(|error| format!("{expected}, got {got}: {error}"))
    };
    texts.into_iter().map(parse).collect()
}

fn within(delays: Vec<Duration>, longest: Duration) -> Result<Vec<Duration>, String> {
    if delays.is_empty() || delays.len() > MAX_RETRIES {
        let count = delays.len();
        return Err(format!("expected 1 to {MAX_RETRIES} delays, got {count}"));
    }
    let outside = delays
        .iter()
        .find(|delay| !(SHORTEST..=longest).contains(*delay));
    match outside {
        Some(delay) => Err(format!(
            "expected each delay to be from {} to {}, the longest that this service holds a notification for; got {}",
            format_duration(SHORTEST),
            format_duration(longest),
            format_duration(*delay)
        )),
        None => Ok(delays),
    }
}

/// Calls per second, or per second (`5/s`) or minute (`30/m`) by name.
pub(super) fn rate(reader: &mut Reader<'_>) -> Option<CallRate> {
    let value = reader.given(RATE)?;
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    let (count, period) = match text.split_once('/') {
        None => (text.as_str(), 1),
        Some((count, unit)) => match unit.trim() {
            "s" => (count, 1),
            "m" => (count, 60),
            _ => ("", 1),
        },
    };
    let count = count.trim().parse().ok();
    let rate = count.and_then(|count| CallRate::new(count, Duration::from_secs(period)));
    if rate.is_none() {
        let got = shown(value);
        reader.refuse(
            RATE,
            format!(
                "expected notifications per second such as 5, \"0.5\", \"5/s\" or \"30/m\", from one in an hour to a million per second, got {got}"
            ),
        );
    }
    rate
}

/// An address like the callback's.
pub(super) fn operational_url(reader: &mut Reader<'_>, rules: &Rules) -> Option<String> {
    let text = reader.text(OPERATIONAL_URL, "an http or https address")?;
    match called_address(text, rules) {
        Ok(()) => Some(text.to_owned()),
        Err(problem) => {
            reader.refuse(OPERATIONAL_URL, problem);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::super::test_bodies::{draft, refusal, with};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[rstest]
    #[case(json!(["5s", "2m", "1h 30m"]))]
    #[case(json!("5s,2m, 90m"))]
    fn a_schedule_is_read_in_both_spellings(#[case] value: Value) {
        let draft = draft(&with(json!({ SCHEDULE: value })));

        let expected = RetrySchedule(vec![5 * SECOND, 120 * SECOND, 5400 * SECOND]);
        assert_eq!(draft.settings.delivery.retry_schedule, Some(expected));
        assert_eq!(draft.warnings, Vec::<String>::new());
    }

    #[rstest]
    #[case(json!([]), "expected 1 to 50 delays, got 0")]
    #[case(json!(vec!["1s"; 51]), "expected 1 to 50 delays, got 51")]
    #[case(json!(["5s", 7]), "got 7 in it")]
    #[case(json!("5s, soon"), "got \"soon\"")]
    #[case(json!("5"), "time unit needed")]
    #[case(json!(true), "got true")]
    #[case(json!("500ms"), "expected each delay to be from 1s to 1day")]
    #[case(json!("25h"), "got 1day 1h")]
    fn a_wrong_schedule_is_refused_with_what_was_expected(
        #[case] value: Value,
        #[case] expected: &str,
    ) {
        let problem = refusal(&with(json!({ SCHEDULE: value })));

        assert!(problem.contains(SCHEDULE), "{problem}");
        assert!(problem.contains(expected), "{problem}");
    }

    #[rstest]
    #[case(json!(5), 200)]
    #[case(json!("0.5"), 2_000)]
    #[case(json!("10/s"), 100)]
    #[case(json!("30 / m"), 2_000)]
    fn a_rate_is_read_in_every_spelling(#[case] value: Value, #[case] milliseconds: u64) {
        let draft = draft(&with(json!({ RATE: value })));

        let between = draft.settings.delivery.rate.map(CallRate::between);
        assert_eq!(between, Some(Duration::from_millis(milliseconds)));
    }

    #[rstest]
    #[case(json!(0))]
    #[case(json!(-1))]
    #[case(json!("5/h"))]
    #[case(json!("fast"))]
    #[case(json!([5]))]
    fn what_is_no_rate_is_refused(#[case] value: Value) {
        let problem = refusal(&with(json!({ RATE: value })));

        assert!(
            problem.contains("expected notifications per second"),
            "{problem}"
        );
    }

    #[test]
    fn an_address_for_notices_is_one_of_the_web() {
        let draft = draft(&with(
            json!({OPERATIONAL_URL: "https://ops.example.com/ie"}),
        ));
        let problem = refusal(&with(json!({OPERATIONAL_URL: "ops.example.com"})));

        let url = draft.settings.delivery.operational_url;
        assert_eq!(url.as_deref(), Some("https://ops.example.com/ie"));
        assert!(problem.contains("put https:// or http://"), "{problem}");
    }
}
