//! What the log and the metrics say of deliveries: one line and one count for each message.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::deliver::Attempted;
use crate::lag;
use crate::schedule::Next;

/// Names and explains the metrics.
pub(crate) fn describe() {
    metrics::describe_counter!(
        "ie_deliveries_total",
        "Notifications taken from the queue, by outcome: accepted, failed, dead_letter, parked, stale, resumed, unrecorded"
    );
    metrics::describe_histogram!("ie_delivery_seconds", "How long calls of callbacks took");
    metrics::describe_gauge!(
        "ie_breakers_open",
        "Callbacks that this dispatcher leaves alone but for one probe at a time"
    );
    metrics::describe_gauge!("ie_deliveries_in_flight", "Calls of callbacks under way");
    lag::describe();
}

/// Counts one notification.
pub(crate) fn count(outcome: &'static str) {
    counter!("ie_deliveries_total", "outcome" => outcome).increment(1);
}

/// Notes how long a call took.
pub(crate) fn took(duration: Duration) {
    histogram!("ie_delivery_seconds").record(duration);
}

/// A call under way, for as long as it lives.
pub(crate) struct InFlight(());

impl InFlight {
    /// One more.
    pub(crate) fn enter() -> Self {
        gauge!("ie_deliveries_in_flight").increment(1.0);
        Self(())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!("ie_deliveries_in_flight").decrement(1.0);
    }
}

/// Says how an attempt ended and what comes next.
pub(crate) fn attempt(attempted: &Attempted, next: Next) {
    let Attempted { attempt, .. } = attempted;
    let event = attempt.notification;
    let instance = attempted.instance;
    let number = attempt.number;
    let duration_ms = attempt.duration_ms;
    let status = attempt.status_code;
    let error = attempt.error.as_deref().unwrap_or_default();
    match next {
        Next::Accepted => {
            count("accepted");
            tracing::info!(
                event.id = %event,
                instance.id = %instance,
                delivery.attempt = number,
                delivery.duration_ms = duration_ms,
                delivery.status = status,
                "delivered"
            );
        }
        Next::RetryAfter(delay) => {
            count("failed");
            tracing::warn!(
                event.id = %event,
                instance.id = %instance,
                delivery.attempt = number,
                delivery.duration_ms = duration_ms,
                delivery.status = status,
                delivery.retry_in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                error,
                "delivery failed, it is tried again"
            );
        }
        Next::DeadLetter => {
            count("dead_letter");
            tracing::error!(
                event.id = %event,
                instance.id = %instance,
                delivery.attempt = number,
                delivery.duration_ms = duration_ms,
                delivery.status = status,
                error,
                "delivery failed for the last time, the notification is a dead letter"
            );
        }
    }
}
