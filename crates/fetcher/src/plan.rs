//! Which records of a page are changes, and which kind: the decision, pure.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use ie_insightly::normalize::{Observed, changes};
use ie_model::{EventType, Version};
use serde_json::Value;

/// What the decision depends on besides the records and what is known of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// Insightly's time from which on changes are asked for.
    pub(crate) window_start: DateTime<Utc>,
    /// Insightly's time when the instance was created: older changes are not events.
    pub(crate) baseline: DateTime<Utc>,
    /// A record counts as CREATED when updated − created is at most this.
    pub(crate) created_tolerance: TimeDelta,
    /// Whether records from before the window are dropped.
    pub(crate) filter_by_updated_date: bool,
    /// Where the updated date of a record stands, when updates are to say what they changed.
    pub(crate) what_changed: Option<&'a str>,
    /// Whether an update that moved nothing but its date is no event.
    pub(crate) skip_unchanged: bool,
}

/// What follows from the records of a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The records that changed, in the order of the page.
    pub(crate) changes: Vec<Change>,
    /// Records whose date alone moved, where that is no event: what is remembered of them from now on.
    pub(crate) unchanged: Vec<(String, Version)>,
}

impl Plan {
    /// What is remembered from now on.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (String, Version)> {
        let changed = self
            .changes
            .iter()
            .map(|change| (change.observed.object_id.clone(), change.version.clone()));
        changed.chain(self.unchanged.iter().cloned())
    }

    /// What follows from more records.
    pub(crate) fn extend(&mut self, more: Self) {
        self.changes.extend(more.changes);
        self.unchanged.extend(more.unchanged);
    }
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
    /// Whether it is no change but the first sight of what existed before.
    pub(crate) snapshot: bool,
    /// What an update changed, when that is asked for; null when it is not known.
    pub(crate) what: Option<Value>,
}

/// The changes among the records of one page, in the order of the page.
///
/// A record is a change when its version, updated date and digest, differs from the last one emitted
/// and is not older. A record that stands in the page twice, because pages shift, counts once.
pub(crate) fn plan(
    records: Vec<Observed>,
    known: &HashMap<String, Version>,
    rules: &Rules<'_>,
) -> Plan {
    let mut newest: HashMap<String, usize> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        let best = newest.entry(record.object_id.clone()).or_insert(index);
        if records[*best].updated <= record.updated {
            *best = index;
        }
    }
    let mut plan = Plan::default();
    for (index, observed) in records.into_iter().enumerate() {
        if newest.get(&observed.object_id) != Some(&index) {
            continue;
        }
        match judge(observed, known, rules) {
            Some(Judged::Changed(change)) => plan.changes.push(*change),
            Some(Judged::DateMoved(object, version)) => plan.unchanged.push((object, version)),
            None => {}
        }
    }
    plan
}

/// What is made of one record.
enum Judged {
    Changed(Box<Change>),
    DateMoved(String, Version),
}

fn judge(
    observed: Observed,
    known: &HashMap<String, Version>,
    rules: &Rules<'_>,
) -> Option<Judged> {
    let last = known.get(&observed.object_id);
    let outside = observed.updated < rules.baseline
        || (rules.filter_by_updated_date && observed.updated < rules.window_start);
    let stale = last.is_some_and(|last| {
        observed.updated < last.updated_at
            || (observed.updated == last.updated_at
                // A search that still finds what was deleted brings back no one: only a later write does.
                && (observed.digest == last.digest || last.is_gone()))
    });
    if outside || stale {
        return None;
    }
    let created_just_now = observed
        .created
        .is_some_and(|created| observed.updated - created <= rules.created_tolerance);
    // An object that was seen before is never created again, whatever its dates say; unless it was deleted since.
    let event_type = if last.is_none_or(Version::is_gone) && created_just_now {
        EventType::Created
    } else {
        EventType::Updated
    };
    // The digest leaves the updated date out.
    if let Some(last) = last
        && rules.skip_unchanged
        && last.digest == observed.digest
    {
        let version = Version {
            updated_at: observed.updated,
            // From now on, where it was not asked for before.
            content: rules
                .what_changed
                .map(|_| observed.record.text().to_owned()),
            ..last.clone()
        };
        return Some(Judged::DateMoved(observed.object_id, version));
    }
    let what = rules
        .what_changed
        .filter(|_| event_type == EventType::Updated)
        .map(|updated_path| what_changed(last, &observed.record.value(), updated_path));
    let version = Version {
        updated_at: observed.updated,
        digest: observed.digest,
        sequence: Version::next_sequence(last, observed.updated),
        content: None,
    };
    Some(Judged::Changed(Box::new(Change {
        event_type,
        observed,
        version,
        snapshot: false,
        what,
    })))
}

/// Null when the former content is not known: the record was not seen before, or its content was not kept then.
pub(crate) fn what_changed(last: Option<&Version>, record: &Value, updated_path: &str) -> Value {
    let former = last.and_then(|last| last.content.as_deref());
    let former = former.and_then(|content| serde_json::from_str::<Value>(content).ok());
    former.map_or(Value::Null, |former| {
        Value::Object(changes(&former, record, updated_path))
    })
}

#[cfg(test)]
mod tests;
