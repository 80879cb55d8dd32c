//! The same contract without a server: everything in this process, in order, and deterministic under tokio's paused time.
//!
//! What is promised differs in one point alone: the queue ends with its process, so the store publishes again what was
//! not settled ([`crate::Broker::is_durable`]).

mod queue;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ie_model::Queue;
use ie_platform::{Lifecycle, SharedClock};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::consumer::{self, Attendant, Verdict};
use crate::envelope::{DeadLetter, Envelope};
use crate::shard::Shard;
use crate::{Config, Depth, Error};
use queue::{Bounds, Taken, WorkQueue};

/// The in-process queues.
#[derive(Debug)]
pub(crate) struct Memory {
    shards: Vec<(Shard, Arc<WorkQueue>)>,
    /// How long a publisher waits for room.
    patience: Duration,
    clock: SharedClock,
}

impl Memory {
    pub(crate) fn new(config: &Config, clock: SharedClock) -> Self {
        let bounds = Bounds {
            messages: config.memory_capacity,
            bytes: config.memory_bytes,
        };
        let queue = |shard: Shard| {
            let name = format!("{}.{}", config.prefix, shard.key());
            (shard, Arc::new(WorkQueue::new(name, bounds)))
        };
        let shards = Queue::ALL
            .into_iter()
            .flat_map(|queue| Shard::all(queue, 1));
        Self {
            shards: shards.map(queue).collect(),
            patience: config.publish_timeout,
            clock,
        }
    }

    fn shard(&self, shard: Shard) -> &Arc<WorkQueue> {
        let found = self.shards.iter().find(|(known, _)| *known == shard);
        let (_, queue) = found.expect("there is a queue for each shard of one partition");
        queue
    }

    /// The shards of a queue.
    fn of(&self, queue: Queue) -> impl Iterator<Item = &Arc<WorkQueue>> {
        let shards = self.shards.iter();
        shards.filter_map(move |(shard, work)| (shard.queue == queue).then_some(work))
    }

    pub(crate) async fn publish(
        &self,
        envelopes: Vec<(Shard, Envelope)>,
    ) -> Vec<Result<(), Error>> {
        let deadline = Instant::now() + self.patience;
        let mut outcomes = Vec::with_capacity(envelopes.len());
        for (shard, envelope) in envelopes {
            outcomes.push(self.shard(shard).publish(envelope, deadline).await);
        }
        outcomes
    }

    pub(crate) async fn consume(
        &self,
        shard: Shard,
        prefetch: u16,
        attendant: Attendant,
        lifecycle: &Lifecycle,
    ) {
        let work = self.shard(shard);
        let slots = Arc::new(Semaphore::new(prefetch.into()));
        loop {
            let next = async {
                // The slot first: a message that is not begun stays in the queue.
                let slot = Arc::clone(&slots).acquire_owned().await;
                (
                    slot.expect("the semaphore is never closed"),
                    WorkQueue::take(work).await,
                )
            };
            let Some((slot, taken)) = lifecycle.run_until_stopped(next).await else {
                break;
            };
            let (attendant, clock) = (Arc::clone(&attendant), Arc::clone(&self.clock));
            lifecycle.spawn_detail(async move {
                let verdict = attendant(taken.arrival()).await;
                consumer::count(shard.queue, &verdict, taken.arrival().envelope.attempt);
                settle(taken, verdict, &clock);
                drop(slot);
            });
        }
        consumer::wait_for_handlers(&slots, prefetch, lifecycle).await;
    }

    pub(crate) fn depth(&self, queue: Queue) -> Depth {
        let depths = self.of(queue).map(|work| work.depth());
        depths.fold(Depth::default(), |sum, one| Depth {
            ready: sum.ready + one.ready,
            waiting: sum.waiting + one.waiting,
            dead: sum.dead + one.dead,
        })
    }

    pub(crate) fn dead_letters(&self, queue: Queue, limit: usize) -> Vec<DeadLetter> {
        let letters = self.of(queue).flat_map(|work| work.dead_letters(limit));
        letters.take(limit).collect()
    }

    pub(crate) fn discard_dead(&self, queue: Queue, ids: &HashSet<String>) -> usize {
        self.of(queue).map(|work| work.discard_dead(ids)).sum()
    }
}

fn settle(taken: Taken, verdict: Verdict, clock: &SharedClock) {
    match verdict {
        Verdict::Done => taken.acknowledge(),
        Verdict::Wait { delay, attempt } => taken.put_off(delay, attempt),
        Verdict::Dead { reason } => taken.bury(&reason, clock.now()),
    }
}
