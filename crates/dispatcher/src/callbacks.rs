//! Callbacks by instance, remembered for a short time so that not every notification asks the store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ie_model::{InstanceId, Purpose};
use ie_platform::seal::Sealer;
use ie_store::{Error, Store};
use tokio::time::Instant;

use crate::callback::{Target, target};
use crate::lane::Lane;

/// The callbacks of the instances that were notified last.
pub(crate) struct Callbacks {
    store: Store,
    sealer: Sealer,
    remembered: Remembered,
    operator: Target,
}

impl Callbacks {
    /// Reads callbacks from the store and opens their secrets with `sealer`; `operator` gets the operator's notices.
    pub(crate) fn new(
        store: Store,
        sealer: Sealer,
        remembered: Remembered,
        operator: Target,
    ) -> Self {
        Self {
            store,
            sealer,
            remembered,
            operator,
        }
    }

    /// What stands at the other end of the instance's notifications, at most as old as the cache allows.
    pub(crate) async fn get(&self, lane: Lane) -> Result<Target, Error> {
        if lane.purpose == Purpose::Operator {
            return Ok(self.operator.clone());
        }
        if let Some(found) = self.remembered.get(lane) {
            return Ok(found);
        }
        let instance = self.store.instance(lane.instance).await?;
        let found = target(instance.as_ref(), lane.purpose, &self.sealer);
        self.remembered.insert(lane, found.clone());
        Ok(found)
    }

    /// Forgets the callback of an instance that was changed.
    pub(crate) fn forget(&self, instance: InstanceId) {
        let purpose = Purpose::Changes;
        self.remembered
            .entries()
            .remove(&Lane { instance, purpose });
    }
}

/// A map whose entries live for a while, and of which there are never more than `size`.
#[derive(Debug)]
pub(crate) struct Remembered {
    lifetime: Duration,
    size: usize,
    entries: Mutex<HashMap<Lane, Entry>>,
}

#[derive(Debug)]
struct Entry {
    until: Instant,
    target: Target,
}

impl Remembered {
    /// Nothing yet.
    pub(crate) fn new(lifetime: Duration, size: usize) -> Self {
        Self {
            lifetime,
            size,
            entries: Mutex::default(),
        }
    }

    fn get(&self, id: Lane) -> Option<Target> {
        let entries = self.entries();
        let entry = entries.get(&id)?;
        (entry.until > Instant::now()).then(|| entry.target.clone())
    }

    fn insert(&self, id: Lane, target: Target) {
        let now = Instant::now();
        let mut entries = self.entries();
        if entries.len() >= self.size && !entries.contains_key(&id) {
            entries.retain(|_, entry| entry.until > now);
        }
        if entries.len() >= self.size && !entries.contains_key(&id) {
            // Every entry is fresh: more instances than room, so remembering helps little. Begin again.
            entries.clear();
        }
        let until = now + self.lifetime;
        entries.insert(id, Entry { until, target });
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Lane, Entry>> {
        // Each change is one call of the map: a panic elsewhere leaves it whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn off(reason: &str) -> Target {
        Target::Off(reason.into())
    }

    fn reason(target: Option<Target>) -> Option<String> {
        match target? {
            Target::Off(reason) => Some(reason.to_string()),
            other => panic!("unexpected {other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_callback_is_remembered_for_its_lifetime() {
        let remembered = Remembered::new(5 * SECOND, 10);
        remembered.insert(Lane::changes(1), off("a"));

        tokio::time::advance(4 * SECOND).await;
        let before = reason(remembered.get(Lane::changes(1)));
        tokio::time::advance(SECOND).await;
        let after = reason(remembered.get(Lane::changes(1)));

        assert_eq!(before.as_deref(), Some("a"));
        assert_eq!(after, None);
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_more_than_its_size() {
        let remembered = Remembered::new(5 * SECOND, 10);

        for id in 0..1_000 {
            remembered.insert(Lane::changes(id), off("a"));
            assert!(remembered.entries().len() <= 10);
        }

        assert!(remembered.get(Lane::changes(999)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_run_out_makes_room_first() {
        let remembered = Remembered::new(5 * SECOND, 2);
        remembered.insert(Lane::changes(1), off("old"));
        tokio::time::advance(4 * SECOND).await;
        remembered.insert(Lane::changes(2), off("fresh"));
        tokio::time::advance(2 * SECOND).await;

        remembered.insert(Lane::changes(3), off("new"));

        assert!(remembered.get(Lane::changes(2)).is_some());
        assert!(remembered.get(Lane::changes(3)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_callback_replaces_the_older() {
        let remembered = Remembered::new(5 * SECOND, 1);
        remembered.insert(Lane::changes(1), off("a"));

        remembered.insert(Lane::changes(1), off("b"));

        assert_eq!(
            reason(remembered.get(Lane::changes(1))).as_deref(),
            Some("b")
        );
    }
}
