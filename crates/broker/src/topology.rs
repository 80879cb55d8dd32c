//! Every exchange, queue, binding and argument, in one screen; pure.
//!
//! ```text
//! exchange <prefix> (direct, durable)
//!   changes          → <prefix>.changes          dead-letters to changes.dead when its delivery limit is reached
//!   changes.wait.5s  → <prefix>.changes.wait.5s  no consumer; what expires goes back to changes
//!   changes.dead     → <prefix>.changes.dead     kept until it is looked at, redriven or discarded
//! ```
//!
//! All are quorum queues. Who dead-letters does so at least once: a message leaves its queue only when the next one has
//! it. There is one wait queue per delay because an expired message waits for the one at the head of its queue; a queue's
//! arguments cannot be changed, so the delay is in its name.

use std::time::Duration;

use ie_model::Queue;

use crate::Config;

/// A delay may be this much longer than the name of its wait queue, so that jitter needs no queue of its own.
const SLACK_PERCENT: u32 = 10;

/// A dead letter may be looked at as often as one likes; brokers from 4.0 on limit that unless told otherwise.
const UNLIMITED: i64 = i32::MAX as i64;

/// The names and arguments of one deployment.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    prefix: String,
    delays: Vec<Duration>,
    delivery_limit: u32,
}

/// One quorum queue and its binding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declaration {
    pub(crate) name: String,
    pub(crate) routing_key: String,
    pub(crate) arguments: Vec<(&'static str, Argument)>,
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
        }
    }

    /// The one exchange.
    pub(crate) fn exchange(&self) -> &str {
        &self.prefix
    }

    /// The full name of the queue that a routing key leads to.
    pub(crate) fn queue_name(&self, routing_key: &str) -> String {
        format!("{}.{routing_key}", self.prefix)
    }

    /// The routing key of the wait queue for a delay, and how long to wait there.
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
        (wait_key(queue, level), delay.min(lifetime(level)))
    }

    /// The routing keys of a queue's wait queues.
    pub(crate) fn wait_keys(&self, queue: Queue) -> impl Iterator<Item = String> {
        self.delays.iter().map(move |level| wait_key(queue, *level))
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
        let mut work = self.leading_to(dead_key(queue));
        work.push(limit);
        let unlimited = ("x-delivery-limit", Argument::Number(UNLIMITED));
        let mut all = vec![
            self.declaration(queue.name().to_owned(), work),
            self.declaration(dead_key(queue), vec![quorum(), unlimited]),
        ];
        for level in &self.delays {
            let milliseconds = i64::try_from(lifetime(*level).as_millis()).unwrap_or(i64::MAX);
            let mut arguments = self.leading_to(queue.name().to_owned());
            arguments.push(("x-message-ttl", Argument::Number(milliseconds)));
            all.push(self.declaration(wait_key(queue, *level), arguments));
        }
        all
    }

    /// The arguments of a queue that hands messages on, losing none on the way.
    fn leading_to(&self, routing_key: String) -> Vec<(&'static str, Argument)> {
        vec![
            quorum(),
            (
                "x-dead-letter-exchange",
                Argument::Text(self.prefix.clone()),
            ),
            ("x-dead-letter-routing-key", Argument::Text(routing_key)),
            (
                "x-dead-letter-strategy",
                Argument::Text("at-least-once".to_owned()),
            ),
            ("x-overflow", Argument::Text("reject-publish".to_owned())),
        ]
    }

    fn declaration(
        &self,
        routing_key: String,
        arguments: Vec<(&'static str, Argument)>,
    ) -> Declaration {
        Declaration {
            name: self.queue_name(&routing_key),
            routing_key,
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
    #[case(100, "changes.wait.1s", 100)]
    #[case(1_100, "changes.wait.1s", 1_100)]
    #[case(1_101, "changes.wait.5s", 1_101)]
    #[case(33_000, "changes.wait.30s", 33_000)]
    #[case(200_000_000, "changes.wait.24h", 95_040_000)]
    fn a_delay_takes_the_first_wait_queue_that_is_long_enough(
        #[case] delay: u64,
        #[case] key: &str,
        #[case] waits: u64,
    ) {
        let found = topology().wait_for(Queue::Changes, Duration::from_millis(delay));

        assert_eq!(found, (key.to_owned(), Duration::from_millis(waits)));
    }

    #[test]
    fn every_dead_letter_exchange_leads_to_a_queue_that_is_bound() {
        let declarations = topology().declarations();
        let keys: Vec<_> = declarations.iter().map(|d| d.routing_key.clone()).collect();

        for declaration in &declarations {
            if let Some(Argument::Text(target)) = argument(declaration, "x-dead-letter-routing-key")
            {
                assert!(keys.contains(target), "{target} of {}", declaration.name);
            } else {
                assert!(declaration.name.ends_with(".dead"), "{}", declaration.name);
            }
        }
    }

    #[test]
    fn every_queue_is_a_quorum_queue_and_its_name_begins_with_the_prefix() {
        for declaration in topology().declarations() {
            assert_eq!(
                argument(&declaration, "x-queue-type"),
                Some(&Argument::Text("quorum".into()))
            );
            assert_eq!(declaration.name, format!("ie.{}", declaration.routing_key));
        }
    }

    proptest! {
        #[test]
        fn a_delay_within_the_levels_is_waited_in_full(milliseconds in 1u64..95_040_000) {
            let delay = Duration::from_millis(milliseconds);
            let topology = topology();

            let (key, waits) = topology.wait_for(Queue::Poll, delay);

            prop_assert_eq!(waits, delay);
            prop_assert!(topology.wait_keys(Queue::Poll).any(|wait| wait == key));
        }
    }
}
