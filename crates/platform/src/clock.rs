//! Where the time comes from, so that a test can set it.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// The time of day, asked for and never assumed.
pub trait Clock: Send + Sync + 'static + Debug {
    /// The instant at which it is called.
    fn now(&self) -> DateTime<Utc>;

    /// Waits; a test may let the time pass by its own clock meanwhile.
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            // A timer is as coarse as a millisecond: one that has run out before it began takes that long as well.
            if !time.is_zero() {
                tokio::time::sleep(time).await;
            }
        })
    }
}

/// A clock that many owners share.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that moves only when told to; its clones show the same time.
#[derive(Debug, Clone)]
pub struct TestClock {
    now: Arc<Mutex<DateTime<Utc>>>,
}

impl TestClock {
    /// A clock that stands at `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            now: Arc::new(Mutex::new(now)),
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = TimeDelta::from_std(by).expect("a test moves the clock by less than an age");
        *self.time() += by;
    }

    /// Puts the clock at `now`, which may lie in its past.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.time() = now;
    }

    fn time(&self) -> std::sync::MutexGuard<'_, DateTime<Utc>> {
        // A panic in another test thread cannot leave half a time behind.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.time()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_clock_stands_still_until_it_is_moved() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let clock = TestClock::at(start);

        let before = clock.now();
        clock.advance(Duration::from_millis(1_500));

        assert_eq!(before, start);
        assert_eq!(clock.now() - start, TimeDelta::milliseconds(1_500));
    }

    #[test]
    fn clones_of_a_test_clock_show_the_same_time() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let clock = TestClock::at(start);
        let shared: SharedClock = Arc::new(clock.clone());

        clock.set(start - TimeDelta::days(1));

        assert_eq!(shared.now(), start - TimeDelta::days(1));
    }

    #[test]
    fn the_system_clock_moves_on_by_itself() {
        let first = SystemClock.now();

        let later = std::iter::repeat_with(|| SystemClock.now()).find(|now| *now > first);

        assert!(later.is_some());
    }
}
