//! What follows from a poll that could not be finished: the decision, pure.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use ie_insightly::Error as Refusal;

use crate::Config;

/// Why a poll stopped before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Insightly said no, or nothing that can be read.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The account's turn comes too late to wait for it.
    #[error("the account's requests are used up until {until}")]
    OutOfBudget {
        /// When it makes sense to ask again.
        until: DateTime<Utc>,
    },
    /// The list moved faster than it could be read.
    #[error("the list changed faster than it could be read; the same window is read again")]
    Shifting,
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
    /// Until when the whole account is left alone.
    pub(crate) hold_account: Option<Duration>,
    /// Whether Insightly has refused the key.
    pub(crate) key_refused: bool,
    /// Whether the day's requests are used up.
    pub(crate) day_spent: bool,
}

/// What follows from Insightly's refusal, after `failures` failed polls in a row before this one.
pub(crate) fn setback(
    refusal: &Refusal,
    failures: u32,
    config: &Config,
    now: DateTime<Utc>,
) -> Setback {
    let patience = patience(failures, config);
    let pause = |pause: Duration| Setback {
        pause,
        hold_account: None,
        key_refused: false,
        day_spent: false,
    };
    match refusal {
        Refusal::RateLimited {
            day_spent: true, ..
        } => {
            let rest = rest_of_day(now);
            Setback {
                hold_account: Some(rest),
                day_spent: true,
                ..pause(rest)
            }
        }
        Refusal::RateLimited {
            retry_after,
            day_spent: false,
        } => {
            let wait = retry_after.unwrap_or(Duration::from_secs(1));
            Setback {
                hold_account: Some(wait),
                ..pause(wait)
            }
        }
        Refusal::Unauthorized { .. } => Setback {
            key_refused: true,
            ..pause(config.refused_retry)
        },
        Refusal::Forbidden { .. } | Refusal::NotAllowed | Refusal::NotFound => {
            pause(config.forbidden_retry)
        }
        Refusal::Unavailable { retry_after, .. } => {
            let wait = retry_after.unwrap_or(patience).max(patience);
            Setback {
                hold_account: *retry_after,
                ..pause(wait)
            }
        }
        Refusal::BadRequest { .. } | Refusal::Unexpected { .. } => pause(patience),
        Refusal::BadAddress { .. } => pause(config.retry_max),
    }
}

/// The pause after `failures` failures in a row: doubled each time, up to the maximum.
pub(crate) fn patience(failures: u32, config: &Config) -> Duration {
    config
        .retry_min
        .saturating_mul(1 << failures.min(16))
        .min(config.retry_max)
}

/// The time until Insightly's next day begins: 00:00 UTC, as far as is known.
fn rest_of_day(now: DateTime<Utc>) -> Duration {
    let midnight = (now.date_naive() + Days::new(1))
        .and_time(NaiveTime::MIN)
        .and_utc();
    (midnight - now + TimeDelta::seconds(1))
        .to_std()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ie_platform::config::Section;

    use super::*;

    fn config() -> Config {
        #[derive(serde::Deserialize)]
        struct File {
            fetcher: Config,
        }
        toml::from_str::<File>(Config::DEFAULTS).unwrap().fetcher
    }

    fn now() -> DateTime<Utc> {
        "2026-11-24T23:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_spent_day_waits_for_the_next_one() {
        let refusal = Refusal::RateLimited {
            retry_after: Some(Duration::from_secs(1)),
            day_spent: true,
        };
        let setback = setback(&refusal, 0, &config(), now());
        assert_eq!(setback.pause, Duration::from_secs(3601));
        assert_eq!(setback.hold_account, Some(setback.pause));
    }

    #[test]
    fn a_burst_waits_as_long_as_insightly_asks() {
        let refusal = Refusal::RateLimited {
            retry_after: Some(Duration::from_secs(7)),
            day_spent: false,
        };
        assert_eq!(
            setback(&refusal, 0, &config(), now()).hold_account,
            Some(Duration::from_secs(7))
        );
    }

    #[test]
    fn a_refused_key_is_tried_again_rarely() {
        let setback = setback(
            &Refusal::Unauthorized {
                message: String::new(),
            },
            0,
            &config(),
            now(),
        );
        assert!(setback.key_refused);
        assert_eq!(setback.pause, config().refused_retry);
    }

    #[test]
    fn failures_in_a_row_wait_longer_up_to_the_maximum() {
        let refusal = Refusal::Unexpected {
            what: "HTML".to_owned(),
        };
        let pauses: Vec<_> = [0, 1, 2, 30]
            .map(|failures| {
                setback(&refusal, failures, &config(), now())
                    .pause
                    .as_secs()
            })
            .into();
        assert_eq!(pauses, [5, 10, 20, 600]);
    }

    #[test]
    fn an_object_that_is_not_allowed_does_not_trouble_the_account() {
        let setback = setback(
            &Refusal::Forbidden {
                message: String::new(),
            },
            9,
            &config(),
            now(),
        );
        assert_eq!(
            (setback.pause, setback.hold_account),
            (config().forbidden_retry, None)
        );
    }
}
