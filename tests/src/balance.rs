//! Every write against every receipt, in numbers: what the fault suite prints.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use ie_simulator::Entry;

use crate::verdict::{Arrived, Version, changes, key};

/// How writes and receipts stand to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Versions that were written.
    pub written: usize,
    /// Versions that arrived.
    pub notified: usize,
    /// Versions that did not arrive and were written over: at most the reader was too late for them.
    pub overwritten: usize,
    /// The last versions of records that did not arrive.
    pub lost: Vec<Version>,
    /// What arrived and was never written.
    pub invented: Vec<Version>,
    /// Versions that were stored as two notifications.
    pub stored_twice: Vec<Version>,
    /// Accepted requests beyond the first with the same webhook id.
    pub delivered_again: usize,
}

impl Balance {
    /// Of what arrived, against the ledger and its last versions, for an instance created at `baseline`.
    pub fn of(
        arrived: &Arrived,
        ledger: &[Entry],
        state: &[Entry],
        baseline: DateTime<Utc>,
    ) -> Self {
        let written: BTreeSet<_> = changes(ledger, baseline).map(key).collect();
        let last: BTreeSet<_> = changes(state, baseline).map(key).collect();
        let came = |version: &Version| arrived.versions.contains_key(version);
        let lost: Vec<_> = last.into_iter().filter(|one| !came(one)).collect();
        let notified = written.iter().filter(|version| came(version)).count();
        let invented = arrived.versions.keys();
        let invented = invented.filter(|version| !written.contains(*version));
        let twice = arrived.versions.iter().filter(|(_, ids)| ids.len() > 1);
        Self {
            written: written.len(),
            notified,
            overwritten: written.len() - notified - lost.len(),
            lost,
            invented: invented.cloned().collect(),
            stored_twice: twice.map(|(version, _)| version.clone()).collect(),
            delivered_again: arrived.deliveries.values().map(|count| count - 1).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ie_simulator::Kind;
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn entry(id: i64, digest: &str) -> Entry {
        Entry {
            object: "Contacts".to_owned(),
            id: json!(id),
            revision: 1,
            kind: Kind::Updated,
            updated: at(1),
            visible_at: at(1),
            first_served_at: None,
            digest: Some(digest.to_owned()),
        }
    }

    fn arrived(versions: &[(i64, &str, &[&str])]) -> Arrived {
        let versions = versions.iter().map(|(id, digest, ids)| {
            let version = ("Contacts".to_owned(), id.to_string(), (*digest).to_owned());
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            (version, ids)
        });
        Arrived {
            versions: versions.collect(),
            deliveries: BTreeMap::from([("n1".to_owned(), 3)]),
        }
    }

    #[test]
    fn every_write_is_notified_written_over_or_lost() {
        let ledger = [entry(1, "a"), entry(1, "b"), entry(2, "c"), entry(3, "d")];
        let state = [entry(1, "b"), entry(2, "c"), entry(3, "d")];
        let arrived = arrived(&[
            (1, "b", &["n1"]),
            (2, "c", &["n1", "n2"]),
            (9, "x", &["n3"]),
        ]);

        let balance = Balance::of(&arrived, &ledger, &state, at(0));

        assert_eq!((balance.written, balance.notified), (4, 2));
        assert_eq!((balance.overwritten, balance.lost.len()), (1, 1));
        assert_eq!(balance.lost[0].1, "3");
        assert_eq!(balance.invented[0].1, "9");
        assert_eq!(balance.stored_twice[0].1, "2");
        assert_eq!(balance.delivered_again, 2);
    }

    #[test]
    fn what_was_written_before_the_instance_counts_nowhere() {
        let ledger = [entry(1, "a")];

        let balance = Balance::of(&arrived(&[]), &ledger, &ledger, at(2));

        assert_eq!((balance.written, balance.lost.len()), (0, 0));
    }
}
