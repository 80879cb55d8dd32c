//! What goes on beside the polls: after each, a slice of the poller's snapshot or of its sweep.

use chrono::{DateTime, TimeDelta, Utc};
use ie_insightly::Error as Refusal;
use ie_model::{Initial, Settings};
use ie_store::{Walk, WalkKind};
use tracing::{info, warn};

use crate::outcome::Stop;
use crate::poll::Poll;
use crate::walk::{Halt, Walker, of_kind};
use crate::{Config, snapshot, sweep};

/// The pause of a walk that Insightly limits without a word for how long.
const PAUSE: TimeDelta = TimeDelta::minutes(1);

/// Whether an instance has anything that goes on beside its polls.
pub(crate) fn is_wanted(settings: &Settings) -> bool {
    settings.initial == Initial::Snapshot || settings.deletes_interval > 0
}

/// Goes on with what is due, for one slice. What is stored at its end tells when to go on.
pub(crate) async fn go_on(poll: Poll<'_>) -> Result<(), Stop> {
    let now = poll.clock.now();
    let walks = poll.parts.store.walks(&[poll.poller.id]).await?;
    let walks: Vec<Walk> = walks.into_iter().map(|(_, walk)| walk).collect();
    let Some(mut walk) = due(&walks, &poll.instance.settings, now) else {
        return Ok(());
    };
    let mut walker = match Walker::new(poll).await {
        Ok(walker) => walker,
        Err(Halt::Stop(stop)) => return Err(stop),
        Err(_) => return Ok(()),
    };
    let ended = match walk.kind {
        WalkKind::Snapshot => snapshot::advance(&mut walker, &mut walk).await,
        WalkKind::Sweep => sweep::advance(&mut walker, &mut walk).await,
    };
    let poller = walker.poll.poller;
    let (kind, object) = (walk.kind.as_str(), &poller.object);
    let Err(halt) = ended else {
        info!(
            instance.id = %poller.instance, poll.object = object, walk.kind = kind,
            records = walk.records, events = walk.events, "walked through all records"
        );
        return Ok(());
    };
    let settings = &walker.poll.instance.settings;
    let after = after(
        halt,
        walk.kind,
        (settings, &walker.poll.parts.config),
        walker.now(),
    )?;
    if let Some(error) = &after.error {
        warn!(
            instance.id = %poller.instance, poll.object = object, walk.kind = kind,
            error, next = %after.due_at, "a walk through all records did not go on"
        );
    }
    walk.due_at = Some(after.due_at);
    walk.last_error = after.error;
    if after.begins_again {
        walk.state = None;
    }
    let poll_for_it = after.is_urgent.then_some(after.due_at);
    Ok(walker.leave(walk, poll_for_it).await?)
}

/// Which walk is due; a sweep waits for the end of the snapshot.
fn due(walks: &[Walk], settings: &Settings, now: DateTime<Utc>) -> Option<Walk> {
    if settings.initial == Initial::Snapshot {
        let snapshot = of_kind(walks, WalkKind::Snapshot, now);
        if let Some(due_at) = snapshot.due_at {
            return (due_at <= now).then_some(snapshot);
        }
    }
    if settings.deletes_interval == 0 {
        return None;
    }
    let sweep = of_kind(walks, WalkKind::Sweep, now);
    let interval = TimeDelta::minutes(i64::from(settings.deletes_interval));
    (sweep.due_at_interval(interval)? <= now).then_some(sweep)
}

/// What becomes of a walk after a slice that did not complete it.
#[derive(Debug, PartialEq, Eq)]
struct After {
    due_at: DateTime<Utc>,
    error: Option<String>,
    /// Whether the poller is polled for it, or it waits for the next poll.
    is_urgent: bool,
    begins_again: bool,
}

/// The state failed: then nothing can be stored, and the walk goes on from what was.
fn after(
    halt: Halt,
    kind: WalkKind,
    (settings, config): (&Settings, &Config),
    now: DateTime<Utc>,
) -> Result<After, Stop> {
    let later = |due_at| After {
        due_at,
        error: None,
        is_urgent: true,
        begins_again: false,
    };
    let delta = |time| TimeDelta::from_std(time).unwrap_or(PAUSE);
    let (error, pause) = match halt {
        Halt::Later(at) => return Ok(later(at)),
        Halt::Stop(Stop::Store(error)) => return Err(error.into()),
        Halt::Stop(Stop::Refused(Refusal::RateLimited { retry_after, .. })) => {
            return Ok(later(now + retry_after.map_or(PAUSE, delta)));
        }
        Halt::Stop(Stop::Refused(
            error @ (Refusal::Forbidden { .. }
            | Refusal::NotAllowed { .. }
            | Refusal::NotFound { .. }),
        )) => (error.to_string(), delta(config.forbidden_retry)),
        Halt::Stop(stop) => (stop.to_string(), delta(config.retry_min)),
        Halt::Doubt(why) => (why, delta(config.retry_min)),
    };
    let pause = match kind {
        WalkKind::Snapshot => pause,
        // A whole list is dear: not at once again, though before the next sweep would begin.
        WalkKind::Sweep => TimeDelta::minutes(i64::from(settings.deletes_interval))
            .min(pause.max(delta(config.retry_max))),
    };
    Ok(After {
        due_at: now + pause,
        error: Some(error),
        is_urgent: false,
        begins_again: kind == WalkKind::Sweep,
    })
}

#[cfg(test)]
#[path = "beside_tests.rs"]
mod tests;
