//! How often a callback is called: `event.notification.rate`, kept by each dispatcher by arithmetic alone (GCRA).
//!
//! The only state is the moment of the next call. What is early by less than the shortest park waits for its moment;
//! anything else is parked, for about as long as those need that are parked before it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ie_model::CallRate;
use tokio::time::Instant;

use crate::lane::Lane;
use crate::slots::park_delay;

/// The memory is looked through for what can be forgotten when it holds as many callbacks, or twice what was left.
const FEW: usize = 1024;

/// When a notification is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After this short wait, for which its place is kept.
    After(Duration),
    /// Not now: it is parked and asks again.
    Park(Duration),
}

/// It would be too early to call the callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the callback is called no more often than event.notification.rate allows")]
pub(crate) struct TooEarly;

/// The rates of all callbacks that have one.
#[derive(Debug)]
pub(crate) struct Rates {
    park: Vec<Duration>,
    lanes: Mutex<Lanes>,
}

#[derive(Debug)]
struct Lanes {
    next: HashMap<Lane, Next>,
    look_through_at: usize,
}

/// When a callback is called next, and the moment that stands at the end of what is parked.
#[derive(Clone, Copy, Debug)]
struct Next {
    call: Instant,
    parked: Instant,
}

impl Rates {
    /// `park`: the delays of what is early, ascending.
    pub(crate) fn new(park: Vec<Duration>) -> Self {
        let lanes = Lanes {
            next: HashMap::new(),
            look_through_at: FEW,
        };
        Self {
            park,
            lanes: Mutex::new(lanes),
        }
    }

    /// Asks for the next moment of a callback, and takes it when it is near.
    pub(crate) fn ask(&self, lane: Lane, rate: CallRate) -> Moment {
        let now = Instant::now();
        let shortest = self.park.first().copied().unwrap_or_default();
        let longest = self.park.last().copied().unwrap_or_default();
        let mut lanes = self.lanes();
        lanes.make_room(now);
        let fresh = Next {
            call: now,
            parked: now,
        };
        let next = lanes.next.entry(lane).or_insert(fresh);
        let moment = next.call.max(now);
        if moment - now <= shortest {
            next.call = moment + rate.between();
            return Moment::After(moment - now);
        }
        let behind = next.parked.max(moment);
        if behind - now <= longest {
            next.parked = behind + rate.between();
        }
        Moment::Park(park_delay(behind - now, &self.park))
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // Nothing under this lock can panic halfway through a change.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    /// A callback whose moments have passed has nothing to be remembered.
    fn make_room(&mut self, now: Instant) {
        if self.next.len() >= self.look_through_at {
            self.next
                .retain(|_, next| next.call > now || next.parked > now);
            self.look_through_at = FEW.max(self.next.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rates() -> Rates {
        Rates::new(vec![SECOND, 5 * SECOND, 30 * SECOND])
    }

    fn rate(per_second: f64) -> CallRate {
        CallRate::new(per_second, SECOND).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_goes_at_once_the_near_ones_wait_and_the_others_are_parked() {
        let rates = rates();

        let moments: Vec<Moment> = (0..5)
            .map(|_| rates.ask(Lane::changes(1), rate(2.0)))
            .collect();

        assert_eq!(
            moments,
            [
                Moment::After(Duration::ZERO),
                Moment::After(SECOND / 2),
                Moment::After(SECOND),
                Moment::Park(SECOND),
                Moment::Park(SECOND),
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_more_are_parked_the_longer() {
        let rates = rates();
        let ask = || rates.ask(Lane::changes(1), rate(1.0));

        let parked: Vec<Duration> = std::iter::repeat_with(ask)
            .filter_map(|moment| match moment {
                Moment::Park(delay) => Some(delay),
                Moment::After(_) => None,
            })
            .take(100)
            .collect();

        assert!(parked.is_sorted());
        assert_eq!(parked[0], SECOND);
        assert_eq!(parked[10], 5 * SECOND);
        assert_eq!(parked[99], 30 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn another_callback_is_not_concerned() {
        let rates = rates();
        for _ in 0..10 {
            rates.ask(Lane::changes(1), rate(1.0));
        }

        assert_eq!(
            rates.ask(Lane::changes(2), rate(1.0)),
            Moment::After(Duration::ZERO)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_no_call_ahead_is_forgotten() {
        let rates = rates();

        for instance in 0..10 * FEW as i64 {
            tokio::time::advance(SECOND / 100).await;
            rates.ask(Lane::changes(instance), rate(1.0));
            assert!(rates.lanes().next.len() <= 2 * FEW);
        }
    }

    proptest! {
        /// In no stretch of time are there more calls than the rate allows, whoever comes when.
        #[test]
        fn a_rate_is_kept(gaps in prop::collection::vec(0u64..700, 1..200), per_second in 1u32..20) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let calls = runtime.block_on(async {
                let rates = rates();
                let mut calls = Vec::new();
                for gap in gaps {
                    tokio::time::advance(Duration::from_millis(gap)).await;
                    if let Moment::After(wait) = rates.ask(Lane::changes(1), rate(f64::from(per_second))) {
                        calls.push(Instant::now() + wait);
                    }
                }
                calls
            });
            let between = rate(f64::from(per_second)).between();
            prop_assert!(calls.is_sorted_by(|a, b| *a + between <= *b));
        }
    }
}
