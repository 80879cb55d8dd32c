//! Which walk is due, and what becomes of one that does not end.

use std::time::Duration;

use rstest::rstest;

use super::*;
use crate::testing::{config, settings};

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

/// Sweeps an hour apart, and a snapshot or none.
fn wanted(initial: Initial, deletes_interval: u32) -> Settings {
    Settings {
        initial,
        deletes_interval,
        ..settings()
    }
}

fn swept(finished: i64, due: i64) -> Walk {
    Walk {
        due_at: Some(at(due)),
        finished_at: Some(at(finished)),
        ..Walk::new(WalkKind::Sweep, at(0))
    }
}

fn kind_due(walks: &[Walk], settings: &Settings, minute: i64) -> Option<WalkKind> {
    due(walks, settings, at(minute)).map(|walk| walk.kind)
}

#[test]
fn nothing_goes_on_beside_unless_it_is_asked_for() {
    let nothing = wanted(Initial::None, 0);

    assert!(!is_wanted(&nothing));
    assert_eq!(kind_due(&[], &nothing, 0), None);
    let begun = [Walk::new(WalkKind::Snapshot, at(0)), swept(0, 0)];
    assert_eq!(kind_due(&begun, &nothing, 90), None);
}

#[test]
fn a_sweep_waits_for_the_end_of_the_snapshot() {
    let both = wanted(Initial::Snapshot, 60);
    let snapshot = Walk::new(WalkKind::Snapshot, at(5));

    assert_eq!(kind_due(&[], &both, 0), Some(WalkKind::Snapshot));
    assert_eq!(kind_due(std::slice::from_ref(&snapshot), &both, 4), None);
    assert_eq!(
        kind_due(std::slice::from_ref(&snapshot), &both, 5),
        Some(WalkKind::Snapshot)
    );
    let complete = Walk {
        due_at: None,
        ..snapshot
    };
    assert_eq!(kind_due(&[complete], &both, 6), Some(WalkKind::Sweep));
}

#[rstest]
#[case::not_yet(60, 59, false)]
#[case::at_its_interval(60, 60, true)]
#[case::at_an_interval_that_became_shorter(30, 30, true)]
#[case::not_yet_at_a_shorter_one(30, 29, false)]
fn a_sweep_is_due_an_interval_after_the_last(
    #[case] interval: u32,
    #[case] minute: i64,
    #[case] expected: bool,
) {
    let settings = wanted(Initial::None, interval);

    let due = kind_due(&[swept(0, 60)], &settings, minute);

    assert_eq!(due, expected.then_some(WalkKind::Sweep));
}

#[test]
fn a_sweep_under_way_goes_on_when_it_may_though_the_last_was_long_ago() {
    let under_way = Walk {
        state: Some("{}".to_owned()),
        ..swept(0, 200)
    };

    let settings = wanted(Initial::None, 60);

    assert_eq!(
        kind_due(std::slice::from_ref(&under_way), &settings, 199),
        None
    );
    assert!(kind_due(&[under_way], &settings, 200).is_some());
}

fn settle(halt: Halt, kind: WalkKind) -> After {
    let settings = wanted(Initial::None, 60);
    after(halt, kind, (&settings, &config()), at(0)).unwrap()
}

fn refused(refusal: Refusal) -> Halt {
    Halt::from(Stop::from(refusal))
}

#[rstest]
#[case(Halt::Later(at(3)), 3)]
#[case(Halt::from(Stop::OutOfBudget { until: at(900) }), 900)]
#[case(Halt::from(Stop::NotYet { until: at(2) }), 2)]
#[case(refused(Refusal::RateLimited { retry_after: Some(Duration::from_secs(300)), day_spent: false }), 5)]
#[case(refused(Refusal::RateLimited { retry_after: None, day_spent: true }), 1)]
fn a_walk_that_waits_for_requests_goes_on_where_it_is(#[case] halt: Halt, #[case] minute: i64) {
    let expected = After {
        due_at: at(minute),
        error: None,
        is_urgent: true,
        begins_again: false,
    };

    assert_eq!(settle(halt, WalkKind::Sweep), expected);
}

#[test]
fn trouble_ends_a_sweep_and_another_begins_later() {
    let forbidden = Refusal::Forbidden {
        message: String::new(),
    };

    let doubt = settle(Halt::Doubt("why".to_owned()), WalkKind::Sweep);
    let forbidden = settle(refused(forbidden), WalkKind::Sweep);

    assert_eq!((doubt.due_at, doubt.is_urgent), (at(10), false));
    assert_eq!(doubt.error.as_deref(), Some("why"));
    assert!(doubt.begins_again && forbidden.begins_again);
    assert_eq!(forbidden.due_at, at(60), "no later than by its interval");
}

#[test]
fn trouble_leaves_a_snapshot_where_it_is() {
    let failing = Refusal::Unavailable {
        reason: "503".to_owned(),
        retry_after: None,
        source: None,
    };

    let failing = settle(refused(failing), WalkKind::Snapshot);

    assert!(!failing.begins_again && !failing.is_urgent);
    assert!(failing.error.unwrap().contains("503"));
    assert_eq!(failing.due_at, at(0) + TimeDelta::seconds(5));
}

#[test]
fn a_state_that_fails_stores_nothing() {
    let halt = Halt::from(ie_store::Error::Fenced);
    let settings = wanted(Initial::None, 60);

    let after = after(halt, WalkKind::Sweep, (&settings, &config()), at(0));

    assert!(matches!(after, Err(Stop::Store(ie_store::Error::Fenced))));
}

#[test]
fn a_full_quarantine_is_said_and_not_repeated_at_once() {
    let halt = Halt::from(ie_store::Error::QuarantineFull { limit: 7 });

    let after = settle(halt, WalkKind::Snapshot);

    assert!(after.error.is_some());
    assert!(!after.is_urgent);
}
