//! What arrived against what the simulator says was written: nothing lost, nothing invented, nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use ie_model::catalog;
use ie_simulator::{Entry, Kind};
use serde_json::Value;

use crate::receiver::Received;

/// One version of one record, by its content.
pub type Version = (String, String, String);

/// The versions that arrived, with the notifications that carried each.
#[derive(Debug, Default)]
pub struct Arrived {
    /// By version: the webhook ids it came with.
    pub versions: BTreeMap<Version, BTreeSet<String>>,
    /// By webhook id: how often it came.
    pub deliveries: BTreeMap<String, usize>,
}

impl Arrived {
    /// Reads the accepted requests; every signature must be right, every body one and the same for its id.
    ///
    /// # Errors
    /// A wrong signature, a body that is not a notification, an id with two bodies.
    pub fn read(accepted: &[Received]) -> anyhow::Result<Self> {
        let mut arrived = Self::default();
        let mut bodies: BTreeMap<&str, &Value> = BTreeMap::new();
        for received in accepted {
            let id = &received.webhook_id;
            ensure!(
                received.signature_ok,
                "notification {id} has a wrong signature"
            );
            let first = bodies.entry(id).or_insert(&received.body);
            ensure!(
                *first == &received.body,
                "notification {id} came with two bodies"
            );
            *arrived.deliveries.entry(id.clone()).or_default() += 1;
            for version in
                versions(&received.body).with_context(|| format!("in notification {id}"))?
            {
                arrived
                    .versions
                    .entry(version)
                    .or_default()
                    .insert(id.clone());
            }
        }
        Ok(arrived)
    }

    /// No version was notified under two ids.
    ///
    /// # Errors
    /// Names the first that was.
    pub fn no_version_twice(&self) -> anyhow::Result<()> {
        for (version, ids) in &self.versions {
            ensure!(
                ids.len() == 1,
                "version {version:?} was notified as {ids:?}"
            );
        }
        Ok(())
    }

    /// Each webhook id came once.
    ///
    /// # Errors
    /// Names the first that came again.
    pub fn no_delivery_twice(&self) -> anyhow::Result<()> {
        for (id, count) in &self.deliveries {
            ensure!(*count == 1, "notification {id} was delivered {count} times");
        }
        Ok(())
    }

    /// Exactly the versions that a poll was served arrived.
    ///
    /// # Errors
    /// Names what is missing and what is too much.
    pub fn is_exactly_what_was_served(
        &self,
        ledger: &[Entry],
        baseline: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let served: BTreeSet<_> = changes(ledger, baseline)
            .filter(|e| e.first_served_at.is_some())
            .map(key)
            .collect();
        self.compare(&served, &served)
    }

    /// The last version of every record arrived, and nothing that was not written.
    ///
    /// # Errors
    /// Names what is missing and what is too much.
    pub fn covers(
        &self,
        ledger: &[Entry],
        state: &[Entry],
        baseline: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let last: BTreeSet<_> = changes(state, baseline).map(key).collect();
        let written: BTreeSet<_> = changes(ledger, baseline).map(key).collect();
        self.compare(&last, &written)
    }

    fn compare(
        &self,
        required: &BTreeSet<Version>,
        allowed: &BTreeSet<Version>,
    ) -> anyhow::Result<()> {
        let missing: Vec<_> = required
            .iter()
            .filter(|version| !self.versions.contains_key(*version))
            .collect();
        let invented: Vec<_> = self
            .versions
            .keys()
            .filter(|version| !allowed.contains(*version))
            .collect();
        ensure!(
            missing.is_empty() && invented.is_empty(),
            "of {} versions {} are missing, such as {:?}; {} were never written, such as {:?}",
            required.len(),
            missing.len(),
            &missing[..missing.len().min(3)],
            invented.len(),
            &invented[..invented.len().min(3)],
        );
        Ok(())
    }
}

