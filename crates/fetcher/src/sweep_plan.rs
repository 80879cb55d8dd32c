//! What a sweep concludes from what it met and from what it missed: the decisions, pure.

use chrono::{DateTime, TimeDelta, Utc};
use ie_insightly::normalize::Observed;
use ie_model::{Digest, EventType, Version};
use serde_json::{Map, Number, Value, json};

use crate::plan::Change;

/// So many missing records that are there all the same are explained by a list that moved.
const STRAYS: u32 = 10;

/// The end of an object: `last` is what is remembered of it, `at` Insightly's time when it said that there is none.
pub(crate) fn deleted(
    object_id: String,
    last: Option<&Version>,
    at: DateTime<Utc>,
    (id_field, baseline): (&str, DateTime<Utc>),
) -> Change {
    let version = Version {
        // Only what is written later brings it back, see `plan`.
        updated_at: last.map_or(baseline, |last| last.updated_at),
        digest: Digest::GONE,
        sequence: Version::next_sequence(last, at),
        content: None,
    };
    let id = object_id.parse::<Number>().ok();
    // A text such as 007 is a number to JSON's readers, but no longer the same id.
    let id = id.filter(|number| number.to_string() == object_id);
    let id = id.map_or_else(|| json!(object_id), Value::Number);
    let observed = Observed {
        object_id,
        updated: at,
        created: None,
        digest: Digest::GONE,
        record: Value::Object(Map::from_iter([(id_field.to_owned(), id)])).into(),
    };
    Change {
        event_type: EventType::Deleted,
        observed,
        version,
        snapshot: false,
        what: None,
    }
}

/// An object that was deleted by its last event and is there again, without a write that a poll could find.
///
/// What an update changed is not known then.
pub(crate) fn returned(
    observed: Observed,
    last: &Version,
    created_tolerance: TimeDelta,
    tells_changes: bool,
) -> Change {
    let created_just_now = observed
        .created
        .is_some_and(|created| observed.updated - created <= created_tolerance);
    let version = Version {
        updated_at: observed.updated,
        digest: observed.digest,
        sequence: Version::next_sequence(Some(last), observed.updated),
        content: None,
    };
    let (event_type, what) = if created_just_now {
        (EventType::Created, None)
    } else {
        (EventType::Updated, tells_changes.then_some(Value::Null))
    };
    Change {
        event_type,
        observed,
        version,
        snapshot: false,
        what,
    }
}

/// Whether a list lost more records while it was read than deletions explain, as when a right is taken away.
pub(crate) fn shrank(most: u64, now: u64) -> bool {
    most.saturating_sub(now) > (most / 100).max(10)
}

/// Whether the list left out so much of what exists that what is missing from it says nothing.
pub(crate) fn is_doubtful(alive: u32, gone: u32) -> bool {
    alive > STRAYS && alive > gone
}

