//! A delivery: prepare, call, classify, record; the types say how far it is.
//!
//! The order of effects is what makes it safe to die anywhere: the callback is called, then the attempt is recorded,
//! then the message goes back to the broker, which acknowledges. A message that comes again finds what was recorded.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ie_broker::{Delivery, Failure, Handler};
use ie_model::{Attempt, ErrorClass, InstanceId, Notification, NotificationStatus, Purpose};
use ie_platform::SharedClock;
use ie_store::{AttemptRecord, Store};
use tokio::time::Instant;

use crate::breaker::{Breakers, Pass};
use crate::call::{Answer, Caller, NoAnswer};
use crate::callback::{Callback, Target, Terms};
use crate::callbacks::Callbacks;
use crate::classify::{Class, classify, reason};
use crate::lag;
use crate::lane::Lane;
use crate::rate::{Moment, Rates, TooEarly};
use crate::recorder::Recorder;
use crate::schedule::{Next, Schedule};
use crate::slots::{Slot, Slots};
use crate::standing::Standing;
use crate::telling;
use crate::turn::{Turn, turn};

/// How long a message stays away when the store cannot be asked.
const STORE_AWAY: Duration = Duration::from_secs(5);

/// Delivers notifications: the handler of the changes queue.
pub(crate) struct Deliverer {
    pub(crate) clock: SharedClock,
    pub(crate) store: Store,
    pub(crate) callbacks: Callbacks,
    pub(crate) breakers: Arc<Breakers>,
    pub(crate) rates: Rates,
    pub(crate) slots: Arc<Slots>,
    pub(crate) caller: Caller,
    pub(crate) schedule: Schedule,
    pub(crate) recorder: Recorder,
    pub(crate) standing: Standing,
}

/// A notification that is to be called now, as attempt of this number.
struct Prepared {
    notification: Notification,
    lane: Lane,
    number: u32,
    schedule: Schedule,
    failing_since: Option<DateTime<Utc>>,
    /// What the breaker is told of the outcome; a test tells it nothing.
    pass: Option<Pass>,
    target: Result<Arc<Callback>, Arc<str>>,
    /// Held until the attempt is recorded, so that a second copy finds the record.
    _slot: Slot,
}

/// An attempt that is over, and what it means.
pub(crate) struct Attempted {
    /// Whose callback.
    pub(crate) instance: InstanceId,
    /// Where it went.
    pub(crate) lane: Lane,
    /// When it is tried again.
    pub(crate) schedule: Schedule,
    /// Since when the callback only fails, as far as that was known.
    pub(crate) failing_since: Option<DateTime<Utc>>,
    /// What is recorded of it.
    pub(crate) attempt: Attempt,
    /// What it means.
    pub(crate) class: Class,
}

#[async_trait]
impl Handler<Notification> for Deliverer {
    async fn handle(&self, notification: Notification, delivery: &Delivery) -> Result<(), Failure> {
        let Some(mut prepared) = self.prepare(notification, delivery).await? else {
            return Ok(());
        };
        let attempted = self.call(&prepared).await;
        let open = self.tell_breaker(prepared.pass.take(), attempted.class);
        let (standing, callbacks) = (&self.standing, &self.callbacks);
        standing.follow(&attempted, open, callbacks).await;
        self.settle(&attempted).await?;
        lag::note(&attempted, &prepared.notification);
        Ok(())
    }
}

impl Deliverer {
    /// `None` when there is nothing to call.
    async fn prepare(
        &self,
        notification: Notification,
        delivery: &Delivery,
    ) -> Result<Option<Prepared>, Failure> {
        let lane = Lane::of(&notification);
        let pass = self.pass(lane)?;
        let slot = self.slots.take(lane, notification.id).await;
        let slot = slot.map_err(|busy| parked(busy.park(), busy))?;
        let target = self.callbacks.get(lane).await.map_err(store_failure)?;
        let terms = match &target {
            Target::Ready(callback) => callback.terms.clone(),
            _ => Terms::default(),
        };
        let (turn, earlier) = self.turn(&notification, delivery).await?;
        let schedule = Schedule {
            earlier,
            ..self.schedule.with(terms.schedule.as_ref())
        };
        let number = match turn {
            Turn::Call(number) => number,
            Turn::Resume(number) => {
                return Err(self.resume(&notification, &schedule, number).await?);
            }
            Turn::Stale => {
                telling::count("stale");
                tracing::debug!(event.id = %notification.id, "this copy is dropped: it is done, or another goes on");
                return Ok(None);
            }
        };
        let target = match target {
            Target::Ready(callback) => Ok(callback),
            Target::Unusable(reason) => Err(reason),
            Target::Off(reason) => {
                // Whoever switches it on again begins anew.
                pass.map(Pass::succeeded).unwrap_or_default();
                let dead = self.give_up(&notification, &reason).await?;
                return if is_dead_letter(lane) {
                    Err(dead)
                } else {
                    Ok(None)
                };
            }
            Target::Deleted => {
                self.give_up(&notification, "the instance is deleted")
                    .await?;
                return Ok(None);
            }
        };
        self.keep_rate(lane, &terms).await?;
        Ok(Some(Prepared {
            notification,
            lane,
            number,
            schedule,
            failing_since: terms.failing_since,
            pass,
            target,
            _slot: slot,
        }))
    }

