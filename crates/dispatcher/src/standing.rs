//! How a callback stands over days: since when it only fails, and when that has gone on for too long.
//!
//! The store is written when a breaker opens and when a callback accepts again, not with each attempt. What fails to be
//! written here is written after the next attempt.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::Purpose;
use ie_platform::SharedClock;
use ie_store::{Error, Store};

use crate::callbacks::Callbacks;
use crate::classify::Class;
use crate::deliver::Attempted;

/// What an attempt says of its callback's standing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing new.
    None,
    /// It accepts again.
    Clear,
    /// It fails, since this attempt.
    Note,
    /// It has failed for too long, since then.
    Disable(DateTime<Utc>),
    /// It is gone by its own words.
    Gone,
}

/// Keeps the standing of callbacks.
pub(crate) struct Standing {
    pub(crate) clock: SharedClock,
    pub(crate) store: Store,
    /// How long a callback may fail.
    pub(crate) disable_after: Duration,
}

impl Standing {
    /// Follows an attempt; `open` says whether the callback's breaker is open after it.
    pub(crate) async fn follow(&self, attempted: &Attempted, open: bool, callbacks: &Callbacks) {
        if attempted.lane.purpose != Purpose::Changes {
            return;
        }
        let step = step(
            (attempted.class, open),
            attempted.failing_since,
            attempted.attempt.at,
            self.disable_after,
        );
        if step == Step::None {
            return;
        }
        if let Err(error) = self.take(&step, attempted).await {
            tracing::warn!(
                instance.id = %attempted.instance,
                error = %error,
                "cannot note how the callback stands; the next attempt tries again"
            );
        }
        callbacks.forget(attempted.instance);
    }

    async fn take(&self, step: &Step, attempted: &Attempted) -> Result<(), Error> {
        let (id, at, now) = (attempted.instance, attempted.attempt.at, self.clock.now());
        match step {
            Step::None => Ok(()),
            Step::Clear => self.store.clear_failing(id).await,
            Step::Note => self.store.note_failing(id, at).await,
            Step::Disable(since) => {
                let reason = format!(
                    "the callback has only failed since {}",
                    since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
                );
                let limit = at - self.disable_after;
                let disabled = self.store.disable_failing(id, limit, &reason, now).await?;
                if disabled {
                    tracing::error!(instance.id = %id, reason, "instance disabled");
                }
                Ok(())
            }
            Step::Gone => {
                let reason = "the callback answered 410 Gone";
                self.store.disable_instance(id, reason, now).await
            }
        }
    }
}

fn step(
    (class, open): (Class, bool),
    failing_since: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
    disable_after: Duration,
) -> Step {
    match (class, failing_since) {
        (Class::Gone, _) => Step::Gone,
        (Class::Accepted, Some(_)) => Step::Clear,
        (Class::Accepted, None) => Step::None,
        (Class::Failed | Class::Busy { .. }, Some(since)) => {
            let too_long = (at - since)
                .to_std()
                .is_ok_and(|failed| failed >= disable_after);
            if too_long {
                Step::Disable(since)
            } else {
                Step::None
            }
        }
        (Class::Failed | Class::Busy { .. }, None) if open => Step::Note,
        (Class::Failed | Class::Busy { .. }, None) => Step::None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn day(number: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::TimeDelta::days(number)
    }

    #[rstest]
    #[case::a_single_failure(Class::Failed, false, None, Step::None)]
    #[case::failures_in_a_row(Class::Failed, true, None, Step::Note)]
    #[case::busy_counts(Class::Busy { retry_after: None }, true, None, Step::Note)]
    #[case::failing_for_a_while(Class::Failed, true, Some(day(6)), Step::None)]
    #[case::failing_for_too_long(Class::Failed, true, Some(day(5)), Step::Disable(day(5)))]
    #[case::also_after_a_restart(Class::Failed, false, Some(day(1)), Step::Disable(day(1)))]
    #[case::clocks_that_disagree(Class::Failed, true, Some(day(11)), Step::None)]
    #[case::accepts_as_usual(Class::Accepted, false, None, Step::None)]
    #[case::accepts_again(Class::Accepted, false, Some(day(1)), Step::Clear)]
    #[case::gone(Class::Gone, false, None, Step::Gone)]
    fn what_follows_from_an_attempt_of_day_10(
        #[case] class: Class,
        #[case] open: bool,
        #[case] since: Option<DateTime<Utc>>,
        #[case] expected: Step,
    ) {
        let five_days = Duration::from_secs(5 * DAY);

        assert_eq!(step((class, open), since, day(10), five_days), expected);
    }
}
