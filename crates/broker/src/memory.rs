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
use crate::{Config, Depth, Error};
use queue::{Bounds, Taken, WorkQueue};

/// The in-process queues.
#[derive(Debug)]
pub(crate) struct Memory {
    poll: Arc<WorkQueue>,
    changes: Arc<WorkQueue>,
    /// How long a publisher waits for room.
    patience: Duration,
    clock: SharedClock,
}

impl Memory {
    pub(crate) fn new(config: &Config, clock: SharedClock) -> Self {
        let queue = |queue: Queue| {
            let name = format!("{}.{}", config.prefix, queue.name());
            let bounds = Bounds {
                messages: config.memory_capacity,
                bytes: config.memory_bytes,
            };
            Arc::new(WorkQueue::new(name, bounds))
        };
        Self {
            poll: queue(Queue::Poll),
            changes: queue(Queue::Changes),
            patience: config.publish_timeout,
            clock,
        }
    }

    fn queue(&self, queue: Queue) -> &Arc<WorkQueue> {
        match queue {
            Queue::Poll => &self.poll,
            Queue::Changes => &self.changes,
        }
    }

    pub(crate) async fn publish(
        &self,
        queue: Queue,
        envelopes: Vec<Envelope>,
    ) -> Vec<Result<(), Error>> {
        let queue = self.queue(queue);
        let deadline = Instant::now() + self.patience;
        let mut outcomes = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            outcomes.push(queue.publish(envelope, deadline).await);
        }
        outcomes
    }

    pub(crate) async fn consume(
        &self,
        queue: Queue,
        prefetch: u16,
        attendant: Attendant,
        lifecycle: &Lifecycle,
    ) {
        let work = self.queue(queue);
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
                consumer::count(queue, &verdict, taken.arrival().envelope.attempt);
                settle(taken, verdict, &clock);
                drop(slot);
            });
        }
        consumer::wait_for_handlers(&slots, prefetch, lifecycle).await;
    }

    pub(crate) fn depth(&self, queue: Queue) -> Depth {
        self.queue(queue).depth()
    }

    pub(crate) fn dead_letters(&self, queue: Queue, limit: usize) -> Vec<DeadLetter> {
        self.queue(queue).dead_letters(limit)
    }

    pub(crate) fn discard_dead(&self, queue: Queue, ids: &HashSet<String>) -> usize {
        self.queue(queue).discard_dead(ids)
    }
}

fn settle(taken: Taken, verdict: Verdict, clock: &SharedClock) {
    match verdict {
        Verdict::Done => taken.acknowledge(),
        Verdict::Wait { delay, attempt } => taken.put_off(delay, attempt),
        Verdict::Dead { reason } => taken.bury(&reason, clock.now()),
    }
}
