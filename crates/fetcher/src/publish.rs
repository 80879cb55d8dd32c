//! Stored notifications into the queue: publish, wait for the confirmation, then mark RECEIVED.

use chrono::{DateTime, TimeDelta, Utc};
use ie_broker::{Broker, Outgoing};
use ie_model::{Notification, NotificationId};
use ie_store::Store;

/// A notification that the broker has confirmed and that nobody has tried after this long is looked at again.
const OVERDUE: TimeDelta = TimeDelta::minutes(15);

/// Publishes notifications and marks those that the broker has confirmed; gives their number.
///
/// What is not confirmed stays NEW and is the relay's: it is repeated, never lost. Dying between the
/// confirmation and the mark publishes it twice; the second copy finds the attempt recorded.
pub(crate) async fn publish(
    broker: &Broker,
    store: &Store,
    batch: &[Outgoing<'_, Notification>],
    now: DateTime<Utc>,
) -> anyhow::Result<usize> {
    if batch.is_empty() {
        return Ok(0);
    }
    let outcomes = broker.publish(batch).await?;
    let mut refused = None;
    let mut confirmed: Vec<NotificationId> = Vec::with_capacity(batch.len());
    for (outgoing, outcome) in batch.iter().zip(outcomes) {
        match outcome {
            Ok(()) => confirmed.push(outgoing.message.id),
            Err(error) => refused = Some(error),
        }
    }
    store.mark_received(&confirmed, now + OVERDUE).await?;
    match refused {
        Some(error) => Err(error.into()),
        None => Ok(confirmed.len()),
    }
}