/// The versions in one notification, from its raw records.
fn versions(body: &Value) -> anyhow::Result<Vec<Version>> {
    let message = &body["message"];
    let events = message["events"].as_array().context("no events")?;
    let resource = message["raw"]["objectType"]
        .as_str()
        .context("no objectType")?;
    let object = catalog::by_hub(resource).context("no such resource")?;
    let records = message["raw"][resource].as_array().context("no records")?;
    ensure!(
        events.len() == records.len(),
        "{} events and {} records",
        events.len(),
        records.len()
    );
    let version = |(event, record): (&Value, &Value)| {
        let id = text(&record[&object.id_field]);
        ensure!(
            event["objectId"] == id.as_str(),
            "event {event} stands at record {id}"
        );
        Ok((object.object.clone(), id, ie_simulator::digest(record)))
    };
    events.iter().zip(records).map(version).collect()
}

/// The writes that are events for an instance created at `baseline`.
pub(crate) fn changes(entries: &[Entry], baseline: DateTime<Utc>) -> impl Iterator<Item = &Entry> {
    let is_change = move |entry: &&Entry| entry.kind != Kind::Deleted && entry.updated >= baseline;
    entries.iter().filter(is_change)
}

/// The version that an entry wrote.
pub(crate) fn key(entry: &Entry) -> Version {
    (
        entry.object.clone(),
        text(&entry.id),
        entry.digest.clone().unwrap_or_default(),
    )
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    fn baseline() -> DateTime<Utc> {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn record(name: &str) -> Value {
        json!({"CONTACT_ID": 7, "FIRST_NAME": name})
    }

    fn received(webhook_id: &str, name: &str) -> Received {
        let body = json!({"message": {
            "events": [{"objectId": "7"}],
            "raw": {"objectType": "contacts", "contacts": [record(name)]},
        }});
        Received {
            at: baseline(),
            webhook_id: webhook_id.to_owned(),
            signature_ok: true,
            traceparent: None,
            body,
            answered: StatusCode::OK,
        }
    }

    fn entry(name: &str, seconds: i64) -> Entry {
        let at = baseline() + TimeDelta::seconds(seconds);
        Entry {
            object: "Contacts".to_owned(),
            id: json!(7),
            revision: 1,
            kind: Kind::Updated,
            updated: at,
            visible_at: at,
            first_served_at: Some(at),
            digest: Some(ie_simulator::digest(&record(name))),
        }
    }

    #[test]
    fn a_missing_version_is_found() {
        let arrived = Arrived::read(&[received("1", "a")]).unwrap();
        assert!(
            arrived
                .is_exactly_what_was_served(&[entry("a", 1)], baseline())
                .is_ok()
        );
        assert!(
            arrived
                .is_exactly_what_was_served(&[entry("a", 1), entry("b", 2)], baseline())
                .is_err()
        );
    }

    #[test]
    fn an_invented_version_is_found() {
        let arrived = Arrived::read(&[received("1", "a"), received("2", "x")]).unwrap();
        assert!(
            arrived
                .covers(&[entry("a", 1)], &[entry("a", 1)], baseline())
                .is_err()
        );
    }

    #[test]
    fn a_version_from_before_the_instance_is_an_invention() {
        let arrived = Arrived::read(&[received("1", "a")]).unwrap();
        assert!(arrived.covers(&[entry("a", -1)], &[], baseline()).is_err());
    }

    #[test]
    fn a_version_under_two_ids_and_an_id_that_came_twice_are_told_apart() {
        let two_ids = Arrived::read(&[received("1", "a"), received("2", "a")]).unwrap();
        assert!(two_ids.no_version_twice().is_err() && two_ids.no_delivery_twice().is_ok());
        let twice = Arrived::read(&[received("1", "a"), received("1", "a")]).unwrap();
        assert!(twice.no_version_twice().is_ok() && twice.no_delivery_twice().is_err());
    }

    #[test]
    fn a_wrong_signature_and_a_changed_body_are_found() {
        let unsigned = Received {
            signature_ok: false,
            ..received("1", "a")
        };
        assert!(Arrived::read(&[unsigned]).is_err());
        assert!(Arrived::read(&[received("1", "a"), received("1", "b")]).is_err());
    }
}
