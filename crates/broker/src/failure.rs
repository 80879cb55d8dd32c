//! What a handler says when a message was not handled: a decision and its cause; and what follows from it, pure.

use std::error::Error as StdError;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::Config;

/// The cause of a failure.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// What is to happen with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Again, after the next delay of `broker.retry`; after the last one: a dead letter.
    Retry,
    /// Again after this time, which counts as an attempt. The handler has its own schedule and says when it ends.
    RetryAfter(Duration),
    /// Again after this time, and no attempt was made: its number does not rise.
    Park(Duration),
    /// Never again: to the dead letters, with the cause.
    DeadLetter,
}

/// Why a message was not handled and what is to happen with it.
#[derive(Debug)]
pub struct Failure {
    decision: Decision,
    source: BoxError,
    told: bool,
}

impl Failure {
    /// Try again by the schedule.
    pub fn retry(source: impl Into<BoxError>) -> Self {
        Self {
            decision: Decision::Retry,
            source: source.into(),
            told: false,
        }
    }

    /// Try again after `delay`.
    pub fn retry_after(delay: Duration, source: impl Into<BoxError>) -> Self {
        Self {
            decision: Decision::RetryAfter(delay),
            source: source.into(),
            told: false,
        }
    }

    /// Come back after `delay`; this was no attempt.
    pub fn park(delay: Duration, source: impl Into<BoxError>) -> Self {
        Self {
            decision: Decision::Park(delay),
            source: source.into(),
            told: false,
        }
    }

    /// Give up.
    pub fn dead_letter(source: impl Into<BoxError>) -> Self {
        Self {
            decision: Decision::DeadLetter,
            source: source.into(),
            told: false,
        }
    }

    /// The handler has said it in the log, in its own words: the consumer then says it at debug level only.
    #[must_use]
    pub fn told(self) -> Self {
        Self { told: true, ..self }
    }

    /// Whether the log has it already.
    pub(crate) fn is_told(&self) -> bool {
        self.told
    }

    /// What is to happen with the message.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// The cause and its causes, in one line.
    pub(crate) fn reason(&self) -> String {
        one_line(&*self.source)
    }
}

/// An error and its causes in one line; what an error repeats of its cause is said once.
pub(crate) fn one_line(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

/// The retry schedule.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    retry: Vec<Duration>,
    jitter: f64,
}

/// What happens with a message that was not handled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// It comes back after `delay`, as attempt number `attempt`.
    Wait { delay: Duration, attempt: u32 },
    /// It is a dead letter.
    Dead { reason: String },
}

impl Schedule {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            retry: config.retry.clone(),
            jitter: config.jitter,
        }
    }

    /// What follows when the attempt with this number failed. `chance` in `0..1` places the delay within its jitter.
    pub(crate) fn step(&self, failure: &Failure, attempt: u32, chance: f64) -> Step {
        // The first attempt is followed by the first delay.
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let scheduled = self.retry.get(index).copied();
        let again = |delay| Step::Wait {
            delay,
            attempt: attempt.saturating_add(1),
        };
        match failure.decision {
            Decision::Park(delay) => Step::Wait { delay, attempt },
            Decision::DeadLetter => Step::Dead {
                reason: failure.reason(),
            },
            Decision::Retry if scheduled.is_none() => Step::Dead {
                reason: format!("gave up after attempt {attempt}: {}", failure.reason()),
            },
            Decision::Retry => again(self.vary(scheduled.unwrap_or_default(), chance)),
            Decision::RetryAfter(delay) => again(delay),
        }
    }

    fn vary(&self, delay: Duration, chance: f64) -> Duration {
        delay.mul_f64(1.0 + self.jitter * (2.0 * chance - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule() -> Schedule {
        Schedule {
            retry: vec![SECOND, 10 * SECOND],
            jitter: 0.1,
        }
    }

    #[test]
    fn retries_follow_the_schedule_and_then_end_in_a_dead_letter() {
        let failure = Failure::retry("refused");

        let steps: Vec<_> = (1..=3)
            .map(|attempt| schedule().step(&failure, attempt, 0.5))
            .collect();

        assert_eq!(
            steps,
            [
                Step::Wait {
                    delay: SECOND,
                    attempt: 2
                },
                Step::Wait {
                    delay: 10 * SECOND,
                    attempt: 3
                },
                Step::Dead {
                    reason: "gave up after attempt 3: refused".into()
                },
            ]
        );
    }

    #[test]
    fn retry_after_counts_as_an_attempt_has_no_jitter_and_ends_when_the_handler_says_so() {
        let failure = Failure::retry_after(7 * SECOND, "busy");

        for attempt in [2, 3, 100] {
            assert_eq!(
                schedule().step(&failure, attempt, 0.0),
                Step::Wait {
                    delay: 7 * SECOND,
                    attempt: attempt + 1
                }
            );
        }
    }

    #[test]
    fn parking_never_uses_up_an_attempt() {
        let failure = Failure::park(SECOND, "breaker is open");

        assert_eq!(
            schedule().step(&failure, 99, 0.0),
            Step::Wait {
                delay: SECOND,
                attempt: 99
            }
        );
    }

    #[test]
    fn a_reason_names_every_cause() {
        let inner = std::io::Error::other(Failure::retry("no route"));
        let failure = Failure::dead_letter(anyhow::Error::new(inner).context("posting the event"));

        assert_eq!(failure.reason(), "posting the event: no route");
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_share(chance in 0.0..1.0) {
            let Step::Wait { delay, .. } = schedule().step(&Failure::retry("x"), 2, chance) else {
                panic!("a retry is left");
            };

            prop_assert!(delay >= 9 * SECOND && delay <= 11 * SECOND, "{delay:?}");
        }
    }
}
