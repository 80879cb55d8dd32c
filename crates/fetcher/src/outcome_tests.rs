//! What follows from each kind of stop.

use super::*;
use crate::testing::{config, poller};

fn now() -> DateTime<Utc> {
    "2026-11-24T23:00:00Z".parse().unwrap()
}

/// What follows when the dice shows the middle, where nothing is spread.
fn after(refusal: Refusal) -> Setback {
    setback(
        &Stop::Refused(refusal),
        &poller(15, now()),
        &config(),
        (now(), 0.5),
    )
}

fn day_spent(retry_after: Option<u64>) -> Refusal {
    Refusal::RateLimited {
        retry_after: retry_after.map(Duration::from_secs),
        day_spent: true,
    }
}

#[test]
fn a_spent_day_waits_for_the_next_one_whatever_is_asked() {
    for asked in [None, Some(1)] {
        let setback = after(day_spent(asked));

        assert_eq!(setback.hold_account, Some(Duration::from_secs(3600)));
        assert!(setback.day_spent);
        assert_eq!(setback.waiting, Some(Waiting::Budget));
    }
    let long = after(day_spent(Some(10_000))).hold_account;
    assert_eq!(long, Some(Duration::from_secs(10_000)));
}

#[test]
fn the_polls_of_a_new_day_are_spread_over_an_interval() {
    let stop = Stop::OutOfBudget {
        until: "2026-11-25T00:00:00Z".parse().unwrap(),
    };
    let pause = |dice| setback(&stop, &poller(10, now()), &config(), (now(), dice)).pause;

    assert_eq!(pause(0.0), Duration::from_secs(3600));
    assert_eq!(pause(1.0), Duration::from_secs(4200));
}

#[test]
fn the_day_turns_when_it_is_said_to() {
    let rest = |hours: u64| rest_of_day(now(), Duration::from_secs(hours * 3600)).as_secs() / 3600;

    assert_eq!([rest(0), rest(8), rest(23), rest(22)], [1, 9, 24, 23]);
}

#[test]
fn a_burst_waits_as_long_as_insightly_asks_and_is_no_failure() {
    let setback = after(Refusal::RateLimited {
        retry_after: Some(Duration::from_secs(7)),
        day_spent: false,
    });

    assert_eq!(setback.hold_account, Some(Duration::from_secs(7)));
    assert_eq!(setback.waiting, Some(Waiting::Rate));
}

#[test]
fn a_refused_key_is_tried_again_rarely() {
    let setback = after(Refusal::Unauthorized {
        message: String::new(),
    });

    assert!(setback.key_refused());
    assert_eq!(setback.pause, config().refused_retry);
}

#[test]
fn failures_in_a_row_wait_longer_up_to_the_maximum() {
    let pauses = [0, 1, 2, 30].map(|failures| {
        let refusal = Refusal::Unexpected {
            what: "HTML".to_owned(),
        };
        let poller = Poller {
            failures,
            ..poller(15, now())
        };
        let stop = Stop::Refused(refusal);
        setback(&stop, &poller, &config(), (now(), 0.5))
            .pause
            .as_secs()
    });

    assert_eq!(pauses, [5, 10, 20, 600]);
}

#[test]
fn those_that_failed_together_do_not_come_back_together() {
    let pause = |dice| {
        let stop = Stop::Shifting;
        setback(&stop, &poller(15, now()), &config(), (now(), dice)).pause
    };

    assert_eq!(pause(0.0), Duration::from_millis(4500));
    assert_eq!(pause(1.0), Duration::from_millis(5500));
}

#[test]
fn an_object_that_is_not_allowed_is_skipped_and_does_not_trouble_the_account() {
    let refusals = [
        Refusal::Forbidden {
            message: "not for you".to_owned(),
        },
        Refusal::NotAllowed {
            message: "no".to_owned(),
        },
        Refusal::NotFound {
            message: "no".to_owned(),
        },
    ];
    for refusal in refusals {
        let text = refusal.to_string();
        let setback = after(refusal);

        assert_eq!(setback.waiting, Some(Waiting::Skipped));
        assert_eq!(
            (setback.pause, setback.hold_account),
            (config().forbidden_retry, None)
        );
        let stop = Stop::Unusable(text);
        let Progress::Postponed { error, .. } = setback.progress(&stop, now()) else {
            panic!("a skipped object is no failed poll");
        };
        assert!(error.starts_with("skipped: "), "{error}");
    }
}

#[test]
fn an_api_that_moved_is_asked_rarely() {
    let setback = after(Refusal::Moved { to: None });

    assert_eq!(setback.pause, config().retry_max);
}
