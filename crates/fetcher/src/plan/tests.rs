//! Tests of what counts as a change.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

/// The sequence of an event at that second.
fn sequence(second: i64) -> i64 {
    at(second).timestamp_millis()
}

fn record(id: u32, created: i64, updated: i64, name: &str) -> Observed {
    let record = json!({"CONTACT_ID": id, "NAME": name, "UPDATED": updated});
    Observed {
        object_id: id.to_string(),
        updated: at(updated),
        created: Some(at(created)),
        digest: ie_insightly::normalize::digest_without(&record, "UPDATED"),
        record: record.into(),
    }
}

fn rules() -> Rules<'static> {
    Rules {
        window_start: at(0),
        baseline: at(0),
        created_tolerance: TimeDelta::seconds(10),
        filter_by_updated_date: true,
        what_changed: None,
        skip_unchanged: false,
    }
}

/// Updates say what they changed.
fn telling() -> Rules<'static> {
    Rules {
        what_changed: Some("UPDATED"),
        ..rules()
    }
}

fn changes_of(
    records: Vec<Observed>,
    known: &HashMap<String, Version>,
    rules: &Rules<'_>,
) -> Vec<Change> {
    plan(records, known, rules).changes
}

fn remember(plan: &Plan, known: &mut HashMap<String, Version>) {
    known.extend(plan.unchanged.iter().cloned());
    for change in &plan.changes {
        let version = Version {
            content: Some(change.observed.record.text().to_owned()),
            ..change.version.clone()
        };
        known.insert(change.observed.object_id.clone(), version);
    }
}

/// What is known after these records.
fn after(records: Vec<Observed>) -> HashMap<String, Version> {
    let mut known = HashMap::new();
    for record in records {
        remember(&plan(vec![record], &known, &rules()), &mut known);
    }
    known
}

#[test]
fn updated_within_the_tolerance_of_created_is_created() {
    let records = vec![record(1, 5, 15, "a"), record(2, 5, 16, "b")];

    let changes = changes_of(records, &HashMap::new(), &rules());

    let types: Vec<_> = changes.iter().map(|change| change.event_type).collect();
    assert_eq!(types, [EventType::Created, EventType::Updated]);
}

#[test]
fn a_known_object_is_never_created_again() {
    let known = after(vec![record(1, 5, 5, "a")]);

    let changes = changes_of(vec![record(1, 5, 6, "b")], &known, &rules());

    assert_eq!(changes[0].event_type, EventType::Updated);
}

#[test]
fn two_writes_within_one_second_are_two_changes() {
    let known = after(vec![record(1, 5, 5, "a")]);

    assert_eq!(
        changes_of(vec![record(1, 5, 5, "b")], &known, &rules()).len(),
        1
    );
}

#[test]
fn the_sequence_is_the_time_and_rises_within_one_second() {
    let mut known = after(vec![record(1, 5, 5, "a")]);
    assert_eq!(known["1"].sequence, sequence(5));

    for (name, updated, expected) in [
        ("b", 5, sequence(5) + 1),
        ("c", 5, sequence(5) + 2),
        ("d", 6, sequence(6)),
    ] {
        let plan = plan(vec![record(1, 5, updated, name)], &known, &rules());
        assert_eq!(plan.changes[0].version.sequence, expected);
        remember(&plan, &mut known);
    }
}

#[test]
fn a_record_older_than_what_was_emitted_is_no_change() {
    let known = after(vec![record(1, 5, 9, "new")]);

    assert!(changes_of(vec![record(1, 5, 8, "old")], &known, &rules()).is_empty());
}

#[test]
fn a_record_from_before_the_instance_is_no_change() {
    let rules = Rules {
        baseline: at(10),
        filter_by_updated_date: false,
        ..rules()
    };
    let records = vec![record(1, 9, 9, "a"), record(2, 10, 10, "b")];

    let changes = changes_of(records, &HashMap::new(), &rules);

    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].observed.object_id, "2");
}

#[test]
fn a_record_from_before_the_window_is_dropped_only_by_the_filter() {
    let strict = Rules {
        window_start: at(10),
        ..rules()
    };
    let lenient = Rules {
        filter_by_updated_date: false,
        ..strict
    };
    let old = || vec![record(1, 9, 9, "a")];

    assert!(changes_of(old(), &HashMap::new(), &strict).is_empty());
    assert_eq!(changes_of(old(), &HashMap::new(), &lenient).len(), 1);
}

#[test]
fn an_update_tells_what_it_changed() {
    let known = after(vec![record(1, 5, 5, "a")]);

    let changes = changes_of(vec![record(1, 5, 60, "b")], &known, &telling());

    let expected = json!({"NAME": {"from": "a", "to": "b"}});
    assert_eq!(changes[0].what, Some(expected));
}

#[test]
fn an_update_that_moved_its_date_alone_changed_nothing_and_is_an_event() {
    let known = after(vec![record(1, 5, 5, "a")]);

    let changes = changes_of(vec![record(1, 5, 60, "a")], &known, &telling());

    assert_eq!(changes[0].what, Some(json!({})));
    assert_eq!(changes[0].event_type, EventType::Updated);
}

