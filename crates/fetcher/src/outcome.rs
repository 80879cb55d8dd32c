//! What follows from a poll that could not be finished: the decision, pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_insightly::Error as Refusal;
use ie_model::{Poller, Waiting};
use ie_store::Progress;

use crate::Config;

/// The longest time over which the polls of a new day are spread.
const LONGEST_DAWN: Duration = Duration::from_secs(15 * 60);

/// Why a poll stopped before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Insightly said no, or nothing that can be read.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The account's requests of the day are used up.
    #[error("the insightly account's requests of the day are used up until {until}")]
    OutOfBudget {
        /// When it makes sense to ask again.
        until: DateTime<Utc>,
    },
    /// The account's turn comes too late to wait for it.
    #[error("other polls of the insightly account go first; this one's turn comes at {until}")]
    NotYet {
        /// When it makes sense to ask again.
        until: DateTime<Utc>,
    },
    /// The list moved faster than it could be read.
    #[error("the list changed faster than it could be read; the same window is read again")]
    Shifting,
    /// More records cannot be read than are put aside.
    #[error(
        "more than {limit} records cannot be read, such as one whose {reason}; nothing is passed over until they can be"
    )]
    Unreadable {
        /// How many are put aside.
        limit: u32,
        /// What is wrong with one of them.
        reason: String,
    },
    /// The stored configuration cannot be used.
    #[error("the stored configuration cannot be used: {0}")]
    Unusable(String),
    /// The state could not be read or written; nothing was lost, the job comes again.
    #[error("the store failed")]
    Store(#[from] ie_store::Error),
}

/// What a failed poll does to its poller, its account and its instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setback {
    /// The pause before the poller is due again.
    pub(crate) pause: Duration,
    /// What it waits for, when that is no failure of its own.
    pub(crate) waiting: Option<Waiting>,
    /// How long the whole account is left alone.
    pub(crate) hold_account: Option<Duration>,
    /// Whether the day's requests are used up.
    pub(crate) day_spent: bool,
}

impl Setback {
    fn pause(pause: Duration) -> Self {
        Self {
            pause,
            waiting: None,
            hold_account: None,
            day_spent: false,
        }
    }

    fn wait(waiting: Waiting, pause: Duration) -> Self {
        Self {
            waiting: Some(waiting),
            ..Self::pause(pause)
        }
    }

    /// Whether Insightly has refused the key.
    pub(crate) fn key_refused(&self) -> bool {
        self.waiting == Some(Waiting::RefusedKey)
    }

    /// What is written to the poller.
    pub(crate) fn progress(&self, stop: &Stop, now: DateTime<Utc>) -> Progress {
        let (error, next_due, at) = (stop.to_string(), now + self.pause, now);
        match self.waiting {
            Some(waiting) => Progress::Postponed {
                waiting,
                error: match waiting {
                    Waiting::Skipped => format!("skipped: {error}"),
                    _ => error,
                },
                next_due,
                at,
            },
            None => Progress::Failed {
                error,
                next_due,
                at,
            },
        }
    }
}

/// What follows from a stop. `dice`, a number from 0 to 1, spreads those that stopped together.
pub(crate) fn setback(
    stop: &Stop,
    poller: &Poller,
    config: &Config,
    (now, dice): (DateTime<Utc>, f64),
) -> Setback {
    let spread = |pause: Duration| pause.mul_f64(0.9 + 0.2 * dice);
    let until = |until: DateTime<Utc>| (until - now).to_std().unwrap_or_default();
    match stop {
        Stop::Refused(refusal) => {
            let mut setback = refused(refusal, poller.failures, config, now);
            setback.pause = if setback.day_spent {
                setback.pause + dawn(poller, dice)
            } else {
                spread(setback.pause)
            };
            setback
        }
        Stop::OutOfBudget { until: day } => {
            Setback::wait(Waiting::Budget, until(*day) + dawn(poller, dice))
        }
        Stop::NotYet { until: turn } => Setback::wait(Waiting::Rate, until(*turn)),
        Stop::Shifting | Stop::Unreadable { .. } | Stop::Unusable(_) | Stop::Store(_) => {
            Setback::pause(spread(patience(poller.failures, config)))
        }
    }
}

/// What follows from Insightly's refusal, after `failures` failed polls in a row before this one.
fn refused(refusal: &Refusal, failures: u32, config: &Config, now: DateTime<Utc>) -> Setback {
    let patience = patience(failures, config);
    match refusal {
        Refusal::RateLimited {
            retry_after,
            day_spent: true,
        } => {
            let rest = rest_of_day(now, config.day_turns_at).max(retry_after.unwrap_or_default());
            Setback {
                hold_account: Some(rest),
                day_spent: true,
                ..Setback::wait(Waiting::Budget, rest)
            }
        }
        Refusal::RateLimited {
            retry_after,
            day_spent: false,
        } => {
            let wait = retry_after.unwrap_or(Duration::from_secs(1));
            Setback {
                hold_account: Some(wait),
                ..Setback::wait(Waiting::Rate, wait)
            }
        }
        Refusal::Unauthorized { .. } => Setback::wait(Waiting::RefusedKey, config.refused_retry),
        Refusal::Forbidden { .. } | Refusal::NotAllowed { .. } | Refusal::NotFound { .. } => {
            Setback::wait(Waiting::Skipped, config.forbidden_retry)
        }
        Refusal::Unavailable { retry_after, .. } => Setback {
            hold_account: *retry_after,
            ..Setback::pause(retry_after.unwrap_or(patience).max(patience))
        },
        Refusal::BadRequest { .. } | Refusal::Unexpected { .. } => Setback::pause(patience),
        Refusal::BadAddress { .. } | Refusal::Moved { .. } => Setback::pause(config.retry_max),
    }
}

/// The pause after `failures` failures in a row: doubled each time, up to the maximum.
fn patience(failures: u32, config: &Config) -> Duration {
    config
        .retry_min
        .saturating_mul(1 << failures.min(16))
        .min(config.retry_max)
}

/// The time until Insightly's next day begins.
fn rest_of_day(now: DateTime<Utc>, turns_at: Duration) -> Duration {
    let day = Duration::from_secs(24 * 60 * 60).as_millis();
    let now = u128::from(now.timestamp_millis().unsigned_abs());
    let over = (now + day - turns_at.as_millis() % day) % day;
    Duration::from_millis(u64::try_from(day - over).unwrap_or(u64::MAX))
}

/// How long after the begin of a day this poller is due: not all at once.
fn dawn(poller: &Poller, dice: f64) -> Duration {
    let interval = Duration::from_secs(u64::from(poller.interval_minutes) * 60);
    interval.min(LONGEST_DAWN).mul_f64(dice)
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
