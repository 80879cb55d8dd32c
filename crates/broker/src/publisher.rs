//! From a message to an envelope under way: its publish span, its trace context, and the count of its outcome.

use ie_model::{Message, Queue};
use ie_platform::SharedClock;
use tracing::Span;
use tracing::field::Empty;

use crate::envelope::{Envelope, Outgoing};
use crate::error::Error;
use crate::propagation::TraceContext;
use crate::shard::Shard;
use crate::sorter::Sorter;

/// What spans call the place that messages go through.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) system: &'static str,
    pub(crate) exchange: String,
}

impl Place {
    /// The attribute that only RabbitMQ has.
    pub(crate) fn routing_key<'a>(&self, key: &'a str) -> Option<&'a str> {
        (self.system == "rabbitmq").then_some(key)
    }
}

/// A message that is about to be sent, within the span that ends when its outcome is known.
pub(crate) struct Parcel {
    pub(crate) shard: Shard,
    pub(crate) envelope: Envelope,
    span: Span,
}

/// Packs messages; the ones that cannot be packed have their error in their place.
pub(crate) fn pack<M: Message>(
    messages: &[Outgoing<'_, M>],
    (place, sorter): (&Place, &Sorter),
    clock: &SharedClock,
) -> Vec<Result<Parcel, Error>> {
    let now = clock.now();
    let publisher = TraceContext::of(&Span::current()).unwrap_or_default();
    let pack_one = |outgoing: &Outgoing<'_, M>| {
        let mut envelope = Envelope::pack(outgoing, now)?;
        let shard = sorter.shard(M::QUEUE, outgoing.message.instance());
        let span = publish_span(&shard.key(), place, &envelope.message_id);
        let given = outgoing.traceparent.clone().map(TraceContext::stored);
        if let Some(given) = &given {
            given.set_as_parent_of(&span);
            given.link_if_other(&span, &publisher);
        }
        // Without a subscriber for traces the context is passed on as it came.
        envelope.trace = TraceContext::of(&span).or(given).unwrap_or_default();
        Ok(Parcel {
            shard,
            envelope,
            span,
        })
    };
    messages.iter().map(pack_one).collect()
}

impl Parcel {
    /// The outcome is known: counts it and ends the span.
    pub(crate) fn settle(self, outcome: &Result<(), Error>) {
        let label = match outcome {
            Ok(()) => "confirmed",
            Err(error) => {
                self.span.record("error.type", error.outcome());
                error.outcome()
            }
        };
        count(self.shard.queue, label);
    }
}

/// Counts a message by what became of its publishing.
pub(crate) fn count(queue: Queue, outcome: &'static str) {
    metrics::counter!("ie_messages_published_total", "queue" => queue.name(), "outcome" => outcome)
        .increment(1);
}

fn publish_span(key: &str, place: &Place, message_id: &str) -> Span {
    tracing::info_span!(
        "publish",
        otel.name = format!("publish {}.{key}", place.exchange),
        otel.kind = "producer",
        messaging.system = place.system,
        messaging.operation.name = "publish",
        messaging.operation.type = "send",
        messaging.destination.name = format!("{}:{key}", place.exchange),
        messaging.rabbitmq.destination.routing_key = place.routing_key(key),
        messaging.message.id = message_id,
        error.type = Empty,
    )
}
