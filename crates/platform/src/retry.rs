//! Exponential delays between attempts: the only user of the `backoff` package.

use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff as _;

/// Each delay is twice the one before, until the maximum.
const MULTIPLIER: f64 = 2.0;

/// ±20%: enough that processes which failed together do not come back together.
const JITTER: f64 = 0.2;

/// Delays that grow from `initial` to `max`, each with some jitter, for as long as it takes.
#[derive(Debug, Clone)]
pub struct Backoff {
    inner: backoff::ExponentialBackoff,
    max: Duration,
}

impl Backoff {
    /// Delays that begin around `initial` and never exceed `max`.
    pub fn new(initial: Duration, max: Duration) -> Self {
        let inner = ExponentialBackoffBuilder::new()
            .with_initial_interval(initial.min(max))
            .with_max_interval(max)
            .with_multiplier(MULTIPLIER)
            .with_randomization_factor(JITTER)
            .with_max_elapsed_time(None)
            .build();
        Self { inner, max }
    }

    /// How long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.inner.next_backoff();
        delay
            .expect("without a limit on elapsed time there is always a next delay")
            .min(self.max)
    }

    /// Begins again at the initial delay, after a success.
    pub fn reset(&mut self) {
        self.inner.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn within(delay: Duration, expected: Duration) -> bool {
        (expected.mul_f64(0.79)..=expected.mul_f64(1.21)).contains(&delay)
    }

    #[test]
    fn delays_double_up_to_the_maximum() {
        let mut backoff = Backoff::new(SECOND, 5 * SECOND);

        let delays: Vec<_> = (0..6).map(|_| backoff.next_delay()).collect();

        assert!(within(delays[0], SECOND), "{delays:?}");
        assert!(within(delays[1], 2 * SECOND), "{delays:?}");
        assert!(within(delays[2], 4 * SECOND), "{delays:?}");
        for delay in &delays[3..] {
            assert!(within(*delay, 5 * SECOND), "{delays:?}");
            assert!(*delay <= 5 * SECOND, "{delays:?}");
        }
    }

    #[test]
    fn delays_differ_between_two_that_failed_together() {
        let delays = || {
            let mut backoff = Backoff::new(SECOND, 60 * SECOND);
            (0..5).map(|_| backoff.next_delay()).collect::<Vec<_>>()
        };

        assert_ne!(delays(), delays());
    }

    #[test]
    fn a_success_starts_again_at_the_initial_delay() {
        let mut backoff = Backoff::new(SECOND, 60 * SECOND);
        for _ in 0..5 {
            backoff.next_delay();
        }

        backoff.reset();

        assert!(within(backoff.next_delay(), SECOND));
    }

    #[test]
    fn an_initial_delay_above_the_maximum_is_cut() {
        let mut backoff = Backoff::new(60 * SECOND, SECOND);

        assert!(backoff.next_delay() <= SECOND);
    }
}
