//! A delivery: prepare, call, classify, record; the types say how far it is.
//!
//! The order of effects is what makes it safe to die anywhere: the callback is called, then the attempt is recorded,
//! then the message goes back to the broker, which acknowledges. A message that comes again finds what was recorded.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ie_broker::{Delivery, Failure, Handler};
use ie_model::{Attempt, InstanceId, Notification, NotificationStatus};
use ie_platform::SharedClock;
use ie_store::{AttemptRecord, Store};
use tokio::time::Instant;

use crate::call::{Answer, Caller, NoAnswer};
use crate::callback::{Callback, Target};
use crate::callbacks::Callbacks;
use crate::classify::{Class, classify, reason};
use crate::recorder::Recorder;
use crate::schedule::{Next, Schedule};
use crate::slots::{Slot, Slots};
use crate::telling;
use crate::turn::{Turn, turn};

/// How long a message stays away when the store cannot be asked.
const STORE_AWAY: Duration = Duration::from_secs(5);

/// Delivers notifications: the handler of the changes queue.
pub(crate) struct Deliverer {
    pub(crate) clock: SharedClock,
    pub(crate) store: Store,
    pub(crate) callbacks: Callbacks,
    pub(crate) slots: Arc<Slots>,
    pub(crate) caller: Caller,
    pub(crate) schedule: Schedule,
    pub(crate) recorder: Recorder,
}

/// A notification that is to be called now, as attempt of this number.
struct Prepared {
    notification: Notification,
    number: u32,
    target: Result<Arc<Callback>, Arc<str>>,
    /// Held until the attempt is recorded, so that a second copy finds the record.
    _slot: Slot,
}

/// An attempt that is over, and what it means.
pub(crate) struct Attempted {
    /// Whose callback.
    pub(crate) instance: InstanceId,
    /// What is recorded of it.
    pub(crate) attempt: Attempt,
    /// What it means.
    pub(crate) class: Class,
}

#[async_trait]
impl Handler<Notification> for Deliverer {
    async fn handle(&self, notification: Notification, delivery: &Delivery) -> Result<(), Failure> {
        let Some(prepared) = self.prepare(notification, delivery).await? else {
            return Ok(());
        };
        let attempted = self.call(&prepared).await;
        if attempted.class == Class::Gone {
            self.disable(&attempted).await;
        }
        self.settle(&attempted).await
    }
}

impl Deliverer {
    /// `None` when there is nothing to call.
    async fn prepare(
        &self,
        notification: Notification,
        delivery: &Delivery,
    ) -> Result<Option<Prepared>, Failure> {
        let slot = self
            .slots
            .take(notification.instance, notification.id)
            .await
            .map_err(|busy| {
                telling::count("parked");
                Failure::park(busy.park(), busy)
            })?;
        let number = match self.turn(&notification, delivery).await? {
            Turn::Call(number) => number,
            Turn::Resume(number) => return Err(self.resume(number)),
            Turn::Stale => {
                telling::count("stale");
                tracing::debug!(event.id = %notification.id, "this copy is dropped: it is done, or another goes on");
                return Ok(None);
            }
        };
        let target = match self.callbacks.get(notification.instance).await {
            Ok(Target::Ready(callback)) => Ok(callback),
            Ok(Target::Unusable(reason)) => Err(reason),
            Ok(Target::Off(reason)) => return Err(self.give_up(&notification, &reason).await?),
            Ok(Target::Deleted) => {
                self.give_up(&notification, "the instance is deleted")
                    .await?;
                return Ok(None);
            }
            Err(error) => return Err(store_failure(error)),
        };
        Ok(Some(Prepared {
            notification,
            number,
            target,
            _slot: slot,
        }))
    }

    /// Only a copy that may not be the first costs a look into the store.
    async fn turn(
        &self,
        notification: &Notification,
        delivery: &Delivery,
    ) -> Result<Turn, Failure> {
        if !delivery.redelivered && delivery.attempt <= 1 {
            return Ok(Turn::Call(1));
        }
        let known = self.store.delivery_state(notification.id).await;
        let known = known.map_err(store_failure)?;
        Ok(turn(delivery.attempt.max(1), known))
    }

    fn resume(&self, number: u32) -> Failure {
        telling::count("resumed");
        let error = Interrupted(number);
        match self.schedule.next(number, Class::Failed, rand::random()) {
            Next::RetryAfter(delay) => Failure::retry_after(delay, error),
            Next::Accepted | Next::DeadLetter => Failure::dead_letter(error),
        }
    }

