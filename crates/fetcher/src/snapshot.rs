//! The snapshot: every record that existed when its poller began is told of once.

use chrono::{DateTime, Utc};
use ie_insightly::normalize::Observed;
use ie_store::{NewQuarantined, QuarantineChange, Walk, WalkWrite};
use serde::{Deserialize, Serialize};

use crate::pages::{Step, content};
use crate::poll::Poll;
use crate::snapshot_plan::first_sight;
use crate::walk::{Found, Halt, Place, Walker, stored, to_store};

/// Where a snapshot is.
#[derive(Debug, Serialize, Deserialize)]
struct Standing {
    place: Place,
    /// Insightly's time when the poller began.
    begin: DateTime<Utc>,
}

/// Goes on with a snapshot until it is complete or the slice is over.
pub(crate) async fn advance(walker: &mut Walker<'_>, walk: &mut Walk) -> Result<(), Halt> {
    let mut standing = stored(walk).unwrap_or_else(|| Standing {
        place: walker.begin(),
        // The poller as it was before its first poll.
        begin: walker.poll.poller.cursor,
    });
    if standing.place.source != walker.source {
        standing.place = walker.begin();
    }
    if walk.started_at.is_none() {
        walk.number = 1;
        walk.started_at = Some(walker.now());
    }
    while page(walker, walk, &mut standing).await? != Step::Complete {}
    Ok(())
}

/// Reads a page, and stores what it tells of and where the next one begins.
async fn page(
    walker: &mut Walker<'_>,
    walk: &mut Walk,
    standing: &mut Standing,
) -> Result<Step, Halt> {
    let answer = walker.page(&mut standing.place, false).await?;
    let records = answer.body.records;
    let read = standing.place.pages.skip() + records.len() as u64;
    let total = answer.body.total;
    let step = standing.place.pages.after(&records, content, total);
    let poll = &walker.poll;
    let (observed, found) = poll.read(&walker.reader, records, standing.begin);
    let quarantine = put_aside(poll, &observed, found);
    let ids: Vec<String> = observed.iter().map(|seen| seen.object_id.clone()).collect();
    let known = poll.parts.store.known_versions(poll.poller.id, &ids);
    let changes = first_sight(observed, &known.await?, standing.begin);

    let mut next = walk.clone();
    next.records = next.records.max(read);
    next.total = total.or(next.total);
    next.events += changes.len() as u64;
    next.last_error = None;
    if step == Step::GiveUp {
        // What was told of is known, and is not repeated.
        standing.place = walker.begin();
    }
    if step == Step::Complete {
        (next.state, next.due_at) = (None, None);
        next.finished_at = Some(walker.now());
    } else {
        next.state = to_store(standing)?;
    }
    let found = Found {
        changes,
        quarantine,
    };
    walker.commit(found, WalkWrite::new(next.clone())).await?;
    *walk = next;
    Ok(step)
}

fn put_aside(
    poll: &Poll<'_>,
    observed: &[Observed],
    found: Vec<NewQuarantined>,
) -> QuarantineChange {
    if found.is_empty() && poll.poller.quarantined == 0 {
        return QuarantineChange::default();
    }
    let readable = observed.iter().map(|record| record.object_id.clone());
    QuarantineChange {
        found,
        readable: readable.collect(),
        limit: poll.parts.config.quarantine_limit,
        ..QuarantineChange::default()
    }
}
