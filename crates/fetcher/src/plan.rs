//! Which records of a page are changes, and which kind: the decision, pure.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use ie_insightly::normalize::Observed;
use ie_model::{EventType, Version};

/// What the decision depends on besides the records and what is known of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Insightly's time from which on changes are asked for.
    pub(crate) window_start: DateTime<Utc>,
    /// Insightly's time when the instance was created: older changes are not events.
    pub(crate) baseline: DateTime<Utc>,
    /// A record counts as CREATED when updated − created is at most this.
    pub(crate) created_tolerance: TimeDelta,
    /// Whether records from before the window are dropped.
    pub(crate) filter_by_updated_date: bool,
}

/// A record that changed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// What happened.
    pub(crate) event_type: EventType,
    /// The record.
    pub(crate) observed: Observed,
    /// What is remembered of it from now on.
    pub(crate) version: Version,
}

/// The changes among the records of one page, in the order of the page.
///
/// A record is a change when its version, updated date and digest, differs from the last one emitted
/// and is not older. A record that stands in the page twice, because pages shift, counts once.
pub(crate) fn plan(
    records: Vec<Observed>,
    known: &HashMap<String, Version>,
    rules: &Rules,
) -> Vec<Change> {
    let mut newest: HashMap<String, usize> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        let best = newest.entry(record.object_id.clone()).or_insert(index);
        if records[*best].updated <= record.updated {
            *best = index;
        }
    }
    let changed = |(index, observed): (usize, Observed)| {
        let is_newest = newest.get(&observed.object_id) == Some(&index);
        if is_newest {
            change(observed, known, rules)
        } else {
            None
        }
    };
    records
        .into_iter()
        .enumerate()
        .filter_map(changed)
        .collect()
}

fn change(observed: Observed, known: &HashMap<String, Version>, rules: &Rules) -> Option<Change> {
    let last = known.get(&observed.object_id);
    let outside = observed.updated < rules.baseline
        || (rules.filter_by_updated_date && observed.updated < rules.window_start);
    let stale = last.is_some_and(|last| {
        observed.updated < last.updated_at
            || (observed.updated == last.updated_at && observed.digest == last.digest)
    });
    if outside || stale {
        return None;
    }
    let created_just_now = observed
        .created
        .is_some_and(|created| observed.updated - created <= rules.created_tolerance);
    // An object that was seen before is never created again, whatever its dates say.
    let event_type = if last.is_none() && created_just_now {
        EventType::Created
    } else {
        EventType::Updated
    };
    let version = Version {
        updated_at: observed.updated,
        digest: observed.digest,
        sequence: last.map_or(0, |last| last.sequence) + 1,
    };
    Some(Change {
        event_type,
        observed,
        version,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    fn record(id: u32, created: i64, updated: i64, name: &str) -> Observed {
        let record = json!({"CONTACT_ID": id, "NAME": name});
        Observed {
            object_id: id.to_string(),
            updated: at(updated),
            created: Some(at(created)),
            digest: ie_insightly::normalize::digest(&record),
            record,
        }
    }

    fn rules() -> Rules {
        Rules {
            window_start: at(0),
            baseline: at(0),
            created_tolerance: TimeDelta::seconds(10),
            filter_by_updated_date: true,
        }
    }

    fn remember(changes: &[Change], known: &mut HashMap<String, Version>) {
        for change in changes {
            known.insert(change.observed.object_id.clone(), change.version.clone());
        }
    }

    #[test]
    fn updated_within_the_tolerance_of_created_is_created() {
        let changes = plan(
            vec![record(1, 5, 15, "a"), record(2, 5, 16, "b")],
            &HashMap::new(),
            &rules(),
        );
        let types: Vec<_> = changes.iter().map(|change| change.event_type).collect();
        assert_eq!(types, [EventType::Created, EventType::Updated]);
    }

    #[test]
    fn a_known_object_is_never_created_again() {
        let mut known = HashMap::new();
        remember(
            &plan(vec![record(1, 5, 5, "a")], &known, &rules()),
            &mut known,
        );
        let changes = plan(vec![record(1, 5, 6, "b")], &known, &rules());
        assert_eq!(changes[0].event_type, EventType::Updated);
        assert_eq!(changes[0].version.sequence, 2);
    }

    #[test]
    fn two_writes_within_one_second_are_two_changes() {
        let mut known = HashMap::new();
        remember(
            &plan(vec![record(1, 5, 5, "a")], &known, &rules()),
            &mut known,
        );
        assert_eq!(plan(vec![record(1, 5, 5, "b")], &known, &rules()).len(), 1);
    }

    #[test]
    fn a_record_older_than_what_was_emitted_is_no_change() {
        let mut known = HashMap::new();
        remember(
            &plan(vec![record(1, 5, 9, "new")], &known, &rules()),
            &mut known,
        );
        assert!(plan(vec![record(1, 5, 8, "old")], &known, &rules()).is_empty());
    }

    #[test]
    fn a_record_from_before_the_instance_is_no_change() {
        let rules = Rules {
            baseline: at(10),
            filter_by_updated_date: false,
            ..rules()
        };
        let changes = plan(
            vec![record(1, 9, 9, "a"), record(2, 10, 10, "b")],
            &HashMap::new(),
            &rules,
        );
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].observed.object_id, "2");
    }

    #[test]
    fn a_record_from_before_the_window_is_dropped_only_by_the_filter() {
        let strict = Rules {
            window_start: at(10),
            ..rules()
        };
        assert!(plan(vec![record(1, 9, 9, "a")], &HashMap::new(), &strict).is_empty());
        let lenient = Rules {
            filter_by_updated_date: false,
            ..strict
        };
        assert_eq!(
            plan(vec![record(1, 9, 9, "a")], &HashMap::new(), &lenient).len(),
            1
        );
    }

    proptest! {
        #[test]
        fn whatever_is_read_again_is_no_change(
            writes in prop::collection::vec((0_u32..8, 0_i64..20, "[ab]"), 0..60),
            pages in 1_usize..9,
        ) {
            let records: Vec<_> =
                writes.iter().map(|(id, updated, name)| record(*id, 0, *updated, name)).collect();
            let mut known = HashMap::new();
            for page in records.chunks(pages) {
                let changes = plan(page.to_vec(), &known, &rules());
                for change in &changes {
                    let before = known.get(&change.observed.object_id).map_or(0, |v: &Version| v.sequence);
                    prop_assert_eq!(change.version.sequence, before + 1);
                }
                remember(&changes, &mut known);
            }
            // The last version of each object is known, so reading those again finds nothing.
            let last: Vec<_> = records
                .into_iter()
                .filter(|r| known[&r.object_id].updated_at == r.updated && known[&r.object_id].digest == r.digest)
                .collect();
            prop_assert!(plan(last, &known, &rules()).is_empty());
        }
    }
}
