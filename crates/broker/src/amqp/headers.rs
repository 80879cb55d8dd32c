//! An envelope as AMQP properties and headers, and back.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use crate::envelope::{Death, Envelope};
use crate::propagation::TraceContext;

const KIND: &str = "ie-kind";
const VERSION: &str = "ie-version";
const ATTEMPT: &str = "ie-attempt";
const PUBLISHED_AT: &str = "ie-published-at";
const REPUBLISHED: &str = "ie-republished";
const DEAD_REASON: &str = "ie-dead-reason";
const DEAD_AT: &str = "ie-dead-at";
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Set by the broker when it dead-letters a message itself.
const FIRST_DEATH_REASON: &str = "x-first-death-reason";

const PERSISTENT: u8 = 2;

/// The properties of a message; with `expiration` it stays no longer in the queue it is published to.
///
/// Headers are made anew each time, so nothing that the broker added is carried along: its `x-death` would make it
/// believe in a cycle.
pub(super) fn properties(envelope: &Envelope, expiration: Option<Duration>) -> BasicProperties {
    let mut headers = FieldTable::default();
    let mut text = |name: &str, value: &str| {
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    text(KIND, &envelope.kind);
    if let Some(at) = envelope.published_at {
        text(PUBLISHED_AT, &written(at));
    }
    if let Some(traceparent) = &envelope.trace.traceparent {
        text(TRACEPARENT, traceparent);
    }
    if let Some(tracestate) = &envelope.trace.tracestate {
        text(TRACESTATE, tracestate);
    }
    if let Some(death) = &envelope.dead {
        text(DEAD_REASON, &death.reason);
        if let Some(at) = death.at {
            text(DEAD_AT, &written(at));
        }
    }
    headers.insert(
        VERSION.into(),
        AMQPValue::LongLongInt(envelope.version.into()),
    );
    headers.insert(
        ATTEMPT.into(),
        AMQPValue::LongLongInt(envelope.attempt.into()),
    );
    headers.insert(REPUBLISHED.into(), AMQPValue::Boolean(envelope.republished));

    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_message_id(envelope.message_id.as_str().into())
        .with_headers(headers);
    match expiration {
        Some(delay) => properties.with_expiration(delay.as_millis().to_string().into()),
        None => properties,
    }
}

/// Reads what arrived. What is missing is filled with what will be refused, or does no harm.
pub(super) fn envelope(properties: &BasicProperties, payload: Vec<u8>) -> Envelope {
    let empty = FieldTable::default();
    let headers = Headers(properties.headers().as_ref().unwrap_or(&empty));
    Envelope {
        message_id: properties
            .message_id()
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        kind: headers.text(KIND).unwrap_or_default(),
        version: headers.number(VERSION).unwrap_or_default(),
        attempt: headers.number(ATTEMPT).unwrap_or(1).max(1),
        published_at: headers.time(PUBLISHED_AT),
        republished: headers.flag(REPUBLISHED),
        trace: TraceContext {
            traceparent: headers.text(TRACEPARENT),
            tracestate: headers.text(TRACESTATE),
        },
        dead: headers.death(),
        payload: payload.into(),
    }
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

struct Headers<'a>(&'a FieldTable);

impl Headers<'_> {
    fn text(&self, name: &str) -> Option<String> {
        match self.0.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            AMQPValue::ShortString(text) => Some(text.to_string()),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<u32> {
        let number = match self.0.inner().get(name)? {
            AMQPValue::ShortShortInt(number) => i64::from(*number),
            AMQPValue::ShortShortUInt(number) => i64::from(*number),
            AMQPValue::ShortInt(number) => i64::from(*number),
            AMQPValue::ShortUInt(number) => i64::from(*number),
            AMQPValue::LongInt(number) => i64::from(*number),
            AMQPValue::LongUInt(number) => i64::from(*number),
            AMQPValue::LongLongInt(number) => *number,
            _ => return None,
        };
        u32::try_from(number).ok()
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.0.inner().get(name), Some(AMQPValue::Boolean(true)))
    }

    fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        let text = self.text(name)?;
        Some(DateTime::parse_from_rfc3339(&text).ok()?.to_utc())
    }

    fn death(&self) -> Option<Death> {
        if let Some(reason) = self.text(DEAD_REASON) {
            return Some(Death {
                reason,
                at: self.time(DEAD_AT),
            });
        }
        let reason = self.text(FIRST_DEATH_REASON)?;
        let reason = format!("the broker gave up: {reason} (broker.delivery_limit)");
        Some(Death { reason, at: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Envelope {
        Envelope {
            message_id: "n-1".into(),
            kind: "note".into(),
            version: 3,
            attempt: 7,
            published_at: DateTime::from_timestamp_millis(1_700_000_000_123),
            republished: true,
            trace: TraceContext {
                traceparent: Some("00-4bf9-01".into()),
                tracestate: Some("vendor=1".into()),
            },
            dead: Some(Death {
                reason: "refused".into(),
                at: Some(DateTime::UNIX_EPOCH),
            }),
            payload: vec![1, 2, 3].into(),
        }
    }

    #[test]
    fn an_envelope_survives_the_wire() {
        let properties = properties(&sample(), Some(Duration::from_millis(1500)));

        assert_eq!(properties.expiration().as_ref().unwrap().as_str(), "1500");
        assert_eq!(properties.delivery_mode(), &Some(2));
        assert_eq!(envelope(&properties, vec![1, 2, 3]), sample());
    }

    #[test]
    fn the_trace_context_is_written_as_long_strings() {
        let properties = properties(&sample(), None);

        let headers = properties.headers().as_ref().unwrap().inner();
        for name in [TRACEPARENT, TRACESTATE] {
            assert!(
                matches!(headers.get(name), Some(AMQPValue::LongString(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn a_foreign_message_has_no_kind_and_is_a_first_attempt() {
        let foreign = envelope(&BasicProperties::default(), Vec::new());

        assert_eq!(
            (foreign.kind.as_str(), foreign.version, foreign.attempt),
            ("", 0, 1)
        );
    }

    #[test]
    fn a_message_that_the_broker_gave_up_on_says_so() {
        let mut headers = FieldTable::default();
        headers.insert(
            FIRST_DEATH_REASON.into(),
            AMQPValue::LongString("delivery_limit".into()),
        );
        let properties = BasicProperties::default().with_headers(headers);

        let dead = envelope(&properties, Vec::new()).into_dead_letter();

        assert!(dead.reason.contains("delivery_limit"), "{}", dead.reason);
    }
}
