//! Small parts of pages: times, states, tables that scroll, empty places.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use ie_model::NotificationStatus;
use maud::{Markup, html};

/// A point in time: UTC here, the viewer's zone once the script has seen it.
pub(super) fn time(at: DateTime<Utc>) -> Markup {
    let text = at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time.nowrap datetime=(iso(at)) title=(text) { (text) } }
}

/// The same as the distance from now, which the script keeps true.
pub(super) fn relative(at: DateTime<Utc>) -> Markup {
    let text = at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time.nowrap datetime=(iso(at)) title=(text) data-relative { (text) } }
}

/// A time that may not have come yet.
pub(super) fn time_or(at: Option<DateTime<Utc>>, otherwise: &str) -> Markup {
    match at {
        Some(at) => relative(at),
        None => html! { span.muted { (otherwise) } },
    }
}

fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// How something is: what it is called, and which colour goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) name: &'static str,
    pub(super) tone: &'static str,
}

impl State {
    pub(super) const fn new(name: &'static str, tone: &'static str) -> Self {
        Self { name, tone }
    }
}

/// A state as a word with a dot.
pub(super) fn badge(state: State) -> Markup {
    html! { span.badge.(state.tone) { (state.name) } }
}

/// Where a notification stands, in plain words.
pub(super) fn standing(status: NotificationStatus) -> State {
    match status {
        NotificationStatus::New => State::new("New", "busy"),
        NotificationStatus::Received => State::new("Queued", "busy"),
        NotificationStatus::Dispatched => State::new("Retrying", "warn"),
        NotificationStatus::Consumed => State::new("Consumed", "good"),
        NotificationStatus::Notified => State::new("Delivered", "good"),
        NotificationStatus::Failed => State::new("Failed", "bad"),
        NotificationStatus::Discarded => State::new("Discarded", "off"),
    }
}

/// A whole number with thin spaces between thousands.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number with its unit, of which there may be one.
pub(super) fn count(value: u64, unit: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", number(value))
}

/// How long something takes, in the unit that suits it.
pub(super) fn milliseconds(ms: u64) -> String {
    match TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX)) {
        short if short < TimeDelta::seconds(1) => format!("{ms} ms"),
        long => format!("{:.1} s", long.as_seconds_f64()),
    }
}

/// A table that scrolls by itself where the screen is narrow.
pub(super) fn scroll(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// A place with nothing in it, and what to do about that.
pub(super) fn empty(title: &str, text: &Markup) -> Markup {
    html! { div.empty { h2 { (title) } p { (text) } } }
}

/// A secret that is told this once, with a button that copies it.
pub(super) fn copied(id: &str, label: &str, value: &str, hint: &str) -> Markup {
    html! {
        div.secret {
            strong #{ (id) "-label" } { (label) }
            div.copy {
                output id=(id) aria-labelledby={ (id) "-label" } { (value) }
                button type="button" data-copy=(id) aria-label={ "Copy " (label) } { "Copy" }
            }
            span.muted.small { (hint) }
        }
    }
}

/// A number under its name.
pub(super) fn tile(label: &str, value: &Markup, under: &str) -> Markup {
    html! {
        div.card.tile {
            span.label { (label) }
            span.value { (value) }
            @if !under.is_empty() { span.muted.small { (under) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_groups_of_three() {
        assert_eq!(number(7), "7");
        assert_eq!(number(123), "123");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(1, "request"), "1 request");
        assert_eq!(count(0, "request"), "0 requests");
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(milliseconds(12), "12 ms");
        assert_eq!(milliseconds(1500), "1.5 s");
    }

    #[test]
    fn a_time_says_which_zone_it_is_in() {
        let at = "2026-11-24T10:00:00Z".parse().unwrap();
        let html = time(at).into_string();

        assert!(
            html.contains("datetime=\"2026-11-24T10:00:00.000Z\""),
            "{html}"
        );
        assert!(html.contains(">2026-11-24 10:00:00 UTC<"), "{html}");
    }
}
