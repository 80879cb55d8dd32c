//! Which shard a message stands in: the one of its instance's partition, and the bulk shard once an instance has sent more
//! than its share within a short time.
//!
//! Each publishing process decides for itself, without asking anybody: with n of them an instance has n shares, and
//! whoever is sent to the bulk shard without need loses nothing as long as nobody else stands there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ie_model::{InstanceId, Queue};
use tokio::time::Instant;

use crate::shard::{Shard, partition};

/// Within this time an instance may send its share.
const WINDOW: Duration = Duration::from_secs(10);

/// Of how many instances it is known what they sent; who was forgotten has a whole share again.
const KNOWN: usize = 10_000;

/// Sorts messages into shards.
#[derive(Debug)]
pub(crate) struct Sorter {
    partitions: u16,
    /// The time that a message uses up of its instance's window.
    cost: Duration,
    /// Until when an instance has used its share, were it to be used evenly.
    used: Mutex<HashMap<InstanceId, Instant>>,
}

impl Sorter {
    /// Over so many partitions; an instance's share is so many messages within ten seconds.
    pub(crate) fn new(partitions: u16, share: u32) -> Self {
        Self {
            partitions,
            cost: WINDOW / share.max(1),
            used: Mutex::default(),
        }
    }

    /// Where the next message of an instance goes.
    pub(crate) fn shard(&self, queue: Queue, instance: InstanceId) -> Shard {
        Shard {
            queue,
            partition: partition(instance, self.partitions),
            bulk: queue.has_bulk() && self.is_beyond_share(instance, Instant::now()),
        }
    }

    fn is_beyond_share(&self, instance: InstanceId, now: Instant) -> bool {
        let mut used = self.used();
        if used.len() >= KNOWN && !used.contains_key(&instance) {
            used.retain(|_, until| *until > now);
        }
        if used.len() >= KNOWN && !used.contains_key(&instance) {
            used.clear();
        }
        let until = used.entry(instance).or_insert(now);
        let next = (*until).max(now) + self.cost;
        if next > now + WINDOW {
            return true;
        }
        *until = next;
        false
    }

    fn used(&self) -> MutexGuard<'_, HashMap<InstanceId, Instant>> {
        // Each change is one call of the map: a panic elsewhere leaves it whole.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorter() -> Sorter {
        Sorter::new(1, 100)
    }

    /// How many of so many messages go directly.
    fn direct(sorter: &Sorter, instance: i64, messages: usize) -> usize {
        let shards = (0..messages).map(|_| sorter.shard(Queue::Changes, InstanceId(instance)));
        shards.filter(|shard| !shard.bulk).count()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_beyond_an_instances_share_goes_to_the_bulk_line() {
        let sorter = sorter();

        assert_eq!(direct(&sorter, 1, 1_000), 100);
        assert_eq!(
            direct(&sorter, 2, 1),
            1,
            "another instance has its own share"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_comes_back_with_time() {
        let sorter = sorter();
        direct(&sorter, 1, 1_000);

        tokio::time::advance(WINDOW / 2).await;
        assert_eq!(direct(&sorter, 1, 1_000), 50);
        tokio::time::advance(WINDOW * 10).await;
        assert_eq!(
            direct(&sorter, 1, 1_000),
            100,
            "no more than one share is saved up"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn poll_jobs_have_one_line() {
        let sorter = sorter();
        let shards = (0..1_000).map(|_| sorter.shard(Queue::Poll, InstanceId(1)));

        assert!(shards.into_iter().all(|shard| !shard.bulk));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_of_instances_is_bounded() {
        let sorter = sorter();

        for instance in 0..3 * i64::try_from(KNOWN).unwrap() {
            direct(&sorter, instance, 1);
            assert!(sorter.used().len() <= KNOWN);
        }
    }
}
