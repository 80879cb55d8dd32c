//! What to do about what is wrong. Pure: texts in, texts out.

use chrono::TimeDelta;

/// Clocks further apart than this are named.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(1);

/// A disk with less than this share of its room left is named, ...
const ROOM_SHARE: f64 = 0.05;

/// ... and so is one with less than this, in bytes.
const ROOM_LEAST: u64 = 200 << 20;

/// What to do about a component of the process that is not ready for this reason.
pub(super) fn of_component(name: &str, why: &str) -> Option<&'static str> {
    match name {
        "broker" if why.contains("blocks publishing") => Some(
            "RabbitMQ's alarm is on (`rabbitmqctl list_alarms`): give it memory or disk, or see which queue is long. \
             Nothing is lost; what is stored is published when the alarm ends",
        ),
        "broker" => Some(
            "see whether RabbitMQ runs, and whether broker.url and its password are right. Nothing is lost; the process \
             connects again by itself",
        ),
        "store" => Some(
            "see whether the database runs, has room on its disk and a free connection, and whether store.url is right. \
             The process goes on by itself",
        ),
        _ => None,
    }
}

/// What to do about the last error of a poller.
pub(super) fn of_poll(error: &str) -> Option<&'static str> {
    let advice = [
        (
            "requests are used up",
            "wait until the day turns, lengthen event.poller.refresh_interval, or get a larger plan",
        ),
        (
            "limits the rate",
            "Insightly answers 429: other clients use the same account, or clocks disagree; lower \
             fetcher.requests_per_second",
        ),
        (
            "refuses the API key",
            "give it a new one with PATCH /instances/{id}, configuration.password",
        ),
        (
            "not readable",
            "Insightly may be under maintenance: see its status page. Polls go on by themselves",
        ),
        (
            "host's name is not known",
            "compare base.url with the API address that Insightly's User Settings show",
        ),
        (
            "cannot be reached or is failing",
            "Insightly is down or cannot be reached from here: see its status page, then DNS, proxy and firewall. Polls go \
             on by themselves",
        ),
    ];
    let mut advice = advice.into_iter();
    advice
        .find(|(text, _)| error.contains(text))
        .map(|(_, advice)| advice)
}

/// What is wrong with a clock that is so far ahead of ours (or, negative, behind).
pub(super) fn of_clock(ahead: TimeDelta) -> Option<String> {
    if ahead.abs() <= CLOCKS_APART {
        return None;
    }
    let side = if ahead > TimeDelta::zero() {
        "behind"
    } else {
        "ahead of"
    };
    Some(format!(
        "this machine's clock is {} s {side} it: let NTP set both. Due times and the rate of requests go by our clocks",
        ahead.num_seconds().abs()
    ))
}

/// What is wrong with a disk that has so many bytes left, of so many.
pub(super) fn of_room(free: u64, total: u64) -> Option<String> {
    if free >= ROOM_LEAST && free as f64 >= total as f64 * ROOM_SHARE {
        return None;
    }
    Some(format!(
        "the disk is nearly full, {} MiB are left: make room, or keep events for a shorter time (retention.events). While it \
         is full nothing is stored and polls fail; nothing is lost",
        free >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_broker_and_one_that_is_away_are_told_apart() {
        let blocked = "the broker blocks publishing: its memory or disk alarm is on";

        let blocked = of_component("broker", blocked).unwrap();
        let away = of_component("broker", "connecting: refused").unwrap();

        assert!(blocked.contains("list_alarms") && !away.contains("list_alarms"));
        assert!(of_component("store", "away").unwrap().contains("store.url"));
        assert_eq!(of_component("process", "starting"), None);
    }

    #[test]
    fn what_insightly_does_is_told_apart() {
        for (error, word) in [
            (
                "insightly limits the rate of requests: the day's requests are used up",
                "day turns",
            ),
            ("insightly limits the rate of requests", "429"),
            ("insightly refuses the API key: denied", "password"),
            (
                "insightly's answer is not readable: an empty body",
                "maintenance",
            ),
            (
                "insightly cannot be reached or is failing: it answered 503",
                "down",
            ),
        ] {
            let advice = of_poll(error).unwrap_or_default();
            assert!(advice.contains(word), "{error}: {advice}");
        }
        assert_eq!(of_poll("something else"), None);
    }

    #[test]
    fn clocks_more_than_a_minute_apart_are_named_with_their_side() {
        assert_eq!(of_clock(TimeDelta::seconds(60)), None);
        assert_eq!(of_clock(TimeDelta::seconds(-60)), None);
        let behind = of_clock(TimeDelta::seconds(90)).unwrap();
        let ahead = of_clock(TimeDelta::seconds(-90)).unwrap();
        assert!(behind.contains("90 s behind") && ahead.contains("90 s ahead"));
    }

    #[test]
    fn a_disk_is_nearly_full_by_its_share_or_by_its_bytes() {
        let gib = 1 << 30;
        assert_eq!(of_room(10 * gib, 100 * gib), None);
        assert!(of_room(4 * gib, 100 * gib).is_some());
        assert!(of_room(gib / 10, gib).is_some());
    }
}