    /// Fails the notification without an attempt; returns the dead letter, for what can be redriven.
    async fn give_up(&self, notification: &Notification, reason: &str) -> Result<Failure, Failure> {
        let ids = [notification.id];
        let failed = self
            .store
            .fail_notifications(&ids, reason, self.clock.now());
        failed.await.map_err(store_failure)?;
        telling::count("dead_letter");
        tracing::error!(
            event.id = %notification.id,
            instance.id = %notification.instance,
            error = reason,
            "notification cannot be delivered"
        );
        Ok(Failure::dead_letter(Undeliverable(reason.to_owned())))
    }

    /// Calls and classifies.
    async fn call(&self, prepared: &Prepared) -> Attempted {
        let in_flight = telling::InFlight::enter();
        let at = self.clock.now();
        let started = Instant::now();
        let answer = match &prepared.target {
            Ok(callback) => self.caller.call(callback, &prepared.notification, at).await,
            Err(reason) => Err(NoAnswer::Unusable(reason.to_string())),
        };
        let took = started.elapsed();
        telling::took(took);
        drop(in_flight);

        let mut attempt = Attempt {
            notification: prepared.notification.id,
            number: prepared.number,
            at,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            status_code: None,
            error: None,
            response: None,
        };
        let class = match answer {
            Ok(Answer {
                status,
                retry_after,
                response,
            }) => {
                let class = classify(status, retry_after.as_deref(), self.clock.now());
                attempt.status_code = Some(status);
                attempt.error = (class != Class::Accepted).then(|| reason(status));
                attempt.response = response;
                class
            }
            Err(error) => {
                attempt.error = Some(error.to_string());
                Class::Failed
            }
        };
        Attempted {
            instance: prepared.notification.instance,
            attempt,
            class,
        }
    }

    /// The callback says that it is gone: nothing is sent there any more until its owner switches it on again.
    async fn disable(&self, attempted: &Attempted) {
        let instance = attempted.instance;
        let reason = "the callback answered 410 Gone";
        let disabled = self
            .store
            .disable_instance(instance, reason, self.clock.now());
        if let Err(error) = disabled.await {
            // The next notification meets the same 410 and tries again.
            tracing::warn!(instance.id = %instance, error = %error, "cannot disable the instance whose callback is gone");
        }
        self.callbacks.forget(instance);
    }

    /// Records the attempt, and only then says what becomes of the message.
    async fn settle(&self, attempted: &Attempted) -> Result<(), Failure> {
        let Attempted { attempt, class, .. } = attempted;
        let next = self.schedule.next(attempt.number, *class, rand::random());
        let (status, due_at) = match next {
            Next::Accepted => (NotificationStatus::Notified, None),
            Next::RetryAfter(delay) => (
                NotificationStatus::Dispatched,
                Some(self.clock.now() + delay),
            ),
            Next::DeadLetter => (NotificationStatus::Failed, None),
        };
        let record = AttemptRecord {
            attempt: attempt.clone(),
            status,
            due_at,
        };
        if let Err(error) = self.recorder.record(record).await {
            telling::count("unrecorded");
            tracing::warn!(
                event.id = %attempt.notification,
                instance.id = %attempted.instance,
                delivery.attempt = attempt.number,
                error = %error,
                "the attempt is over but cannot be recorded, the notification goes back to the queue"
            );
            // The attempt was made, so its number rises: the next copy then looks up whether it was recorded after all.
            return Err(Failure::retry_after(STORE_AWAY, error).told());
        }
        telling::attempt(attempted, next);
        let error = || FailedAttempt {
            number: attempt.number,
            reason: attempt.error.clone().unwrap_or_default(),
        };
        match next {
            Next::Accepted => Ok(()),
            Next::RetryAfter(delay) => Err(Failure::retry_after(delay, error()).told()),
            Next::DeadLetter => Err(Failure::dead_letter(error()).told()),
        }
    }
}

/// A store that is away says nothing about the notification: its attempt number does not rise.
fn store_failure(error: ie_store::Error) -> Failure {
    if error.is_transient() {
        Failure::park(STORE_AWAY, error)
    } else {
        Failure::retry(error)
    }
}

/// Why a message was given back: for the broker's log and the dead letter's reason.
#[derive(Debug, thiserror::Error)]
#[error("attempt {number} failed: {reason}")]
struct FailedAttempt {
    number: u32,
    reason: String,
}

#[derive(Debug, thiserror::Error)]
#[error("not delivered: {0}")]
struct Undeliverable(String);

#[derive(Debug, thiserror::Error)]
#[error("attempt {0} failed, and the dispatcher stopped before its retry was in the queue")]
struct Interrupted(u32);

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
