#![doc = include_str!("../README.md")]

mod amqp;
mod config;
mod consumer;
mod envelope;
mod error;
mod failure;
mod memory;
mod propagation;
mod publisher;
mod shard;
mod sorter;
mod topology;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use ie_model::{Message, Queue};
use ie_platform::{Context, Lifecycle, SharedClock};

pub use config::Config;
pub use consumer::{ConsumerSettings, Delivery, Handler};
pub use envelope::{DeadLetter, Outgoing};
pub use error::Error;
pub use failure::{BoxError, Decision, Failure};

use amqp::Amqp;
use failure::Schedule;
use memory::Memory;
use publisher::{Parcel, Place};
use shard::Shard;
use sorter::Sorter;

/// The queue. Clones share the same connection and the same in-process queues.
#[derive(Clone, Debug)]
pub struct Broker {
    backend: Backend,
    place: Place,
    /// Shared by all clones: an instance has one share in this process.
    sorter: Arc<Sorter>,
    schedule: Schedule,
    longest_delay: Duration,
    clock: SharedClock,
}

#[derive(Clone, Debug)]
enum Backend {
    Memory(Arc<Memory>),
    Amqp(Arc<Amqp>),
}

/// Dead letters that are judged at once.
const SIFTED_AT_ONCE: usize = 500;

/// How many messages a queue holds; those with a handler are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// To be handed out now.
    pub ready: usize,
    /// To be handed out later.
    pub waiting: usize,
    /// Dead letters.
    pub dead: usize,
}

/// Says of dead letters which are not wanted any more.
#[async_trait]
pub trait Judge: Send {
    /// The ids of those to remove.
    async fn remove(&mut self, letters: &[DeadLetter]) -> HashSet<String>;
}

/// Removes those with these ids.
struct Named<'a>(&'a HashSet<String>);

#[async_trait]
impl Judge for Named<'_> {
    async fn remove(&mut self, letters: &[DeadLetter]) -> HashSet<String> {
        let found = letters.iter().map(|letter| &letter.message_id);
        found.filter(|id| self.0.contains(*id)).cloned().collect()
    }
}

impl Broker {
    /// The in-process queue; `config.url` is not looked at.
    pub fn memory(config: &Config, clock: SharedClock) -> Self {
        let memory = Memory::new(config, Arc::clone(&clock));
        Self::with(Backend::Memory(Arc::new(memory)), config, clock)
    }

    /// The queue that `config.url` names; waits for a RabbitMQ that is not there yet, until the soft stop.
    ///
    /// Declares every queue, registers the health component `broker` and keeps it true.
    pub async fn connect(config: &Config, context: &Context) -> Result<Self, Error> {
        let clock = Arc::clone(&context.clock);
        if config.is_memory() {
            context.health.component("broker").set_ready();
            return Ok(Self::memory(config, clock));
        }
        let amqp = Amqp::connect(config, context).await?;
        Ok(Self::with(Backend::Amqp(amqp), config, clock))
    }

    fn with(backend: Backend, config: &Config, clock: SharedClock) -> Self {
        let (system, partitions) = match &backend {
            Backend::Memory(_) => ("memory", 1),
            Backend::Amqp(_) => ("rabbitmq", config.partitions),
        };
        let exchange = config.prefix.clone();
        let (place, schedule) = (Place { system, exchange }, Schedule::new(config));
        Self {
            backend,
            place,
            sorter: Arc::new(Sorter::new(partitions, config.bulk_after)),
            schedule,
            longest_delay: config.longest_delay(),
            clock,
        }
    }

    /// Whether messages survive this process. Where not, its store publishes them again at the next start.
    pub fn is_durable(&self) -> bool {
        matches!(self.backend, Backend::Amqp(_))
    }

    /// The longest time that a message can wait in full.
    pub fn longest_delay(&self) -> Duration {
        self.longest_delay
    }

