//! When the operator's retry schedule has changed since the last start, what waits is moved to the new one, once, by one
//! process, a limited number at a time.
//!
//! If that process dies, its claim ends and another goes on from the beginning: what was moved is not moved again.

use std::time::Duration;

use ie_model::RetrySchedule;
use ie_platform::SharedClock;
use ie_platform::lifecycle::Lifecycle;
use ie_platform::retry::Backoff;
use ie_store::{Error, Rescheduled, ScheduleChange, Store};

/// How long one process has the task before another may take it.
const LEASE: Duration = Duration::from_secs(60);

/// How many are moved in one transaction.
const BATCH: u32 = 500;

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Runs until everything waits by this schedule, or the soft stop.
pub(crate) async fn run(
    store: Store,
    schedule: RetrySchedule,
    clock: SharedClock,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let work = async {
        let mut backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY);
        loop {
            match adopt(&store, &schedule, &clock).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "cannot move what waits to the new retry schedule yet");
                }
            }
            clock.sleep(backoff.next_delay()).await;
        }
    };
    lifecycle.run_until_stopped(work).await.unwrap_or(());
    Ok(())
}

/// False when another process is at it.
async fn adopt(
    store: &Store,
    schedule: &RetrySchedule,
    clock: &SharedClock,
) -> Result<bool, Error> {
    let change = store.claim_schedule_change(schedule, clock.now(), LEASE);
    match change.await? {
        ScheduleChange::None => return Ok(true),
        ScheduleChange::ClaimedByAnother => return Ok(false),
        ScheduleChange::Claimed => {}
    }
    let mut part = Rescheduled {
        instance: None,
        after: None,
        limit: BATCH,
    };
    loop {
        part.after = store.reschedule(part, Some(schedule), clock.now()).await?;
        if part.after.is_none() {
            break;
        }
    }
    store.finish_schedule_change(schedule).await?;
    tracing::info!("what waits for its next attempt goes by the new retry schedule");
    Ok(true)
}
