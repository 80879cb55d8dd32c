//! The world without HTTP: paging, time, late writes.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use ie_simulator::{Change, Fault, Kind, Order, Query, Rule, Seed, Settings, Stream, World};
use proptest::prelude::*;

use crate::rig::noon;

fn world(order: Order, contacts: usize) -> World {
    let settings = Settings {
        order,
        ..Settings::empty().with_records("Contacts", contacts)
    };
    World::new(settings, noon()).unwrap()
}

fn query(skip: usize, top: usize) -> Query {
    Query {
        skip,
        top: Some(top),
        count_total: true,
        ..Query::default()
    }
}

fn ids(world: &mut World, query: &Query, now: chrono::DateTime<Utc>) -> Vec<i64> {
    let page = world.search(None, "Contacts", query, now).unwrap();
    page.records.iter().map(ie_simulator::Record::id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_walk_of_pages_without_writes_yields_each_record_once(
        contacts in 0..1_200_usize,
        deleted in prop::collection::vec(0..1_200_i64, 0..60),
        top in 1..600_usize,
        order in prop::sample::select(vec![Order::Id, Order::Updated, Order::Shuffled]),
        window in prop::option::of(0..730_i64),
    ) {
        let mut world = world(order, contacts);
        let first = world.state(None, Some("Contacts")).unwrap().first().and_then(|entry| entry.id.as_i64());
        for place in deleted {
            // Beyond the last contact, or deleted twice: nothing to do.
            drop(world.change(&Change::delete("Contacts", first.unwrap_or(0) + place), noon()));
        }
        let after = window.map(|days| noon() - TimeDelta::days(days));
        let state = world.state(None, Some("Contacts")).unwrap();
        let expected: HashSet<i64> = state
            .iter()
            .filter(|entry| entry.kind != Kind::Deleted && after.is_none_or(|after| entry.updated >= after))
            .map(|entry| entry.id.as_i64().unwrap())
            .collect();

        let mut walked = Vec::new();
        loop {
            let query = Query { updated_after: after, ..query(walked.len(), top) };
            let page = world.search(None, "Contacts", &query, noon()).unwrap();
            prop_assert_eq!(page.total, Some(expected.len()));
            prop_assert!(page.records.len() <= top.min(500));
            if page.records.is_empty() {
                break;
            }
            walked.extend(page.records.iter().map(ie_simulator::Record::id));
        }

        prop_assert_eq!(walked.len(), expected.len());
        prop_assert_eq!(walked.into_iter().collect::<HashSet<_>>(), expected);
    }
}

#[test]
fn large_and_small_windows_find_the_same_as_a_scan() {
    let mut world = world(Order::Id, 30_000);
    let state = world.state(None, Some("Contacts")).unwrap();

    for days in [1, 10, 100, 400, 800] {
        let after = noon() - TimeDelta::days(days);
        let expected: Vec<i64> = state
            .iter()
            .filter(|entry| entry.updated >= after)
            .map(|entry| entry.id.as_i64().unwrap())
            .collect();
        let query = Query {
            updated_after: Some(after),
            ..query(3, 500)
        };

        let page = world.search(None, "Contacts", &query, noon()).unwrap();

        assert_eq!(page.total, Some(expected.len()), "{days}");
        let found: Vec<i64> = page.records.iter().map(ie_simulator::Record::id).collect();
        assert_eq!(
            found,
            expected
                .iter()
                .copied()
                .skip(3)
                .take(500)
                .collect::<Vec<_>>(),
            "{days}"
        );
    }
}

#[test]
fn a_late_version_does_not_come_back_over_a_newer_one() {
    let mut world = world(Order::Id, 1);
    let id = ids(&mut world, &query(0, 1), noon())[0];
    let late = Fault::LateWrites {
        min_ms: 5_000,
        max_ms: 5_000,
    };
    world.misbehave(Rule::always(late).times(1));
    let at = |seconds| noon() + TimeDelta::seconds(seconds);

    world
        .change(&Change::update("Contacts", id), at(0))
        .unwrap();
    assert_eq!(
        world
            .get(None, "Contacts", &id.to_string(), at(1))
            .unwrap()
            .revision(),
        1
    );
    world
        .change(&Change::update("Contacts", id), at(2))
        .unwrap();

    for second in [2, 4, 5, 60] {
        assert_eq!(
            world
                .get(None, "Contacts", &id.to_string(), at(second))
                .unwrap()
                .revision(),
            3
        );
    }
    let never: Vec<u32> = world
        .ledger(None, Some("Contacts"))
        .unwrap()
        .iter()
        .filter(|entry| entry.first_served_at.is_none())
        .map(|entry| entry.revision)
        .collect();
    assert_eq!(never, [2]);
}

#[test]
fn a_late_creation_and_a_late_deletion_are_seen_late() {
    let mut world = world(Order::Id, 1);
    let first = ids(&mut world, &query(0, 9), noon());
    let late = Fault::LateWrites {
        min_ms: 2_000,
        max_ms: 2_000,
    };
    world.misbehave(Rule::always(late));
    let at = |millis| noon() + TimeDelta::milliseconds(millis);

    let created = world.change(&Change::create("Contacts"), at(0)).unwrap();
    world
        .change(&Change::delete("Contacts", first[0]), at(1_000))
        .unwrap();

    assert_eq!(ids(&mut world, &query(0, 9), at(1_999)), first);
    let both = [first[0], created.id.as_i64().unwrap()];
    assert_eq!(ids(&mut world, &query(0, 9), at(2_000)), both);
    assert_eq!(ids(&mut world, &query(0, 9), at(3_000)), both[1..]);
    let search = Query {
        updated_after: Some(at(0)),
        ..query(0, 9)
    };
    assert_eq!(ids(&mut world, &search, at(3_000)), both[1..]);
}

#[test]
fn two_changes_in_one_second_leave_one_version_to_see() {
    let mut world = world(Order::Id, 1);
    let id = ids(&mut world, &query(0, 1), noon())[0];

    let first = world
        .change(&Change::update("Contacts", id), noon())
        .unwrap();
    let second = world
        .change(
            &Change::update("Contacts", id),
            noon() + TimeDelta::milliseconds(700),
        )
        .unwrap();

    assert_eq!(first.updated, second.updated);
    assert_ne!(first.digest, second.digest);
    assert_eq!(
        world
            .get(
                None,
                "Contacts",
                &id.to_string(),
                noon() + TimeDelta::seconds(1)
            )
            .unwrap()
            .revision(),
        3
    );
}

#[test]
fn streams_advance_with_the_time_they_are_given() {
    let mut world = world(Order::Id, 10);
    world.start_stream(Stream::at_rate(4.0).up_to(10)).unwrap();

    let steps: Vec<u64> = (0..6)
        .map(|second| {
            world
                .advance(
                    Duration::from_millis(500),
                    noon() + TimeDelta::seconds(second),
                )
                .unwrap()
        })
        .collect();

    assert_eq!(steps, [2, 2, 2, 2, 2, 0]);
    assert!(world.streams()[0].done);
}

#[test]
fn the_same_orders_write_the_same_ledger() {
    let run = || {
        let mut world = world(Order::Id, 50);
        world
            .start_stream(Stream::at_rate(100.0).mixed(1.0, 4.0, 1.0))
            .unwrap();
        for second in 0..5 {
            world
                .advance(Duration::from_secs(1), noon() + TimeDelta::seconds(second))
                .unwrap();
        }
        world.ledger(None, None).unwrap()
    };

    assert_eq!(run(), run());
}

#[test]
fn seeded_records_lie_within_the_time_asked_for() {
    let mut world = world(Order::Id, 0);
    let (from, to) = (
        noon() - TimeDelta::minutes(10),
        noon() - TimeDelta::minutes(5),
    );

    let seeded = world
        .seed(&Seed::of("Contacts", 40).between(from, to), noon())
        .unwrap();

    let ledger = world.ledger(None, Some("Contacts")).unwrap();
    assert_eq!(ledger.len(), 40);
    assert_eq!(ledger[39].id, seeded.last_id);
    assert!(
        ledger
            .iter()
            .all(|entry| (from..=to).contains(&entry.updated))
    );
    assert!(
        world
            .seed(&Seed::of("Contacts", 1).between(to, from), noon())
            .is_err()
    );
}
