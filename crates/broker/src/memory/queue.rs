//! One in-process queue: what is ready, what waits for its time, what is with a handler, and the dead letters.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::consumer::Arrival;
use crate::envelope::{DeadLetter, Envelope};
use crate::{Depth, Error};

/// How much an in-process queue holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Messages, those that wait or are with a handler included; more are refused.
    pub(crate) messages: usize,
    /// Bytes of the messages that are ready; publishers wait for room.
    pub(crate) bytes: usize,
}

/// A bounded queue. Nothing runs in the background: what is due is found by whoever looks.
#[derive(Debug)]
pub(crate) struct WorkQueue {
    name: String,
    bounds: Bounds,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Arrival>,
    /// The bytes of the ready ones.
    bytes: usize,
    /// By due time, and in order of arrival among equals.
    waiting: BTreeMap<(Instant, u64), Envelope>,
    in_flight: usize,
    dead: VecDeque<Envelope>,
    sequence: u64,
}

impl State {
    /// Moves what is due to the ready ones; returns when the next one is.
    fn promote(&mut self, now: Instant) -> Option<Instant> {
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0 > now {
                return Some(entry.key().0);
            }
            let envelope = entry.remove();
            self.append(envelope);
        }
        None
    }

    fn append(&mut self, envelope: Envelope) {
        self.bytes += envelope.payload.len();
        self.ready.push_back(Arrival {
            envelope,
            redelivered: false,
        });
    }

    fn pop(&mut self) -> Option<Arrival> {
        let arrival = self.ready.pop_front()?;
        self.bytes -= arrival.envelope.payload.len();
        Some(arrival)
    }

    fn held(&self) -> usize {
        self.ready.len() + self.waiting.len() + self.in_flight
    }
}

impl WorkQueue {
    pub(crate) fn new(name: String, bounds: Bounds) -> Self {
        Self {
            name,
            bounds,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Takes a message in, as soon as there is room for its bytes; unless the queue is full, or has no room by `deadline`.
    pub(crate) async fn publish(&self, envelope: Envelope, deadline: Instant) -> Result<(), Error> {
        let mut envelope = Some(envelope);
        let taken_in = async {
            loop {
                let mut changed = pin!(self.changed.notified());
                changed.as_mut().enable();
                if self.offer(&mut envelope)? {
                    return Ok(());
                }
                changed.await;
            }
        };
        let outcome = timeout_at(deadline, taken_in).await;
        outcome.unwrap_or_else(|_| Err(self.full()))
    }

    /// Whether there was room for the bytes.
    fn offer(&self, envelope: &mut Option<Envelope>) -> Result<bool, Error> {
        {
            let mut state = self.state();
            if state.held() >= self.bounds.messages {
                return Err(self.full());
            }
            // One message too large for the bound still gets through an empty queue.
            if state.bytes >= self.bounds.bytes {
                return Ok(false);
            }
            let Some(envelope) = envelope.take() else {
                return Ok(true);
            };
            state.append(envelope);
        }
        self.changed.notify_waiters();
        Ok(true)
    }

    fn full(&self) -> Error {
        Error::Full {
            queue: self.name.clone(),
            capacity: self.bounds.messages,
        }
    }

    /// The next message, as soon as there is one.
    pub(crate) async fn take(queue: &Arc<Self>) -> Taken {
        loop {
            // Registered before the look, so that no change in between is missed.
            let mut changed = pin!(queue.changed.notified());
            changed.as_mut().enable();
            let due = {
                let mut state = queue.state();
                let due = state.promote(Instant::now());
                if let Some(arrival) = state.pop() {
                    state.in_flight += 1;
                    drop(state);
                    // Whoever waits for room has it now.
                    queue.changed.notify_waiters();
                    return Taken {
                        queue: Arc::clone(queue),
                        arrival: Some(arrival),
                    };
                }
                due
            };
            match due {
                Some(due) => tokio::select! { () = changed => (), () = sleep_until(due) => () },
                None => changed.await,
            }
        }
    }

    pub(crate) fn depth(&self) -> Depth {
        let mut state = self.state();
        state.promote(Instant::now());
        Depth {
            ready: state.ready.len(),
            waiting: state.waiting.len(),
            dead: state.dead.len(),
        }
    }

    pub(crate) fn dead_letters(&self, limit: usize) -> Vec<DeadLetter> {
        let state = self.state();
        state
            .dead
            .iter()
            .take(limit)
            .cloned()
            .map(Envelope::into_dead_letter)
            .collect()
    }

    pub(crate) fn discard_dead(&self, ids: &HashSet<String>) -> usize {
        let mut state = self.state();
        let before = state.dead.len();
        state
            .dead
            .retain(|envelope| !ids.contains(&envelope.message_id));
        before - state.dead.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change leaves the state whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message with a handler. Dropped without being settled it returns to the head of its queue.
#[derive(Debug)]
pub(crate) struct Taken {
    queue: Arc<WorkQueue>,
    arrival: Option<Arrival>,
}

impl Taken {
    pub(crate) fn arrival(&self) -> &Arrival {
        self.arrival
            .as_ref()
            .expect("settling a message consumes it")
    }

    pub(crate) fn acknowledge(mut self) {
        self.settle(|_, _| ());
    }

    /// Hands it out again after `delay`. The queue's limit does not apply: it holds the message already.
    pub(crate) fn put_off(mut self, delay: Duration, attempt: u32) {
        let due = Instant::now() + delay;
        self.settle(|state, envelope| {
            state.sequence += 1;
            state
                .waiting
                .insert((due, state.sequence), envelope.again(attempt));
        });
    }

    /// Puts it to the dead letters. They are bounded too: the oldest makes room, its record is in the store.
    pub(crate) fn bury(mut self, reason: &str, now: DateTime<Utc>) {
        let capacity = self.queue.bounds.messages;
        self.settle(|state, envelope| {
            if state.dead.len() >= capacity {
                state.dead.pop_front();
            }
            state.dead.push_back(envelope.died(reason, now));
        });
    }

    fn settle(&mut self, change: impl FnOnce(&mut State, Envelope)) {
        let arrival = self.arrival.take().expect("settling a message consumes it");
        {
            let mut state = self.queue.state();
            state.in_flight -= 1;
            change(&mut state, arrival.into_envelope());
        }
        self.queue.changed.notify_waiters();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(arrival) = self.arrival.take() {
            {
                let mut state = self.queue.state();
                state.in_flight -= 1;
                state.bytes += arrival.envelope.payload.len();
                state.ready.push_front(Arrival {
                    redelivered: true,
                    ..arrival
                });
            }
            self.queue.changed.notify_waiters();
        }
    }
}
