//! What becomes of dead letters: a second chance, or an end. The store decides; the queue follows.
//!
//! However many there are, a call takes a bounded number, the oldest first, and says what it has left: whoever wants all of
//! them goes on after the last one. Those that die again meanwhile are behind, so that this ends.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_broker::Outgoing;
use ie_model::{Message as _, NotificationId, Queue, StoredNotification};
use ie_store::{NotificationFilter, Pace};

use crate::app::App;
use crate::error::Result;

/// What is left is counted up to here: beyond it the exact number helps nobody and costs a scan.
const COUNTED: u32 = 100_000;

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
    /// How long the next redrive waits, so that together they keep `api.redrive_rate`.
    pub(crate) wait: Duration,
    /// What was not taken.
    pub(crate) rest: Rest,
}

/// What a discard did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Discarded {
    /// How many were given up.
    pub(crate) discarded: usize,
    /// What was not taken.
    pub(crate) rest: Rest,
}

/// What a call has not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    /// The last one that was taken: the next call goes on after it.
    pub(crate) last: Option<NotificationId>,
    /// How many there are after it, counted up to 100,000.
    pub(crate) remaining: u64,
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
    let newest = redriven.last().map(|stored| stored.notification.id);
    let count = u32::try_from(redriven.len()).unwrap_or(u32::MAX);
    Ok(Redriven {
        redriven: redriven.len(),
        queued,
        until: pace.time(last),
        wait: app.config.redrive_gap() * count,
        rest: rest(app, which, newest).await?,
    })
}

/// Gives dead letters up.
pub(crate) async fn discard(app: &App, which: Which<'_>) -> Result<Discarded> {
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
    Ok(Discarded {
        discarded: discarded.len(),
        rest: rest(app, which, discarded.last().copied()).await?,
    })
}

/// How many dead letters there are, counted up to 100,000.
pub(crate) async fn count(app: &App, which: Which<'_>) -> Result<u64> {
    let counted = app.store.count_dead(which.filter, which.ids, COUNTED);
    Ok(counted.await?)
}

/// What is left after the last one that was taken.
async fn rest(app: &App, which: Which<'_>, last: Option<NotificationId>) -> Result<Rest> {
    let Some(taken) = last else {
        return Ok(Rest::default());
    };
    let filter = NotificationFilter {
        above: Some(taken.get()),
        ..which.filter.clone()
    };
    let after = Which {
        filter: &filter,
        ..which
    };
    let remaining = count(app, after).await?;
    Ok(Rest { last, remaining })
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