    /// A callback that has failed again and again is left alone; whoever tests it wants to know.
    fn pass(&self, lane: Lane) -> Result<Option<Pass>, Failure> {
        if lane.purpose == Purpose::Test {
            return Ok(None);
        }
        let pass = self.breakers.admit(lane);
        pass.map(Some).map_err(|open| parked(open.0, open))
    }

    fn tell_breaker(&self, pass: Option<Pass>, class: Class) -> bool {
        let Some(pass) = pass else {
            return false;
        };
        match class {
            // What follows a 410 is for the instance's owner to decide.
            Class::Accepted | Class::Gone => {
                pass.succeeded();
                false
            }
            Class::Busy {
                retry_after: Some(time),
            } => pass.asked_to_wait(time.min(self.schedule.retry_after_cap)),
            Class::Busy { retry_after: None } | Class::Failed => pass.failed(),
        }
    }

    /// Waits for a moment that is near; what is too early is parked.
    async fn keep_rate(&self, lane: Lane, terms: &Terms) -> Result<(), Failure> {
        let Some(rate) = terms.rate.filter(|_| lane.purpose == Purpose::Changes) else {
            return Ok(());
        };
        match self.rates.ask(lane, rate) {
            Moment::After(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Moment::Park(delay) => Err(parked(delay, TooEarly)),
        }
    }

    /// The copy's turn, and the attempts of former rounds. Only a copy that may not be the first costs a look into the
    /// store.
    async fn turn(
        &self,
        notification: &Notification,
        delivery: &Delivery,
    ) -> Result<(Turn, u32), Failure> {
        if !delivery.redelivered && delivery.attempt <= 1 {
            return Ok((Turn::Call(1), 0));
        }
        let known = self.store.delivery_state(notification.id).await;
        let known = known.map_err(store_failure)?;
        let earlier = known.map_or(0, |known| known.earlier);
        Ok((turn(delivery.attempt.max(1), known), earlier))
    }

    /// Gives a copy whose attempt was recorded back for the retry; a schedule that is shorter now may have none.
    async fn resume(
        &self,
        notification: &Notification,
        schedule: &Schedule,
        number: u32,
    ) -> Result<Failure, Failure> {
        telling::count("resumed");
        match schedule.next(number, Class::Failed, rand::random()) {
            Next::RetryAfter(delay) => Ok(Failure::retry_after(delay, Interrupted(number))),
            Next::Accepted | Next::DeadLetter => {
                let reason = Interrupted(number).to_string();
                self.give_up(notification, &reason).await
            }
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
            error_class: None,
            response: None,
            headers: None,
        };
        let class = match answer {
            Ok(Answer {
                status,
                retry_after,
                response,
                headers,
            }) => {
                let class = classify(status, retry_after.as_deref(), self.clock.now());
                attempt.status_code = Some(status);
                if class != Class::Accepted {
                    attempt.error = Some(reason(status));
                    attempt.error_class = Some(ErrorClass::of_status(status));
                }
                attempt.response = response;
                attempt.headers = headers;
                class
            }
            Err(error) => {
                attempt.error = Some(error.to_string());
                attempt.error_class = Some(error.class());
                Class::Failed
            }
        };
        Attempted {
            instance: prepared.notification.instance,
            lane: prepared.lane,
            schedule: prepared.schedule.clone(),
            failing_since: prepared.failing_since,
            attempt,
            class,
        }
    }

    /// Records the attempt, and only then says what becomes of the message.
    async fn settle(&self, attempted: &Attempted) -> Result<(), Failure> {
        let Attempted { attempt, class, .. } = attempted;
        let next = match attempted.lane.purpose {
            Purpose::Test if *class != Class::Accepted => Next::DeadLetter,
            _ => attempted
                .schedule
                .next(attempt.number, *class, rand::random()),
        };
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
            Next::DeadLetter if !is_dead_letter(attempted.lane) => Ok(()),
            Next::DeadLetter => Err(Failure::dead_letter(error()).told()),
        }
    }
}

/// Whether what cannot be delivered is kept to be redriven: a test has told what it was for, and whoever set up or
/// removed the operator's address is not among those who redrive.
fn is_dead_letter(lane: Lane) -> bool {
    matches!(lane.purpose, Purpose::Changes | Purpose::Operational)
}

/// Nothing was sent, so no attempt was made.
fn parked(delay: Duration, why: impl std::error::Error + Send + Sync + 'static) -> Failure {
    telling::count("parked");
    Failure::park(delay, why)
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
