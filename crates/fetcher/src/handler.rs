//! The consumer of poll jobs: one poll each, and what follows when it fails.

use std::sync::Arc;

use async_trait::async_trait;
use ie_broker::{Delivery, Failure, Handler};
use ie_model::instance::secret;
use ie_model::{Fence, Instance, PollJob, Poller};
use ie_platform::clock::SharedClock;
use ie_store::{PageCommit, Progress};
use metrics::counter;
use tracing::{debug, info, warn};

use crate::Crm;
use crate::outcome::{Setback, Stop, patience, setback};
use crate::poll::{Poll, Report};
use crate::request::Desk;
use crate::run::Parts;

/// Handles poll jobs.
pub(crate) struct PollHandler {
    pub(crate) parts: Arc<Parts>,
    pub(crate) clock: SharedClock,
}

#[async_trait]
impl Handler<PollJob> for PollHandler {
    async fn handle(&self, job: PollJob, _delivery: &Delivery) -> Result<(), Failure> {
        let context = self
            .parts
            .store
            .poll_context(&job)
            .await
            .map_err(Failure::retry)?;
        // Without a lease the job's poll has ended already, and this is a second copy of it.
        let Some((poller, instance)) = context.filter(|(poller, _)| poller.lease_until.is_some())
        else {
            debug!(poller.id = %job.poller, epoch = %job.epoch, "a job of an older claim is dropped");
            counter!("ie_polls_total", "outcome" => "stale").increment(1);
            return Ok(());
        };
        let mut fence = poller.fence();
        match self.poll(&poller, &instance, &mut fence).await {
            Ok(report) => self.finished(&poller, &instance, report).await,
            Err(Stop::Store(ie_store::Error::Fenced)) => {
                info!(poller.id = %poller.id, "another reader has this poller; this one stops");
                counter!("ie_polls_total", "outcome" => "fenced").increment(1);
                Ok(())
            }
            Err(Stop::Store(error)) => Err(Failure::retry(error)),
            Err(stop) => self.failed(&poller, &instance, (fence, stop)).await,
        }
    }
}

impl PollHandler {
    async fn poll(
        &self,
        poller: &Poller,
        instance: &Instance,
        fence: &mut Fence,
    ) -> Result<Report, Stop> {
        let crm = self.crm(instance)?;
        let parts = &self.parts;
        let desk = Desk {
            store: &parts.store,
            clock: &self.clock,
            config: &parts.config,
            crm: crm.as_ref(),
            account: &instance.account,
        };
        let mut poll = Poll {
            parts,
            clock: &self.clock,
            desk,
            poller,
            instance,
            fence: *fence,
        };
        let result = poll.run().await;
        *fence = poll.fence;
        result
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
            unreadable = report.unreadable,
            "polled"
        );
        if !instance.valid {
            let store = &self.parts.store;
            store
                .set_validity(instance.id, true, None, self.clock.now())
                .await
                .map_err(Failure::retry)?;
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
        let setback = match &stop {
            Stop::Refused(refusal) => setback(refusal, poller.failures, config, now),
            Stop::OutOfBudget { until } => Setback {
                pause: (*until - now).to_std().unwrap_or_default(),
                hold_account: None,
                key_refused: false,
                day_spent: false,
            },
            Stop::Shifting | Stop::Unusable(_) | Stop::Store(_) => Setback {
                pause: patience(poller.failures, config),
                hold_account: None,
                key_refused: false,
                day_spent: false,
            },
        };
        counter!("ie_polls_total", "outcome" => "failed").increment(1);
        let next_due = now + setback.pause;
        warn!(
            instance.id = %instance.id,
            poll.object = poller.object,
            error = %stop,
            next = %next_due,
            "the poll did not finish; its cursor stays"
        );
        let progress = Progress::Failed {
            error: stop.to_string(),
            next_due,
            at: now,
        };
        let page = PageCommit {
            versions: Vec::new(),
            notifications: Vec::new(),
            progress,
        };
        match self.parts.store.commit_page(fence, &page).await {
            Ok(_) => {}
            Err(ie_store::Error::Fenced) => return Ok(()),
            Err(error) => return Err(Failure::retry(error)),
        }
        self.set_back(instance, &setback, &stop)
            .await
            .map_err(Failure::retry)
    }

    async fn set_back(
        &self,
        instance: &Instance,
        setback: &Setback,
        stop: &Stop,
    ) -> Result<(), ie_store::Error> {
        let (store, now) = (&self.parts.store, self.clock.now());
        if setback.day_spent {
            store
                .note_budget(&instance.account, None, Some(0), now)
                .await?;
        }
        if let Some(hold) = setback.hold_account {
            store.hold_account(&instance.account, now + hold).await?;
        }
        if setback.key_refused {
            store
                .set_validity(instance.id, false, Some(&stop.to_string()), now)
                .await?;
        }
        Ok(())
    }
}
