//! What becomes of dead letters: a second chance, or an end. The store decides; the queue follows.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ie_broker::Outgoing;
use ie_model::{Message as _, NotificationId, Queue, StoredNotification};
use ie_store::{NotificationFilter, Pace};

use crate::app::App;
use crate::error::Result;

/// Which dead letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which<'a> {
    /// Whose.
    pub(crate) filter: &'a NotificationFilter,
    /// Only these.
    pub(crate) ids: Option<&'a [NotificationId]>,
    /// So many at the most.
    pub(crate) limit: u32,
}

/// What a redrive did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Redriven {
    /// How many are tried again.
    pub(crate) redriven: usize,
    /// How many of them are in the queue already.
    pub(crate) queued: usize,
    /// When the last of them goes out.
    pub(crate) until: DateTime<Utc>,
}

/// Delivers dead letters again, at `api.redrive_rate`.
pub(crate) async fn redrive(app: &App, which: Which<'_>) -> Result<Redriven> {
    // A second's worth goes out now, the rest by the relay.
    let pace = Pace::spread(app.clock.now(), app.config.redrive_gap());
    let pace = pace.with_first(app.config.redrive_rate);
    let redriven = app
        .store
        .redrive(which.filter, which.ids, which.limit, pace)
        .await?;
    let now = redriven.len().min(pace.first() as usize);
    let queued = publish(app, &redriven[..now]).await;
    let last = u32::try_from(redriven.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let ids: HashSet<String> = redriven
        .iter()
        .map(|stored| stored.notification.message_id())
        .collect();
    // They are deliverable already: copies left in the dead queue only look odd.
    if let Err(error) = app.broker.discard_dead(Queue::Changes, &ids).await {
        tracing::warn!(%error, "redriven notifications stay in the dead-letter queue as well");
    }
    tracing::info!(redriven = redriven.len(), queued, "dead letters redriven");
    Ok(Redriven {
        redriven: redriven.len(),
        queued,
        until: pace.time(last),
    })
}

/// Gives dead letters up; how many they were.
pub(crate) async fn discard(app: &App, which: Which<'_>) -> Result<usize> {
    let now = app.clock.now();
    let discarded = app
        .store
        .discard(which.filter, which.ids, which.limit, now)
        .await?;
    let ids: HashSet<String> = discarded.iter().map(ToString::to_string).collect();
    // The store has decided; copies left in the dead queue only look odd.
    if let Err(error) = app.broker.discard_dead(Queue::Changes, &ids).await {
        tracing::warn!(%error, "discarded notifications stay in the dead-letter queue");
    }
    tracing::info!(discarded = discarded.len(), "dead letters discarded");
    Ok(discarded.len())
}

/// Puts notifications into the queue; gives how many it took. The relay looks after the others.
async fn publish(app: &App, redriven: &[StoredNotification]) -> usize {
    let outgoing: Vec<_> = redriven.iter().map(Outgoing::next_attempt).collect();
    let outcomes = match app.broker.publish(&outgoing).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            tracing::warn!(%error, "redriven notifications wait for the relay");
            return 0;
        }
    };
    let taken: Vec<NotificationId> = redriven
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(stored, _)| stored.notification.id)
        .collect();
    if let Err(error) = app.store.mark_received(&taken, app.clock.now()).await {
        tracing::warn!(%error, "redriven notifications may be published twice by the relay");
    }
    taken.len()
}
