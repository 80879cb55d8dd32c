//! One tick: claim what is due, publish, keep what the broker took and give back the rest.

use ie_broker::{Broker, Outgoing};
use ie_model::{PollJob, Queue};
use ie_platform::clock::SharedClock;
use ie_platform::telemetry::set_parent;
use ie_store::{DuePoll, Store};
use metrics::{counter, gauge, histogram};
use tracing::{Instrument, Span, debug, info_span};

use crate::Config;

/// What a scheduler works with.
pub struct Parts {
    /// Poll jobs go to it.
    pub broker: Broker,
    /// Pollers are claimed in it.
    pub store: Store,
    /// The settings.
    pub config: Config,
}

/// Publishes a job for every poller that is due now, as far as the queue has room; gives their number.
///
/// # Errors
/// The store or the broker cannot be reached. What was claimed and not published is due again at once,
/// or, when that cannot be written either, at the end of its short lease.
pub async fn tick(parts: &Parts, clock: &SharedClock) -> anyhow::Result<usize> {
    let queued = parts.broker.backlog(Queue::Poll).await?;
    gauge!("ie_poll_jobs_queued").set(queued as f64);
    let room = parts.config.max_queued.saturating_sub(queued);
    let mut total = 0;
    while total < room {
        let left = u32::try_from(room - total).unwrap_or(u32::MAX);
        let limit = left.min(parts.config.batch);
        let claimed = claim(parts, clock, limit).await?;
        total += claimed;
        if claimed < limit as usize {
            break;
        }
    }
    Ok(total)
}

async fn claim(parts: &Parts, clock: &SharedClock, limit: u32) -> anyhow::Result<usize> {
    let started = std::time::Instant::now();
    let Parts { store, config, .. } = parts;
    let claims = store.claim_due(clock.now(), limit, config.claim).await?;
    if claims.is_empty() {
        return Ok(0);
    }
    let result = publish(parts, &claims).await;
    let jobs: Vec<PollJob> = claims.into_iter().map(|claim| claim.job).collect();
    let (taken, refused) = match &result {
        Ok(outcomes) => split(&jobs, outcomes),
        Err(_) => (Vec::new(), jobs.clone()),
    };
    store
        .extend_claims(&taken, clock.now() + config.lease)
        .await?;
    store.release_claims(&refused, clock.now()).await?;
    counter!("ie_poll_jobs_published_total").increment(taken.len() as u64);
    histogram!("ie_scheduler_batch_seconds").record(started.elapsed().as_secs_f64());
    debug!(
        claimed = jobs.len(),
        published = taken.len(),
        "claimed due pollers"
    );
    // A refusal ends this tick, so that a broker that is down is not asked in a loop.
    for outcome in result? {
        outcome?;
    }
    Ok(jobs.len())
}

/// One change is one trace, to the callback's answer: from here, or from whoever asked for the poll.
async fn publish(
    parts: &Parts,
    claims: &[DuePoll],
) -> Result<Vec<Result<(), ie_broker::Error>>, ie_broker::Error> {
    let spans: Vec<_> = claims.iter().map(schedule_span).collect();
    let outgoing: Vec<_> = claims
        .iter()
        .zip(&spans)
        .map(|(claim, span)| Outgoing {
            message: &claim.job,
            traceparent: span.in_scope(ie_platform::telemetry::current_traceparent),
            republished: false,
            attempt: 1,
        })
        .collect();
    parts.broker.publish(&outgoing).in_current_span().await
}

fn schedule_span(claim: &DuePoll) -> Span {
    let span = info_span!(parent: None, "schedule", component = "scheduler", poller.id = %claim.job.poller);
    if let Some(traceparent) = &claim.traceparent {
        set_parent(&span, traceparent);
    }
    span
}

fn split(
    jobs: &[PollJob],
    outcomes: &[Result<(), ie_broker::Error>],
) -> (Vec<PollJob>, Vec<PollJob>) {
    let (taken, refused): (Vec<_>, Vec<_>) = jobs
        .iter()
        .cloned()
        .zip(outcomes)
        .partition(|(_, outcome)| outcome.is_ok());
    let jobs = |pairs: Vec<(PollJob, _)>| pairs.into_iter().map(|(job, _)| job).collect();
    (jobs(taken), jobs(refused))
}
