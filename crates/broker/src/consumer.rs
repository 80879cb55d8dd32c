//! What happens to a message between its arrival and its settlement, on whichever backend.
//!
//! A [`Handler`] only says how it went. The backends take the [`Verdict`] and are the only ones that acknowledge.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use ie_model::{Message, Queue};
use ie_platform::Lifecycle;
use tokio::sync::Semaphore;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::envelope::{Envelope, Unreadable};
use crate::failure::{Decision, Failure, Schedule, Step};
use crate::publisher::Place;

/// How a consumer takes messages.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerSettings {
    /// How many messages are handled at once, of all shards of the queue together; as many are fetched from the broker.
    pub prefetch: u16,
}

/// What is known of a message besides its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The identity of the message: the same however often it comes.
    pub message_id: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The message may have been handled before: look up what was done already.
    pub redelivered: bool,
    /// When it was published first.
    pub published_at: Option<DateTime<Utc>>,
    /// The trace it was published in.
    pub traceparent: Option<String>,
}

/// Handles the messages of one kind. It may be given a message twice and has to be idempotent.
#[async_trait]
pub trait Handler<M>: Send + Sync + 'static {
    /// Handles one message. A panic counts as [`Failure::retry`].
    async fn handle(&self, message: M, delivery: &Delivery) -> Result<(), Failure>;
}

/// A message as a backend received it.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) envelope: Envelope,
    /// The backend has handed it out before.
    pub(crate) redelivered: bool,
}

impl Arrival {
    /// What goes on with the message, in which it stays known that it may have been handled before.
    pub(crate) fn into_envelope(self) -> Envelope {
        Envelope {
            republished: self.envelope.republished || self.redelivered,
            ..self.envelope
        }
    }
}

/// What the backend has to do before it lets the message go.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing: it was handled.
    Done,
    /// Keep it for so long, then hand it out again.
    Wait {
        delay: std::time::Duration,
        attempt: u32,
    },
    /// Put it to the dead letters.
    Dead { reason: String },
}

/// The handler of a queue with its message's type erased, so that backends are not generic.
pub(crate) type Attendant = Arc<dyn Fn(&Arrival) -> BoxFuture<'static, Verdict> + Send + Sync>;

/// Joins a handler with the retry schedule, for the shard with a routing key.
pub(crate) fn attendant<M: Message, H: Handler<M>>(
    handler: Arc<H>,
    (place, key): (Place, String),
    schedule: Schedule,
) -> Attendant {
    Arc::new(move |arrival: &Arrival| {
        let span = process_span(&key, &place, &arrival.envelope);
        let delivery = delivery_of(arrival);
        let message = arrival.envelope.parse::<M>();
        let (handler, schedule) = (Arc::clone(&handler), schedule.clone());
        let attend = async move {
            let in_flight = InFlight::begin(M::QUEUE);
            let verdict = match message {
                Ok(message) => {
                    let outcome = call(&*handler, message, &delivery).await;
                    judge(outcome, &delivery, &schedule)
                }
                Err(unreadable) => refuse(&unreadable, &delivery),
            };
            drop(in_flight);
            verdict
        };
        attend.instrument(span).boxed()
    })
}

fn delivery_of(arrival: &Arrival) -> Delivery {
    let envelope = &arrival.envelope;
    Delivery {
        message_id: envelope.message_id.clone(),
        attempt: envelope.attempt,
        redelivered: arrival.redelivered || envelope.republished,
        published_at: envelope.published_at,
        traceparent: envelope.trace.traceparent.clone(),
    }
}

