//! The consumer of poll jobs: one poll each, and what follows when it fails.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ie_broker::{Delivery, Failure, Handler};
use ie_model::instance::secret;
use ie_model::{Fence, Instance, PollJob, Poller, Waiting};
use ie_platform::clock::SharedClock;
use ie_store::{Note, PageCommit};
use metrics::counter;
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

use crate::Crm;
use crate::beside;
use crate::outcome::{Setback, Stop, setback};
use crate::poll::{Poll, Report};
use crate::request::Desk;
use crate::run::Parts;
use crate::seats::{Seat, Seats};

/// How long a job stays away when the store cannot be asked.
const STORE_AWAY: Duration = Duration::from_secs(5);

/// Handles poll jobs.
pub struct PollHandler {
    parts: Arc<Parts>,
    clock: SharedClock,
    seats: Seats,
    /// Polls that may go on with a walk at once, so that the others are never kept waiting by walks.
    slices: Semaphore,
}

#[async_trait]
impl Handler<PollJob> for PollHandler {
    async fn handle(&self, job: PollJob, _delivery: &Delivery) -> Result<(), Failure> {
        let context = self
            .parts
            .store
            .poll_context(&job)
            .await
            .map_err(store_failure)?;
        // Without a lease the job's poll has ended already, and this is a second copy of it.
        let Some((poller, instance)) = context.filter(|(poller, _)| poller.lease_until.is_some())
        else {
            debug!(poller.id = %job.poller, epoch = %job.epoch, "a job of an older claim is dropped");
            counter!("ie_polls_total", "outcome" => "stale").increment(1);
            return Ok(());
        };
        let mut fence = poller.fence();
        match self.poll(&poller, &instance, &mut fence).await {
            Ok(report) => {
                self.finished(&poller, &instance, report).await?;
                self.go_on_beside(&poller, &instance, fence).await;
                Ok(())
            }
            Err(Stop::Store(ie_store::Error::Fenced)) => {
                info!(poller.id = %poller.id, "another reader has this poller; this one stops");
                counter!("ie_polls_total", "outcome" => "fenced").increment(1);
                Ok(())
            }
            Err(Stop::Store(error)) => Err(store_failure(error)),
            Err(stop) => self.failed(&poller, &instance, (fence, stop)).await,
        }
    }
}

impl PollHandler {
    /// A handler with these parts.
    pub fn new(parts: Arc<Parts>, clock: SharedClock) -> Self {
        let slices = f64::from(parts.config.prefetch) * parts.config.snapshot_share;
        Self {
            parts,
            clock,
            seats: Seats::default(),
            slices: Semaphore::new((slices as usize).max(1)),
        }
    }

    async fn poll(
        &self,
        poller: &Poller,
        instance: &Instance,
        fence: &mut Fence,
    ) -> Result<Report, Stop> {
        let crm = self.crm(instance)?;
        let share = self.parts.config.account_share;
        let seat = self.seats.take(&instance.account, share);
        let mut poll = Poll {
            parts: &self.parts,
            clock: &self.clock,
            desk: self.desk(crm.as_ref(), instance, Some(&seat)),
            poller,
            instance,
            fence: *fence,
        };
        let result = poll.run().await;
        *fence = poll.fence;
        result
    }

    /// After a poll: a slice of the poller's snapshot or sweep, if one is due and this process has room for it.
    ///
    /// Nothing that happens here fails the job, whose poll has ended; what was not stored is done again.
    async fn go_on_beside(&self, poller: &Poller, instance: &Instance, fence: Fence) {
        if !beside::is_wanted(&instance.settings) {
            return;
        }
        let Ok(_slot) = self.slices.try_acquire() else {
            return;
        };
        let slice = async {
            let crm = self.crm(instance)?;
            let poll = Poll {
                parts: &self.parts,
                clock: &self.clock,
                desk: Desk {
                    beside: true,
                    ..self.desk(crm.as_ref(), instance, None)
                },
                poller,
                instance,
                fence,
            };
            beside::go_on(poll).await
        };
        match Box::pin(slice).await {
            Ok(()) => {}
            Err(Stop::Store(ie_store::Error::Fenced)) => {
                debug!(poller.id = %poller.id, "the next poll has begun; the walk goes on after it");
            }
            Err(error) => warn!(
                poller.id = %poller.id,
                error = %error,
                "a walk through all records stopped; it goes on after the next poll"
            ),
        }
    }

