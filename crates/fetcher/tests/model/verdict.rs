//! What a settled seed is held against: what Insightly's ledger says was written, and when it could be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::{ChangeEvent, EventType, NotificationStatus, StoredNotification};
use ie_simulator::{Entry, Kind};
use ie_store::{NotificationFilter, Page};
use serde_json::Value;

use crate::coverage::Coverage;
use crate::play::{Play, Violation};
use crate::scenario::{RESOURCES, Scenario};

/// An event as it stands in a stored notification.
struct Emitted {
    event: ChangeEvent,
    digest: String,
}

impl Play<'_> {
    /// Everything that is promised of what was stored and published.
    pub(crate) async fn judge(&mut self) -> Result<(), Violation> {
        let filter = NotificationFilter {
            instance: Some(self.instance),
            ..NotificationFilter::default()
        };
        let all = Page {
            after: None,
            limit: 100_000,
        };
        let stored = self.site.store.notifications(&filter, all).await;
        let stored = stored.expect("a store that answers");
        self.coverage.notifications += stored.len() as u32;
        self.check_published(&stored)?;
        let pollers = self.pollers().await;
        for (resource, object, _) in &RESOURCES[..self.scenario.resources] {
            let poller = pollers.iter().find(|poller| poller.resource == *resource);
            let case = Case {
                resource,
                emitted: emitted(&stored, resource)?,
                ledger: self.insightly.ledger(object),
                baseline: poller.expect("a poller of each resource").baseline,
                scenario: self.scenario,
            };
            self.coverage.searches += self.insightly.searches(object);
            case.count(&mut self.coverage);
            case.nothing_is_invented()?;
            case.nothing_is_lost()?;
            case.all_is_in_order()?;
        }
        self.coverage.refused_requests += self.insightly.refused();
        Ok(())
    }

    /// What is stored and what reached the queue are the same.
    fn check_published(&self, stored: &[StoredNotification]) -> Result<(), Violation> {
        let reached = self.queues.notifications();
        for stored in stored {
            let id = stored.notification.id;
            let Some((_, body)) = reached.get(&id) else {
                return Err(format!("notification {id} never reached the queue"));
            };
            if *body != stored.notification.body.get() {
                return Err(format!("notification {id} was published with another body"));
            }
            if stored.status != NotificationStatus::Received {
                let status = stored.status;
                return Err(format!("notification {id} is in the queue and {status:?}"));
            }
        }
        let ids: BTreeSet<_> = stored.iter().map(|stored| stored.notification.id).collect();
        match reached.keys().find(|id| !ids.contains(id)) {
            Some(id) => Err(format!("notification {id} was published and is not stored")),
            None => Ok(()),
        }
    }
}

/// The events of a resource, in the order in which they were stored.
fn emitted(stored: &[StoredNotification], resource: &str) -> Result<Vec<Emitted>, Violation> {
    let mut all = Vec::new();
    let of_resource = stored
        .iter()
        .filter(|stored| stored.notification.resource == resource);
    for stored in of_resource {
        let body: Value = serde_json::from_str(stored.notification.body.get())
            .map_err(|error| format!("a body that is no JSON: {error}"))?;
        let message = &body["message"];
        let events: Vec<ChangeEvent> = serde_json::from_value(message["events"].clone())
            .map_err(|error| format!("events that cannot be read: {error}"))?;
        let records = message["raw"][resource].as_array();
        let records = records.ok_or("a notification without its records")?;
        if events.len() != records.len() {
            return Err("a notification with more events than records".to_owned());
        }
        let digests = records.iter().map(ie_simulator::digest);
        let pairs = events.into_iter().zip(digests);
        all.extend(pairs.map(|(event, digest)| Emitted { event, digest }));
    }
    Ok(all)
}

/// What was written and what was told of one resource.
struct Case<'a> {
    resource: &'a str,
    emitted: Vec<Emitted>,
    ledger: Vec<Entry>,
    baseline: DateTime<Utc>,
    scenario: &'a Scenario,
}