#[rstest]
#[case::of_an_object_not_seen_before(None)]
#[case::of_content_that_was_not_kept(Some(None))]
#[case::of_content_that_is_damaged(Some(Some("{".to_owned())))]
fn what_an_update_changed_is_null_where_it_is_not_known(#[case] kept: Option<Option<String>>) {
    let mut known = HashMap::new();
    if let Some(content) = kept {
        let version = after(vec![record(1, 5, 5, "a")]).remove("1").unwrap();
        known.insert("1".to_owned(), Version { content, ..version });
    }

    let changes = changes_of(vec![record(1, 5, 60, "b")], &known, &telling());

    assert_eq!(changes[0].what, Some(Value::Null));
}

#[test]
fn nobody_is_told_what_changed_who_does_not_ask_nor_of_what_was_created() {
    let known = after(vec![record(1, 5, 5, "a")]);

    let updated = changes_of(vec![record(1, 5, 60, "b")], &known, &rules());
    let created = changes_of(vec![record(2, 5, 5, "b")], &known, &telling());

    assert_eq!((&updated[0].what, &created[0].what), (&None, &None));
}

#[rstest]
#[case::the_date_alone("a", 0)]
#[case::a_value("b", 1)]
fn an_update_that_moved_its_date_alone_is_skipped_on_demand_and_remembered(
    #[case] name: &str,
    #[case] events: usize,
) {
    let mut known = after(vec![record(1, 5, 5, "a")]);
    let skipping = Rules {
        skip_unchanged: true,
        ..telling()
    };

    let first = plan(vec![record(1, 5, 60, name)], &known, &skipping);
    assert_eq!(first.changes.len(), events);
    let sequence_before = known["1"].sequence;
    remember(&first, &mut known);

    assert_eq!(known["1"].updated_at, at(60));
    assert_eq!(known["1"].sequence > sequence_before, events == 1);
    // It is not looked at again, and the next update is compared with it.
    let again = plan(vec![record(1, 5, 60, name)], &known, &skipping);
    assert_eq!(again.versions().count(), 0);
    let next = plan(vec![record(1, 5, 90, "z")], &known, &skipping);
    let expected = json!({"NAME": {"from": name, "to": "z"}});
    assert_eq!(next.changes[0].what, Some(expected));
}

#[test]
fn an_object_whose_memory_was_pruned_is_neither_created_again_nor_numbered_anew() {
    let (margin, tolerance) = (3 * 86_400, 86_400);
    let before = after(vec![record(1, 5, 5, "a"), record(1, 5, 5, "b")]);
    let rules = Rules {
        window_start: at(5 + margin),
        created_tolerance: TimeDelta::seconds(tolerance),
        ..rules()
    };

    let changes = changes_of(vec![record(1, 5, 5 + margin, "c")], &HashMap::new(), &rules);

    assert_eq!(changes[0].event_type, EventType::Updated);
    assert!(changes[0].version.sequence > before["1"].sequence);
}

proptest! {
    #[test]
    fn whatever_is_read_again_is_no_change(
        writes in prop::collection::vec((0_u32..8, 0_i64..20, "[ab]"), 0..60),
        pages in 1_usize..9,
        skip_unchanged: bool,
    ) {
        let rules = Rules { skip_unchanged, ..telling() };
        let records: Vec<_> =
            writes.iter().map(|(id, updated, name)| record(*id, 0, *updated, name)).collect();
        let mut known = HashMap::new();
        for page in records.chunks(pages) {
            let plan = plan(page.to_vec(), &known, &rules);
            for change in &plan.changes {
                let before = known.get(&change.observed.object_id).map(|v: &Version| v.sequence);
                prop_assert!(before.is_none_or(|before| change.version.sequence > before));
                prop_assert!(change.version.sequence >= change.observed.updated.timestamp_millis());
            }
            for (object, version) in &plan.unchanged {
                prop_assert!(skip_unchanged);
                prop_assert_eq!(version.digest, known[object].digest);
                prop_assert!(version.updated_at > known[object].updated_at);
            }
            remember(&plan, &mut known);
        }
        // The last version of each object is known, so reading those again finds nothing.
        let last: Vec<_> = records
            .into_iter()
            .filter(|r| known[&r.object_id].updated_at == r.updated && known[&r.object_id].digest == r.digest)
            .collect();
        prop_assert_eq!(plan(last, &known, &rules).versions().count(), 0);
    }

    /// A receiver that knows a record and applies what each event says has the record that Insightly has.
    #[test]
    fn who_applies_every_change_has_the_last_content(
        names in prop::collection::vec("[abc]", 1..20),
        skip_unchanged: bool,
    ) {
        let rules = Rules { skip_unchanged, ..telling() };
        let mut known = HashMap::new();
        let mut copy = None;
        for (second, name) in (0..).zip(&names) {
            let plan = plan(vec![record(1, 0, second * 30, name)], &known, &rules);
            for change in &plan.changes {
                match &change.what {
                    None => copy = Some(name.clone()),
                    Some(what) if what == &json!({}) => {}
                    Some(what) => {
                        prop_assert_eq!(what["NAME"]["from"].as_str(), copy.as_deref());
                        copy = what["NAME"]["to"].as_str().map(str::to_owned);
                    }
                }
            }
            remember(&plan, &mut known);
        }
        prop_assert_eq!(copy.as_ref(), names.last());
    }
}
