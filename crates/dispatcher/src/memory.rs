//! A memory whose entries live for a while, and of which there are never more than its size.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long entries live, and how many there are at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long an entry holds.
    pub(crate) age: Duration,
    /// How many are held at most.
    pub(crate) size: usize,
}

/// What was learned lately.
#[derive(Debug)]
pub(crate) struct Memory<K, V> {
    limits: Limits,
    entries: Mutex<HashMap<K, Entry<V>>>,
}

#[derive(Debug)]
struct Entry<V> {
    until: Instant,
    value: V,
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    /// Nothing yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: Mutex::default(),
        }
    }

    /// What is remembered of the key, if that is not too old.
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let entries = self.entries();
        let entry = entries.get(key)?;
        (entry.until > Instant::now()).then(|| entry.value.clone())
    }

    /// Remembers a value from now on.
    pub(crate) fn insert(&self, key: K, value: V) {
        let now = Instant::now();
        let mut entries = self.entries();
        if entries.len() >= self.limits.size && !entries.contains_key(&key) {
            entries.retain(|_, entry| entry.until > now);
        }
        if entries.len() >= self.limits.size && !entries.contains_key(&key) {
            // Every entry is fresh: more than there is room for, so remembering helps little. Begin again.
            entries.clear();
        }
        let until = now + self.limits.age;
        entries.insert(key, Entry { until, value });
    }

    /// Forgets a key.
    pub(crate) fn remove<Q: Eq + Hash + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.entries().remove(key);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, Entry<V>>> {
        // Each change is one call of the map: a panic elsewhere leaves it whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn memory(size: usize) -> Memory<i32, &'static str> {
        Memory::new(Limits {
            age: 5 * SECOND,
            size,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_remembered_for_its_lifetime() {
        let memory = memory(10);
        memory.insert(1, "a");

        tokio::time::advance(4 * SECOND).await;
        let before = memory.get(&1);
        tokio::time::advance(SECOND).await;
        let after = memory.get(&1);

        assert_eq!(before, Some("a"));
        assert_eq!(after, None);
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_more_than_its_size() {
        let memory = memory(10);

        for key in 0..1_000 {
            memory.insert(key, "a");
            assert!(memory.entries().len() <= 10);
        }

        assert!(memory.get(&999).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_run_out_makes_room_first() {
        let memory = memory(2);
        memory.insert(1, "old");
        tokio::time::advance(4 * SECOND).await;
        memory.insert(2, "fresh");
        tokio::time::advance(2 * SECOND).await;

        memory.insert(3, "new");

        assert!(memory.get(&2).is_some());
        assert!(memory.get(&3).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_value_replaces_the_older() {
        let memory = memory(1);
        memory.insert(1, "a");

        memory.insert(1, "b");

        assert_eq!(memory.get(&1), Some("b"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_removed_is_forgotten() {
        let memory = memory(1);
        memory.insert(1, "a");

        memory.remove(&1);

        assert_eq!(memory.get(&1), None);
    }
}