    fn desk<'a>(
        &'a self,
        crm: &'a dyn Crm,
        instance: &'a Instance,
        seat: Option<&'a Seat<'a>>,
    ) -> Desk<'a> {
        Desk {
            store: &self.parts.store,
            clock: &self.clock,
            config: &self.parts.config,
            crm,
            account: &instance.account,
            settings: &instance.settings,
            seat,
            beside: false,
        }
    }

    fn crm(&self, instance: &Instance) -> Result<Arc<dyn Crm>, Stop> {
        let sealed = instance
            .secrets
            .get(secret::API_KEY)
            .map(String::as_str)
            .unwrap_or_default();
        let context = secret::context(instance.id, secret::API_KEY);
        let key = self.parts.sealer.open(sealed, &context);
        let key = key.map_err(|error| Stop::Unusable(format!("the API key: {error}")))?;
        Ok(self.parts.crm.connect(instance, key)?)
    }

    async fn finished(
        &self,
        poller: &Poller,
        instance: &Instance,
        report: Report,
    ) -> Result<(), Failure> {
        counter!("ie_polls_total", "outcome" => "ok").increment(1);
        info!(
            instance.id = %instance.id,
            poll.object = poller.object,
            requests = report.requests,
            records = report.records,
            changes = report.changes,
            quarantined = report.quarantined,
            "polled"
        );
        if !instance.valid {
            let store = &self.parts.store;
            store
                .set_validity(instance.id, true, None, self.clock.now())
                .await
                .map_err(store_failure)?;
            info!(instance.id = %instance.id, "insightly accepts the key again");
        }
        Ok(())
    }

    /// Writes the failure to the poller, and to its account and instance where it concerns them.
    async fn failed(
        &self,
        poller: &Poller,
        instance: &Instance,
        (fence, stop): (Fence, Stop),
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        let config = &self.parts.config;
        let setback = setback(&stop, poller, config, (now, config.dice()));
        let outcome = setback.waiting.map_or("failed", Waiting::as_str);
        counter!("ie_polls_total", "outcome" => outcome).increment(1);
        let next = now + setback.pause;
        if setback.waiting == Some(Waiting::Rate) {
            // No failure and nothing to do for anybody: with many polls of one account it is what happens.
            debug!(poller.id = %poller.id, %next, "the poll waits for its account's turn");
        } else {
            warn!(
                instance.id = %instance.id,
                poll.object = poller.object,
                error = %stop,
                %next,
                "the poll did not finish; its cursor stays"
            );
        }
        let progress = setback.progress(&stop, now);
        let page = PageCommit::new(progress);
        match self.parts.store.commit_page(fence, &page).await {
            Ok(_) => {}
            Err(ie_store::Error::Fenced) => return Ok(()),
            Err(error) => return Err(store_failure(error)),
        }
        self.set_back(instance, &setback, &stop)
            .await
            .map_err(store_failure)
    }

    async fn set_back(
        &self,
        instance: &Instance,
        setback: &Setback,
        stop: &Stop,
    ) -> Result<(), ie_store::Error> {
        let (store, now) = (&self.parts.store, self.clock.now());
        if setback.day_spent {
            let note = Note {
                remaining: Some(0),
                day_turns_at: self.parts.config.day_turns_at,
                ..Note::default()
            };
            store.note_budget(&instance.account, note, now).await?;
        }
        if let Some(hold) = setback.hold_account {
            store.hold_account(&instance.account, now + hold).await?;
        }
        if setback.key_refused() {
            store
                .set_validity(instance.id, false, Some(&stop.to_string()), now)
                .await?;
        }
        Ok(())
    }
}

/// A store that is away is no fault of the job: it uses up none of its attempts, whose pauses grow to hours.
fn store_failure(error: ie_store::Error) -> Failure {
    if error.is_transient() {
        Failure::park(STORE_AWAY, error)
    } else {
        Failure::retry(error)
    }
}

#[cfg(test)]
mod tests {
    use ie_broker::Decision;

    use super::*;

    #[test]
    fn a_store_that_is_away_uses_up_no_attempt() {
        let away = ie_store::Error::Unavailable("restarting".into());
        let defect = ie_store::Error::Refused("no such column".into());

        let away = store_failure(away);

        assert_eq!(away.decision(), Decision::Park(STORE_AWAY));
        assert_eq!(store_failure(defect).decision(), Decision::Retry);
    }
}
