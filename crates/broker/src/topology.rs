//! Every exchange, queue, binding and argument, in one screen; pure.
//!
//! ```text
//! exchange <prefix> (direct, durable)
//!   changes, changes.bulk  → <prefix>.changes, …      dead-letter to changes.dead when their delivery limit is reached
//!   changes.1, …           → <prefix>.changes.1, …    the same of the next partition
//!   changes.dead           → <prefix>.changes.dead    kept until it is looked at, redriven or discarded
//! exchange <prefix>.changes.wait.5s (fanout, durable)
//!   any routing key        → <prefix>.changes.wait.5s no consumer; what expires goes to the first exchange again
//! ```
//!
//! A message waits with the routing key of its shard, so all shards share the wait queues and each message finds back.
//! All are quorum queues. Who dead-letters does so at least once: a message leaves its queue only when the next one has
//! it. There is one wait queue per delay because an expired message waits for the one at the head of its queue; a queue's
//! arguments cannot be changed, so the delay is in its name.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use ie_model::Queue;

use crate::Config;
use crate::shard::Shard;

/// A delay may be this much longer than the name of its wait queue, so that jitter needs no queue of its own.
const SLACK_PERCENT: u32 = 10;

/// A dead letter may be looked at as often as one likes; brokers from 4.0 on limit that unless told otherwise.
const UNLIMITED: i64 = i32::MAX as i64;

/// The names and arguments of one deployment.
#[derive(Debug)]
pub(crate) struct Topology {
    prefix: String,
    delays: Vec<Duration>,
    delivery_limit: u32,
    /// Those that messages go to, and those that are left of a time when there were more.
    partitions: AtomicU16,
}

/// One quorum queue and what leads to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declaration {
    pub(crate) name: String,
    pub(crate) from: Binding,
    pub(crate) arguments: Vec<(&'static str, Argument)>,
}

/// What leads to a queue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Binding {
    /// A routing key of the one exchange.
    Key(String),
    /// An exchange with the queue's own name, and any routing key: a message keeps the one that it has, which is its way
    /// back.
    Exchange,
}

/// The value of a queue's argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    Text(String),
    Number(i64),
}

impl Topology {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            prefix: config.prefix.clone(),
            delays: config.delays.clone(),
            delivery_limit: config.delivery_limit,
            partitions: AtomicU16::new(config.partitions),
        }
    }

    /// There are at least so many partitions, whatever the configuration says by now.
    pub(crate) fn widen(&self, partitions: u16) {
        self.partitions.fetch_max(partitions, Ordering::Relaxed);
    }

    /// How many partitions there are.
    pub(crate) fn partitions(&self) -> u16 {
        self.partitions.load(Ordering::Relaxed)
    }

    /// Every shard of a queue that may hold messages.
    pub(crate) fn shards(&self, queue: Queue) -> Vec<Shard> {
        Shard::all(queue, self.partitions())
    }

    /// The one exchange.
    pub(crate) fn exchange(&self) -> &str {
        &self.prefix
    }

    /// The full name of the queue that a routing key leads to.
    pub(crate) fn queue_name(&self, routing_key: &str) -> String {
        format!("{}.{routing_key}", self.prefix)
    }

    /// The wait queue for a delay, which is its exchange's name as well, and how long to wait there.
    ///
    /// The queue is the first that lasts long enough; a delay beyond the last is cut to it.
    pub(crate) fn wait_for(&self, queue: Queue, delay: Duration) -> (String, Duration) {
        let last = self.delays.last().copied().unwrap_or_default();
        let level = self
            .delays
            .iter()
            .copied()
            .find(|level| lifetime(*level) >= delay);
        let level = level.unwrap_or(last);
        let name = self.queue_name(&wait_key(queue, level));
        (name, delay.min(lifetime(level)))
    }

    /// A queue's wait queues.
    pub(crate) fn wait_queues(&self, queue: Queue) -> impl Iterator<Item = String> {
        let keys = self.delays.iter().map(move |level| wait_key(queue, *level));
        keys.map(|key| self.queue_name(&key))
    }

    /// Every queue of the deployment.
    pub(crate) fn declarations(&self) -> Vec<Declaration> {
        Queue::ALL
            .into_iter()
            .flat_map(|queue| self.declarations_of(queue))
            .collect()
    }

    fn declarations_of(&self, queue: Queue) -> Vec<Declaration> {
        let limit = (
            "x-delivery-limit",
            Argument::Number(self.delivery_limit.into()),
        );
        let mut work = self.handing_on();
        let dead = Argument::Text(dead_key(queue));
        work.extend([("x-dead-letter-routing-key", dead), limit]);
        let unlimited = ("x-delivery-limit", Argument::Number(UNLIMITED));
        let shards = self.shards(queue).into_iter().map(Shard::key);
        let mut all: Vec<_> = shards
            .map(|key| self.declaration(key, work.clone()))
            .collect();
        all.push(self.declaration(dead_key(queue), vec![quorum(), unlimited]));
        for level in &self.delays {
            let milliseconds = i64::try_from(lifetime(*level).as_millis()).unwrap_or(i64::MAX);
            // Without a routing key for dead letters: a message goes back to the shard that its own key names.
            let mut arguments = self.handing_on();
            arguments.push(("x-message-ttl", Argument::Number(milliseconds)));
            all.push(Declaration {
                from: Binding::Exchange,
                ..self.declaration(wait_key(queue, *level), arguments)
            });
        }
        all
    }

    /// The arguments of a queue that hands messages on, losing none on the way.
    fn handing_on(&self) -> Vec<(&'static str, Argument)> {
        let exchange = Argument::Text(self.prefix.clone());
        let text = |text: &str| Argument::Text(text.to_owned());
        vec![
            quorum(),
            ("x-dead-letter-exchange", exchange),
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
        ]
    }

    fn declaration(&self, key: String, arguments: Vec<(&'static str, Argument)>) -> Declaration {
        Declaration {
            name: self.queue_name(&key),
            from: Binding::Key(key),
            arguments,
        }
    }
}