    /// Publishes messages and waits for the confirmation of each: all are sent, then all are confirmed.
    ///
    /// An outcome per message, in their order. The error outside means that nothing was sent.
    /// After [`Error::Disconnected`] a message may have arrived: publish it again as `republished`.
    pub async fn publish<M: Message>(
        &self,
        messages: &[Outgoing<'_, M>],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let mut outcomes = Vec::with_capacity(messages.len());
        let mut parcels: Vec<Parcel> = Vec::with_capacity(messages.len());
        for packed in publisher::pack(messages, (&self.place, &self.sorter), &self.clock) {
            match packed {
                Ok(parcel) => {
                    parcels.push(parcel);
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        let envelopes = parcels
            .iter()
            .map(|parcel| (parcel.shard, parcel.envelope.clone()))
            .collect();
        let sent = match &self.backend {
            Backend::Memory(memory) => memory.publish(envelopes).await,
            Backend::Amqp(amqp) => amqp.publish(envelopes).await?,
        };
        let mut sent = parcels.into_iter().zip(sent).map(|(parcel, outcome)| {
            parcel.settle(&outcome);
            outcome
        });
        let fill = |outcome: Option<_>| {
            outcome.unwrap_or_else(|| sent.next().expect("each parcel has an outcome"))
        };
        Ok(outcomes.into_iter().map(fill).collect())
    }

    /// Publishes one message and waits for its confirmation.
    pub async fn publish_one<M: Message>(&self, message: Outgoing<'_, M>) -> Result<(), Error> {
        let mut outcomes = self.publish(&[message]).await?;
        outcomes.pop().expect("one message has one outcome")
    }

    /// Hands messages to `handler` until the soft stop; then finishes those under way and returns.
    ///
    /// Up to `settings.prefetch` handlers run at once, as tracked tasks: [`Self::window`] from each shard. Lost connections
    /// are made again.
    pub async fn consume<M: Message, H: Handler<M>>(
        &self,
        settings: ConsumerSettings,
        handler: Arc<H>,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<()> {
        anyhow::ensure!(
            settings.prefetch > 0,
            "a consumer needs a prefetch of at least 1"
        );
        let window = self.window(M::QUEUE, settings.prefetch);
        let consume = async |shard: Shard| {
            let place = (self.place.clone(), shard.key());
            let attendant = consumer::attendant(Arc::clone(&handler), place, self.schedule.clone());
            match &self.backend {
                Backend::Memory(memory) => {
                    memory.consume(shard, window, attendant, lifecycle).await
                }
                Backend::Amqp(amqp) => amqp.consume(shard, window, attendant, lifecycle).await,
            }
        };
        join_all(self.shards(M::QUEUE).into_iter().map(consume)).await;
        Ok(())
    }

    /// How many of `prefetch` messages are handled at once from each shard of a queue: at least one.
    pub fn window(&self, queue: Queue, prefetch: u16) -> u16 {
        shard::share(prefetch, self.shards(queue).len())
    }

    fn shards(&self, queue: Queue) -> Vec<Shard> {
        match &self.backend {
            Backend::Memory(_) => Shard::all(queue, 1),
            Backend::Amqp(amqp) => amqp.shards(queue),
        }
    }

    /// How many messages a queue holds.
    pub async fn depth(&self, queue: Queue) -> Result<Depth, Error> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.depth(queue)),
            Backend::Amqp(amqp) => amqp.depth(queue).await,
        }
    }

    /// How many messages a queue has to be handed out now: [`Depth::ready`] without the rest.
    pub async fn backlog(&self, queue: Queue) -> Result<usize, Error> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.depth(queue).ready),
            Backend::Amqp(amqp) => amqp.backlog(queue).await,
        }
    }

    /// Looks at up to `limit` dead letters and leaves them where they are.
    pub async fn dead_letters(&self, queue: Queue, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.dead_letters(queue, limit)),
            Backend::Amqp(amqp) => amqp.dead_letters(queue, limit).await,
        }
    }

    /// Removes the dead letters with these ids, every copy; returns how many they were.
    pub async fn discard_dead(&self, queue: Queue, ids: &HashSet<String>) -> Result<usize, Error> {
        self.sift_dead(queue, &mut Named(ids)).await
    }

    /// Goes once through all dead letters, some at a time, and removes those that `judge` names; returns how many they
    /// were. The others stay where they are.
    pub async fn sift_dead(&self, queue: Queue, judge: &mut dyn Judge) -> Result<usize, Error> {
        match &self.backend {
            Backend::Memory(memory) => {
                let letters = memory.dead_letters(queue, usize::MAX);
                let mut ids = HashSet::new();
                for letters in letters.chunks(SIFTED_AT_ONCE) {
                    ids.extend(judge.remove(letters).await);
                }
                Ok(memory.discard_dead(queue, &ids))
            }
            Backend::Amqp(amqp) => amqp.sift_dead(queue, SIFTED_AT_ONCE, judge).await,
        }
    }
}
