//! Which records of a page a snapshot tells of: the decision, pure.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ie_insightly::normalize::Observed;
use ie_model::{EventType, Version};

use crate::plan::Change;

/// The records of one page that are told of as existing, in the order of the page.
///
/// What was written since `begin`, Insightly's time when the poller began, is a change: the live polls' business, also
/// when the snapshot meets it first. What an event told of before is known, and is not repeated.
pub(crate) fn first_sight(
    records: Vec<Observed>,
    known: &HashMap<String, Version>,
    begin: DateTime<Utc>,
) -> Vec<Change> {
    let mut newest: HashMap<String, usize> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        newest.insert(record.object_id.clone(), index);
    }
    let told = |(index, observed): (usize, Observed)| {
        let last = known.get(&observed.object_id);
        let is_new = last.is_none_or(Version::is_gone);
        if newest[&observed.object_id] != index || observed.updated >= begin || !is_new {
            return None;
        }
        let version = Version {
            updated_at: observed.updated,
            digest: observed.digest,
            sequence: Version::next_sequence(last, observed.updated),
            content: None,
        };
        Some(Change {
            event_type: EventType::Created,
            observed,
            version,
            snapshot: true,
            what: None,
        })
    };
    records.into_iter().enumerate().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use ie_model::Digest;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::plan::{Rules, plan};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    fn record(id: u32, updated: i64) -> Observed {
        let record = json!({"CONTACT_ID": id, "UPDATED": updated});
        Observed {
            object_id: id.to_string(),
            updated: at(updated),
            created: None,
            digest: ie_insightly::normalize::digest(&record),
            record: record.into(),
        }
    }

    fn remember(changes: &[Change], known: &mut HashMap<String, Version>) {
        for change in changes {
            known.insert(change.observed.object_id.clone(), change.version.clone());
        }
    }

    #[test]
    fn an_existing_record_is_created_and_marked() {
        let changes = first_sight(vec![record(1, -5)], &HashMap::new(), at(0));

        assert_eq!(changes.len(), 1);
        assert!(changes[0].snapshot);
        assert_eq!(changes[0].event_type, EventType::Created);
        assert_eq!(changes[0].version.sequence, at(-5).timestamp_millis());
    }

    #[test]
    fn what_was_written_since_the_beginning_is_left_to_the_polls() {
        let changes = first_sight(vec![record(1, 0), record(2, -1)], &HashMap::new(), at(0));

        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].observed.object_id, "2");
    }

    #[test]
    fn a_record_that_was_deleted_and_is_back_is_told_of_again() {
        let gone = Version {
            updated_at: at(-9),
            digest: Digest::GONE,
            sequence: at(7).timestamp_millis(),
            content: None,
        };
        let known = HashMap::from([("1".to_owned(), gone)]);

        let changes = first_sight(vec![record(1, -9)], &known, at(0));

        assert_eq!(changes[0].version.sequence, at(7).timestamp_millis() + 1);
    }

    /// A poll of everything written from second 0 on.
    fn poll(records: Vec<Observed>, known: &HashMap<String, Version>) -> Vec<Change> {
        let rules = Rules {
            window_start: at(0),
            baseline: at(0),
            created_tolerance: TimeDelta::seconds(10),
            filter_by_updated_date: true,
            what_changed: None,
            skip_unchanged: false,
        };
        plan(records, known, &rules).changes
    }

    proptest! {
        /// Whatever the order in which polls and pages of the snapshot meet the versions of records, repeated or not.
        #[test]
        fn each_version_is_told_once_by_the_snapshot_or_by_a_poll(
            meetings in prop::collection::vec((0_u32..6, -3_i64..6, any::<bool>()), 0..60),
        ) {
            let mut known = HashMap::new();
            let mut told = Vec::new();
            let mut latest: HashMap<u32, i64> = HashMap::new();
            for (id, updated, by_snapshot) in meetings {
                // Records are only ever written later than before.
                let updated = updated.max(*latest.get(&id).unwrap_or(&updated));
                latest.insert(id, updated);
                let page = vec![record(id, updated), record(id, updated)];
                let changes = if by_snapshot {
                    first_sight(page, &known, at(0))
                } else {
                    poll(page, &known)
                };
                remember(&changes, &mut known);
                for change in changes {
                    prop_assert_eq!(change.snapshot, change.observed.updated < at(0));
                    told.push((change.observed.object_id, change.observed.updated));
                }
            }
            let count = told.len();
            told.sort();
            told.dedup();
            prop_assert_eq!(told.len(), count);
            // Nothing is lost: a last poll and a last page leave every record known in its last version.
            let last: Vec<_> = latest.iter().map(|(id, updated)| record(*id, *updated)).collect();
            remember(&first_sight(last.clone(), &known, at(0)), &mut known);
            remember(&poll(last, &known), &mut known);
            for (id, updated) in latest {
                prop_assert!(known[&id.to_string()].updated_at == at(updated) || updated < 0);
            }
        }
    }
}