/// The routing key of a queue's dead letters.
pub(crate) fn dead_key(queue: Queue) -> String {
    format!("{}.dead", queue.name())
}

fn wait_key(queue: Queue, level: Duration) -> String {
    format!("{}.wait.{}", queue.name(), level_name(level))
}

fn quorum() -> (&'static str, Argument) {
    ("x-queue-type", Argument::Text("quorum".to_owned()))
}

/// How long a message may stay in the wait queue of a delay.
fn lifetime(level: Duration) -> Duration {
    level + level * SLACK_PERCENT / 100
}

/// A delay in the name of its queue: in the largest unit that needs no fraction (`90s`, `2m`, `24h`).
pub(crate) fn level_name(level: Duration) -> String {
    let milliseconds = level.as_millis();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if milliseconds >= size && milliseconds.is_multiple_of(size) {
            return format!("{}{unit}", milliseconds / size);
        }
    }
    format!("{milliseconds}ms")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn topology() -> Topology {
        Topology::new(&Config::default())
    }

    fn argument<'a>(declaration: &'a Declaration, name: &str) -> Option<&'a Argument> {
        declaration
            .arguments
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    #[rstest]
    #[case(250, "250ms")]
    #[case(1_000, "1s")]
    #[case(90_000, "90s")]
    #[case(120_000, "2m")]
    #[case(86_400_000, "24h")]
    #[case(1_500, "1500ms")]
    fn a_delay_is_named_in_its_largest_whole_unit(#[case] milliseconds: u64, #[case] name: &str) {
        assert_eq!(level_name(Duration::from_millis(milliseconds)), name);
    }

    #[rstest]
    #[case(100, "ie.changes.wait.1s", 100)]
    #[case(1_100, "ie.changes.wait.1s", 1_100)]
    #[case(1_101, "ie.changes.wait.5s", 1_101)]
    #[case(33_000, "ie.changes.wait.30s", 33_000)]
    #[case(200_000_000, "ie.changes.wait.24h", 95_040_000)]
    fn a_delay_takes_the_first_wait_queue_that_is_long_enough(
        #[case] delay: u64,
        #[case] name: &str,
        #[case] waits: u64,
    ) {
        let found = topology().wait_for(Queue::Changes, Duration::from_millis(delay));

        assert_eq!(found, (name.to_owned(), Duration::from_millis(waits)));
    }

    #[test]
    fn the_queues_of_two_partitions() {
        let config = Config {
            partitions: 2,
            delays: vec![Duration::from_secs(1)],
            ..Config::default()
        };
        let declarations = Topology::new(&config).declarations();
        let names: Vec<_> = declarations.iter().map(|d| d.name.as_str()).collect();

        assert_eq!(
            names,
            [
                "ie.poll",
                "ie.poll.1",
                "ie.poll.dead",
                "ie.poll.wait.1s",
                "ie.changes",
                "ie.changes.bulk",
                "ie.changes.1",
                "ie.changes.1.bulk",
                "ie.changes.dead",
                "ie.changes.wait.1s"
            ]
        );
    }

    #[test]
    fn there_are_never_fewer_partitions_than_were_found() {
        let topology = topology();

        topology.widen(3);
        topology.widen(2);

        assert_eq!(topology.shards(Queue::Poll).len(), 3);
    }

    #[test]
    fn every_work_queue_hands_on_to_dead_letters_that_are_there_and_every_wait_queue_to_where_a_message_came_from()
     {
        let declarations = topology().declarations();
        let bindings: Vec<_> = declarations.iter().map(|d| &d.from).collect();

        for declaration in &declarations {
            let exchange = argument(declaration, "x-dead-letter-exchange");
            let target = argument(declaration, "x-dead-letter-routing-key");
            let name = &declaration.name;
            match (&declaration.from, target) {
                (Binding::Key(_), Some(Argument::Text(target))) => {
                    assert!(
                        bindings.contains(&&Binding::Key(target.clone())),
                        "{target}"
                    );
                }
                (Binding::Exchange, None) => assert!(name.contains(".wait."), "{name}"),
                _ => {
                    assert!(name.ends_with(".dead"), "{name}");
                    continue;
                }
            }
            assert_eq!(exchange, Some(&Argument::Text("ie".to_owned())), "{name}");
        }
    }

    #[test]
    fn every_queue_is_a_quorum_queue_and_its_name_begins_with_the_prefix() {
        for declaration in topology().declarations() {
            assert_eq!(
                argument(&declaration, "x-queue-type"),
                Some(&Argument::Text("quorum".into()))
            );
            assert!(declaration.name.starts_with("ie."), "{}", declaration.name);
        }
    }

    proptest! {
        #[test]
        fn a_delay_within_the_levels_is_waited_in_full(milliseconds in 1u64..95_040_000) {
            let delay = Duration::from_millis(milliseconds);
            let topology = topology();

            let (name, waits) = topology.wait_for(Queue::Poll, delay);

            prop_assert_eq!(waits, delay);
            prop_assert!(topology.wait_queues(Queue::Poll).any(|wait| wait == name));
        }
    }
}