/// Whether a record is one of those that the poller asks for.
pub(crate) fn is_polled(record: &Value, equals: Option<&(String, String)>) -> bool {
    let Some((field, value)) = equals else {
        return true;
    };
    match record.get(field) {
        Some(Value::String(text)) => text.to_lowercase() == value.to_lowercase(),
        Some(Value::Null) | None => false,
        Some(other) => {
            let shown = other.to_string();
            shown == value.to_lowercase()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rstest::rstest;

    use super::*;
    use crate::plan::{Rules, plan};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    fn record(updated: i64, created: i64) -> Observed {
        let record = json!({"CONTACT_ID": 7, "UPDATED": updated});
        Observed {
            object_id: "7".to_owned(),
            updated: at(updated),
            created: Some(at(created)),
            digest: ie_insightly::normalize::digest(&record),
            record: record.into(),
        }
    }

    fn known(updated: i64, sequence: i64) -> Version {
        Version {
            updated_at: at(updated),
            digest: Digest([1; 16]),
            sequence,
            content: None,
        }
    }

    fn end(last: Option<&Version>) -> Change {
        deleted("7".to_owned(), last, at(100), ("CONTACT_ID", at(0)))
    }

    fn poll(record: Observed, last: &Version) -> Vec<Change> {
        let rules = Rules {
            window_start: at(0),
            baseline: at(0),
            created_tolerance: TimeDelta::seconds(10),
            filter_by_updated_date: true,
            what_changed: Some("UPDATED"),
            skip_unchanged: false,
        };
        let known = HashMap::from([(record.object_id.clone(), last.clone())]);
        plan(vec![record], &known, &rules).changes
    }

    #[test]
    fn a_deletion_has_the_next_sequence_the_time_it_was_learnt_and_the_bare_id() {
        let last = known(50, at(200).timestamp_millis());
        let change = end(Some(&last));

        assert_eq!(change.event_type, EventType::Deleted);
        assert_eq!(change.version.sequence, last.sequence + 1);
        assert_eq!(change.observed.updated, at(100));
        assert_eq!(change.observed.record.value(), json!({"CONTACT_ID": 7}));
        assert!(change.version.is_gone());
    }

    #[test]
    fn the_deletion_of_a_record_that_had_no_event_has_the_sequence_of_its_time() {
        assert_eq!(end(None).version.sequence, at(100).timestamp_millis());
    }

    #[rstest]
    #[case("7", json!(7))]
    #[case("007", json!("007"))]
    #[case("USD", json!("USD"))]
    #[case("1e3", json!("1e3"))]
    fn an_id_keeps_its_form(#[case] id: &str, #[case] expected: Value) {
        let change = deleted(id.to_owned(), None, at(0), ("ID", at(0)));

        assert_eq!(change.observed.object_id, id);
        assert_eq!(change.observed.record.value()["ID"], expected);
    }

    #[test]
    fn a_search_that_still_finds_what_was_deleted_brings_back_nothing() {
        let gone = end(Some(&known(50, 3))).version;

        assert!(poll(record(50, 50), &gone).is_empty());
        assert!(poll(record(40, 40), &gone).is_empty());
    }

    #[rstest]
    #[case::recreated(60, 60, EventType::Created)]
    #[case::undeleted(60, 5, EventType::Updated)]
    fn a_later_write_brings_it_back_by_the_usual_rule_and_the_sequence_goes_on(
        #[case] updated: i64,
        #[case] created: i64,
        #[case] expected: EventType,
    ) {
        let gone = end(Some(&known(50, 3))).version;

        let by_poll = poll(record(updated, created), &gone);
        let by_sweep = returned(
            record(updated, created),
            &gone,
            TimeDelta::seconds(10),
            true,
        );

        for change in [&by_poll[0], &by_sweep] {
            assert_eq!(change.event_type, expected);
            assert!(change.version.sequence > gone.sequence);
            assert!(!change.version.is_gone() && !change.snapshot);
            let what = (expected == EventType::Updated).then_some(Value::Null);
            assert_eq!(change.what, what);
        }
    }

    #[rstest]
    #[case(1000, 1000, false)]
    #[case(1000, 2000, false)]
    #[case(1000, 990, false)]
    #[case(1000, 989, true)]
    #[case(5000, 4950, false)]
    #[case(5000, 4949, true)]
    #[case(8, 0, false)]
    #[case(11, 0, true)]
    fn a_list_that_loses_more_than_deletions_explain_says_nothing(
        #[case] most: u64,
        #[case] now: u64,
        #[case] expected: bool,
    ) {
        assert_eq!(shrank(most, now), expected);
    }

    #[rstest]
    #[case(10, 0, false)]
    #[case(11, 0, true)]
    #[case(11, 11, false)]
    #[case(12, 11, true)]
    fn a_list_that_leaves_out_what_exists_is_doubtful(
        #[case] alive: u32,
        #[case] gone: u32,
        #[case] expected: bool,
    ) {
        assert_eq!(is_doubtful(alive, gone), expected);
    }

    #[test]
    fn a_record_is_polled_when_it_has_the_value_that_is_asked_for() {
        let record = json!({"EMAIL_ADDRESS": "A@b.c", "OWNER_USER_ID": 5, "NONE": null});
        let wanted = |field: &str, value: &str| Some((field.to_owned(), value.to_owned()));

        assert!(is_polled(&record, None));
        assert!(is_polled(
            &record,
            wanted("EMAIL_ADDRESS", "a@B.c").as_ref()
        ));
        assert!(is_polled(&record, wanted("OWNER_USER_ID", "5").as_ref()));
        assert!(!is_polled(&record, wanted("OWNER_USER_ID", "6").as_ref()));
        assert!(!is_polled(&record, wanted("NONE", "null").as_ref()));
        assert!(!is_polled(&record, wanted("MISSING", "").as_ref()));
    }
}
