//! The shards that a work queue consists of; RabbitMQ has a queue for each.
//!
//! A queue has a shard for each partition, since all that one queue of RabbitMQ holds goes through one leader. Where an
//! instance may send very much, a partition has a second shard, for bulk: handlers take from both at once, so that who
//! sends little does not stand behind who sends much.

use ie_model::{InstanceId, Queue};

/// One shard of a work queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shard {
    pub(crate) queue: Queue,
    pub(crate) partition: u16,
    pub(crate) bulk: bool,
}

impl Shard {
    /// The shards of a queue, each partition's own beside each other.
    pub(crate) fn all(queue: Queue, partitions: u16) -> Vec<Self> {
        let of_partition = |partition| {
            let bulk = [false, true]
                .into_iter()
                .filter(|bulk| !bulk || queue.has_bulk());
            bulk.map(move |bulk| Self {
                queue,
                partition,
                bulk,
            })
        };
        (0..partitions.max(1)).flat_map(of_partition).collect()
    }

    /// Its routing key: the queue's name for the first partition, so that one partition is like none.
    pub(crate) fn key(self) -> String {
        let mut key = self.queue.name().to_owned();
        if self.partition > 0 {
            key.push_str(&format!(".{}", self.partition));
        }
        if self.bulk {
            key.push_str(".bulk");
        }
        key
    }
}

/// The partition of an instance: always the same for the same number of partitions.
pub(crate) fn partition(instance: InstanceId, partitions: u16) -> u16 {
    let rest = instance.get().unsigned_abs() % u64::from(partitions.max(1));
    u16::try_from(rest).unwrap_or_default()
}

/// How many of `prefetch` messages are handled at once from each of so many shards.
pub(crate) fn share(prefetch: u16, shards: usize) -> u16 {
    let shards = u16::try_from(shards).unwrap_or(u16::MAX).max(1);
    (prefetch / shards).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_a_name_and_the_first_partition_has_the_queues() {
        let keys = |queue, partitions| {
            let shards = Shard::all(queue, partitions);
            shards.into_iter().map(Shard::key).collect::<Vec<_>>()
        };

        assert_eq!(keys(Queue::Poll, 2), ["poll", "poll.1"]);
        assert_eq!(
            keys(Queue::Changes, 2),
            ["changes", "changes.bulk", "changes.1", "changes.1.bulk"]
        );
    }

    #[test]
    fn an_instance_is_in_one_partition_and_all_have_some() {
        let mut found: Vec<u16> = (0..100).map(|id| partition(InstanceId(id), 8)).collect();

        assert_eq!(partition(InstanceId(i64::MIN), 1), 0);
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn every_line_has_a_share_of_the_window() {
        assert_eq!(share(256, 2), 128);
        assert_eq!(share(1, 16), 1);
    }
}