impl Case<'_> {
    fn count(&self, coverage: &mut Coverage) {
        let events = self.emitted.iter().map(|emitted| &emitted.event);
        coverage.events += self.emitted.len() as u32;
        let deletions = events
            .clone()
            .filter(|event| event.event_type == EventType::Deleted);
        coverage.told_deletions += deletions.count() as u32;
        coverage.told_existing += events.filter(|event| event.snapshot).count() as u32;
        let unread = self
            .ledger
            .iter()
            .filter(|entry| entry.first_served_at.is_none());
        coverage.unseen_versions += unread.count() as u32;
    }

    /// Nothing is told of that was not written and readable, and nothing twice.
    fn nothing_is_invented(&self) -> Result<(), Violation> {
        let written: HashMap<(String, &str), &Entry> = self
            .ledger
            .iter()
            .filter_map(|entry| Some(((id(entry), entry.digest.as_deref()?), entry)))
            .collect();
        let mut seen = BTreeSet::new();
        for Emitted { event, digest } in &self.emitted {
            let place = format!("{} {}", self.resource, event.object_id);
            if event.event_type == EventType::Deleted {
                self.is_gone(event)?;
                continue;
            }
            let key = (event.object_id.clone(), digest.as_str());
            let Some(entry) = written.get(&key) else {
                return Err(format!("{place}: emitted, and never written like this"));
            };
            let place = format!("{place} revision {}", entry.revision);
            if entry.first_served_at.is_none() || entry.updated != event.date {
                let date = event.date;
                return Err(format!("{place}: emitted with {date}, and never read so"));
            }
            if event.snapshot != (event.date < self.baseline) {
                return Err(format!("{place}: emitted as what it is not, {event:?}"));
            }
            if !seen.insert(key) {
                return Err(format!("{place}: emitted twice"));
            }
        }
        Ok(())
    }

    /// A deletion is told of after it could be seen.
    fn is_gone(&self, event: &ChangeEvent) -> Result<(), Violation> {
        let gone = self
            .ledger
            .iter()
            .find(|entry| entry.kind == Kind::Deleted && id(entry) == event.object_id);
        // The event's date has whole seconds.
        if gone.is_some_and(|entry| entry.visible_at < event.date + TimeDelta::seconds(1)) {
            return Ok(());
        }
        let (resource, object) = (self.resource, &event.object_id);
        Err(format!(
            "{resource} {object}: told as deleted, which it was not"
        ))
    }

    /// The last version of every record was told of, if somebody wants to know.
    fn nothing_is_lost(&self) -> Result<(), Violation> {
        let emitted: BTreeSet<(&str, &str)> = self
            .emitted
            .iter()
            .map(|emitted| (emitted.event.object_id.as_str(), emitted.digest.as_str()))
            .collect();
        let told: BTreeMap<&str, EventType> = self
            .emitted
            .iter()
            .map(|Emitted { event, .. }| (event.object_id.as_str(), event.event_type))
            .collect();
        // Of an object's versions the last one stays.
        let last: BTreeMap<String, &Entry> =
            self.ledger.iter().map(|entry| (id(entry), entry)).collect();
        for (object, entry) in &last {
            let object = object.as_str();
            let lost = if entry.kind == Kind::Deleted {
                let told = told.get(object);
                self.scenario.deletes_minutes > 0
                    && told.is_some_and(|told| *told != EventType::Deleted)
            } else {
                let wanted = entry.updated >= self.baseline || self.scenario.snapshot;
                let digest = entry.digest.as_deref().unwrap_or_default();
                wanted && !emitted.contains(&(object, digest))
            };
            if lost {
                let resource = self.resource;
                return Err(format!("{resource} {object}: lost; {entry:?}"));
            }
        }
        Ok(())
    }

    /// Per object: numbers that rise, dates that never go back, created first and deleted last.
    fn all_is_in_order(&self) -> Result<(), Violation> {
        let mut last: BTreeMap<&str, &ChangeEvent> = BTreeMap::new();
        for Emitted { event, .. } in &self.emitted {
            let object = event.object_id.as_str();
            let Some(before) = last.insert(object, event) else {
                continue;
            };
            let place = format!("{} {object} number {}", self.resource, event.sequence);
            if event.sequence <= before.sequence {
                return Err(format!("{place}: follows number {}", before.sequence));
            }
            if event.date < before.date {
                return Err(format!("{place}: its date goes back from {}", before.date));
            }
            if event.event_type == EventType::Created {
                return Err(format!("{place}: created after it was known"));
            }
            if before.event_type == EventType::Deleted {
                return Err(format!("{place}: follows its deletion"));
            }
        }
        Ok(())
    }
}

fn id(entry: &Entry) -> String {
    entry.id.to_string()
}
