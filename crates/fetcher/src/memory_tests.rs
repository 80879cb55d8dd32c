//! Tests of what a poll may forget.

use ie_model::DateField;
use rstest::rstest;

use super::*;
use crate::testing::{poller, settings};

fn contacts() -> ResourceConfig {
    let config = poller(15, DateTime::UNIX_EPOCH).config;
    ResourceConfig {
        created: Some(DateField {
            path: "DATE_CREATED_UTC".to_owned(),
            ..config.updated.clone()
        }),
        ..config
    }
}

#[test]
fn without_deletions_and_changes_old_versions_are_of_no_use() {
    assert!(is_prunable("Contacts", &contacts(), &settings()));
    let without_created = ResourceConfig {
        created: None,
        ..contacts()
    };
    assert!(is_prunable("Contacts", &without_created, &settings()));
    assert!(is_prunable("Site__c", &contacts(), &settings()));
}

#[rstest]
#[case::deletions(|s: &mut Settings| s.deletes_interval = 60)]
#[case::changes(|s: &mut Settings| s.changes = true)]
#[case::skipping(|s: &mut Settings| s.skip_unchanged = true)]
fn what_compares_with_former_versions_keeps_them(#[case] ask: fn(&mut Settings)) {
    let mut settings = settings();
    ask(&mut settings);

    assert!(!is_prunable("Contacts", &contacts(), &settings));
}

#[rstest]
#[case::no_filter(|c: &mut ResourceConfig| c.filter_by_updated_date = false)]
#[case::another_updated_date(|c: &mut ResourceConfig| c.updated.path = "LAST_ACTIVITY_DATE_UTC".to_owned())]
#[case::another_created_date(|c: &mut ResourceConfig| {
    c.created.as_mut().unwrap().path = "NEXT_ACTIVITY_DATE_UTC".to_owned();
})]
fn a_configuration_that_promises_nothing_keeps_versions(#[case] change: fn(&mut ResourceConfig)) {
    let mut config = contacts();
    change(&mut config);

    assert!(!is_prunable("Contacts", &config, &settings()));
}

#[test]
fn an_object_without_the_date_keeps_versions() {
    assert!(!is_prunable("Emails", &contacts(), &settings()));
}

#[test]
fn the_horizon_is_days_before_the_window() {
    let cursor: DateTime<Utc> = "2026-11-24T10:00:00Z".parse().unwrap();
    let mut poller = poller(15, cursor);
    poller.config.poll_delay = 60;

    let horizon = horizon(cursor, &poller, &settings());

    assert_eq!(
        horizon,
        "2026-11-21T09:57:00Z".parse::<DateTime<Utc>>().unwrap()
    );
}

/// Whatever the owner changes of the window and of what counts as created, no window reaches what was forgotten, and
/// nothing that was forgotten is created again.
#[test]
fn the_margin_covers_what_may_still_change() {
    let (overlap, delay, tolerance) = (TimeDelta::hours(1), TimeDelta::days(1), TimeDelta::days(1));

    assert!(MARGIN > overlap + delay + tolerance);
}
