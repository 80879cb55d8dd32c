//! Our clock, which the test moves, and Insightly's, which is hours away and runs at another speed.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_platform::Clock;
use ie_store::testing::steps::step;

/// Where a caller stands that waits for its time.
pub(crate) const WAITS: &str = "waits";

/// When every seed begins.
pub(crate) fn begin() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time in this century")
}

/// Our clock. Each look at it moves it by a microsecond, as no two requests are granted at one instant.
#[derive(Clone, Debug)]
pub(crate) struct Time(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    now: DateTime<Utc>,
    /// When those who wait are woken.
    wakes: BTreeSet<DateTime<Utc>>,
}

impl Time {
    pub(crate) fn new() -> Self {
        let (now, wakes) = (begin(), BTreeSet::new());
        Self(Arc::new(Mutex::new(Inner { now, wakes })))
    }

    /// Begins anew.
    pub(crate) fn restart(&self) {
        let mut inner = self.lock();
        inner.now = begin();
        inner.wakes.clear();
    }

    pub(crate) fn set(&self, now: DateTime<Utc>) {
        self.lock().now = now;
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        self.lock().now += by;
    }

    /// The time, without moving it.
    pub(crate) fn look(&self) -> DateTime<Utc> {
        self.lock().now
    }

    /// Until the next one who waits is woken, if somebody waits.
    pub(crate) fn until_next_wake(&self) -> Option<TimeDelta> {
        let mut inner = self.lock();
        let now = inner.now;
        inner.wakes.retain(|wake| *wake > now);
        inner.wakes.first().map(|wake| *wake - now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Time {
    fn now(&self) -> DateTime<Utc> {
        let mut inner = self.lock();
        inner.now += TimeDelta::microseconds(1);
        inner.now
    }

    /// Until the seed has let so much time pass.
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = self.clone();
        let wait = TimeDelta::from_std(time).expect("a wait of less than an age");
        let wake = clock.look() + wait;
        clock.lock().wakes.insert(wake);
        Box::pin(async move {
            while clock.look() < wake {
                step(WAITS).await;
            }
        })
    }
}

/// Insightly's clock, seen from ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skew {
    /// Seconds that it was ahead in the beginning.
    pub(crate) ahead: i64,
    /// Milliseconds that it gains in 1000 seconds; negative when it is slow.
    pub(crate) gains: i64,
}

impl Skew {
    /// Insightly's time when ours is `now`.
    pub(crate) fn theirs(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let elapsed = (now - begin()).num_microseconds().unwrap_or(0);
        now + TimeDelta::seconds(self.ahead)
            + TimeDelta::microseconds(elapsed * self.gains / 1_000_000)
    }

    /// Our time when Insightly's clock shows at least `theirs`.
    pub(crate) fn ours(self, theirs: DateTime<Utc>) -> DateTime<Utc> {
        let mut now = theirs - TimeDelta::seconds(self.ahead);
        while self.theirs(now) < theirs {
            now += (theirs - self.theirs(now)).max(TimeDelta::milliseconds(1));
        }
        now
    }
}