async fn call<M, H: Handler<M>>(
    handler: &H,
    message: M,
    delivery: &Delivery,
) -> Result<(), Failure> {
    let outcome = AssertUnwindSafe(handler.handle(message, delivery))
        .catch_unwind()
        .await;
    outcome.unwrap_or_else(|panic| {
        Err(Failure::retry(format!(
            "the handler panicked: {}",
            panic_text(&*panic)
        )))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

/// Turns an outcome into what to do, and says it in the log unless the handler has.
fn judge(outcome: Result<(), Failure>, delivery: &Delivery, schedule: &Schedule) -> Verdict {
    let Err(failure) = outcome else {
        return Verdict::Done;
    };
    Span::current().record("error.type", failure_label(&failure));
    let (id, attempt) = (&delivery.message_id, delivery.attempt);
    match schedule.step(&failure, attempt, rand::random()) {
        Step::Wait {
            delay,
            attempt: next,
        } => {
            let delay_ms = delay.as_millis();
            if next == attempt || failure.is_told() {
                tracing::debug!(message.id = id, delivery.attempt = attempt, delay_ms, error = %failure,
                    "message comes back later");
            } else {
                tracing::warn!(message.id = id, delivery.attempt = attempt, delay_ms, error = %failure,
                    "message was not handled and comes back");
            }
            Verdict::Wait {
                delay,
                attempt: next,
            }
        }
        Step::Dead { reason } => {
            if failure.is_told() {
                tracing::debug!(message.id = id, error = reason, "message is a dead letter");
            } else {
                tracing::error!(
                    message.id = id,
                    delivery.attempt = attempt,
                    error = reason,
                    "message is a dead letter"
                );
            }
            Verdict::Dead { reason }
        }
    }
}

fn refuse(unreadable: &Unreadable, delivery: &Delivery) -> Verdict {
    let reason = unreadable.to_string();
    Span::current().record("error.type", "unreadable");
    tracing::error!(
        message.id = delivery.message_id,
        error = reason,
        "message is a dead letter"
    );
    Verdict::Dead { reason }
}

fn failure_label(failure: &Failure) -> &'static str {
    match failure.decision() {
        Decision::Retry | Decision::RetryAfter(_) => "retry",
        Decision::Park(_) => "park",
        Decision::DeadLetter => "dead_letter",
    }
}

/// Counts a message that its backend has settled.
pub(crate) fn count(queue: Queue, verdict: &Verdict, attempt: u32) {
    let outcome = match verdict {
        Verdict::Done => "done",
        Verdict::Wait { attempt: next, .. } if *next == attempt => "parked",
        Verdict::Wait { .. } => "retried",
        Verdict::Dead { .. } => "dead",
    };
    metrics::counter!("ie_messages_processed_total", "queue" => queue.name(), "outcome" => outcome)
        .increment(1);
    if matches!(verdict, Verdict::Dead { .. }) {
        metrics::counter!("ie_dead_letters_total", "queue" => queue.name()).increment(1);
    }
}

/// The gauge of messages with a handler, also when the handler is dropped.
struct InFlight(metrics::Gauge);

impl InFlight {
    fn begin(queue: Queue) -> Self {
        let gauge = metrics::gauge!("ie_messages_in_flight", "queue" => queue.name());
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

fn process_span(key: &str, place: &Place, envelope: &Envelope) -> Span {
    let exchange = &place.exchange;
    let name = format!("{exchange}.{key}");
    let span = tracing::info_span!(
        parent: None,
        "process",
        otel.name = format!("process {name}"),
        otel.kind = "consumer",
        messaging.system = place.system,
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = format!("{exchange}:{key}:{name}"),
        messaging.rabbitmq.destination.routing_key = place.routing_key(key),
        messaging.message.id = envelope.message_id,
        delivery.attempt = envelope.attempt,
        error.type = Empty,
    );
    envelope.trace.set_as_parent_of(&span);
    envelope.trace.link_to(&span);
    span
}

/// After the soft stop: waits until every handler has ended, or the hard stop comes.
pub(crate) async fn wait_for_handlers(slots: &Semaphore, prefetch: u16, lifecycle: &Lifecycle) {
    let aborting = lifecycle.aborting();
    let all_slots = slots.acquire_many(prefetch.into());
    // Either way there is nothing left to wait for.
    drop(aborting.run_until_cancelled(all_slots).await);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::propagation::TraceContext;

    fn arrival(redelivered: bool, republished: bool) -> Arrival {
        Arrival {
            envelope: Envelope {
                message_id: "1".into(),
                kind: "note".into(),
                version: 1,
                attempt: 1,
                published_at: None,
                republished,
                trace: TraceContext::default(),
                dead: None,
                payload: Bytes::new(),
            },
            redelivered,
        }
    }

    #[test]
    fn what_may_have_been_handled_before_stays_known_as_such_when_it_is_put_off() {
        let cases = [(false, false), (true, false), (false, true)];

        let known = cases.map(|(redelivered, republished)| {
            let envelope = arrival(redelivered, republished).into_envelope();
            envelope.again(1).republished
        });

        assert_eq!(known, [false, true, true]);
    }
}
