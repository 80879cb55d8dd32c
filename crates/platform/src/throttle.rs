//! How often something may be done, for each of many keys, by arithmetic alone (GCRA).
//!
//! What is known of a key is one time: that by which everything it did would have been done at the exact rate. A key
//! whose time has passed may do as much as one that was never seen, and is forgotten.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Keys beyond which those are forgotten of which there is nothing to know.
const MANY: usize = 4096;

/// Counts what each key does.
#[derive(Debug)]
pub struct Throttle<K> {
    between: TimeDelta,
    burst: u32,
    times: Mutex<Times<K>>,
}

#[derive(Debug)]
struct Times<K> {
    of: HashMap<K, DateTime<Utc>>,
    /// What all other keys share when a flood of keys would fill the memory.
    of_others: DateTime<Utc>,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Allows `burst` at once, and from then on one in the time `between`.
    pub fn new(burst: u32, between: Duration) -> Self {
        let times = Times {
            of: HashMap::new(),
            of_others: DateTime::<Utc>::MIN_UTC,
        };
        Self {
            between: TimeDelta::from_std(between).unwrap_or(TimeDelta::MAX),
            burst: burst.max(1),
            times: Mutex::new(times),
        }
    }

    /// Counts one for this key.
    ///
    /// # Errors
    /// There were too many: how long it has to wait.
    pub fn try_now<Q>(&self, key: &Q, now: DateTime<Utc>) -> Result<(), Duration>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut times = self.times();
        if times.of.len() >= MANY {
            times.of.retain(|_, time| *time > now);
        }
        let has_room = times.of.len() < MANY;
        let time = match times.of.get_mut(key) {
            Some(time) => time,
            None if has_room => times.of.entry(key.to_owned()).or_insert(now),
            None => &mut times.of_others,
        };
        let arrival = (*time).max(now);
        let ahead = i32::try_from(self.burst - 1).unwrap_or(i32::MAX);
        let wait = arrival - now - self.between * ahead;
        if wait > TimeDelta::zero() {
            return Err(wait.to_std().unwrap_or_default());
        }
        *time = arrival + self.between;
        Ok(())
    }

    /// Lets a key begin anew.
    pub fn forget<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.times().of.remove(key);
    }

    fn times(&self) -> MutexGuard<'_, Times<K>> {
        // Each change leaves the map whole before anything can panic.
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn throttle() -> Throttle<String> {
        Throttle::new(10, Duration::from_secs(30))
    }

    fn at(milliseconds: i64) -> DateTime<Utc> {
        let begin = DateTime::from_timestamp(1_795_514_400, 0).unwrap();
        begin + TimeDelta::milliseconds(milliseconds)
    }

    /// How many of a hundred tries at this second are allowed.
    fn allowed(throttle: &Throttle<String>, key: &str, seconds: i64) -> usize {
        (0..100)
            .take_while(|_| throttle.try_now(key, at(seconds * 1000)).is_ok())
            .count()
    }

    #[test]
    fn after_a_burst_each_further_one_has_to_wait() {
        let throttle = throttle();

        assert_eq!(allowed(&throttle, "kim", 0), 10);
        let wait = throttle.try_now("kim", at(0)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(30));
        assert_eq!(allowed(&throttle, "kim", 30), 1);
        assert_eq!(allowed(&throttle, "lee", 0), 10, "another key is free");
    }

    #[test]
    fn a_key_that_is_forgotten_begins_anew() {
        let throttle = throttle();
        allowed(&throttle, "kim", 0);

        throttle.forget("kim");

        assert_eq!(allowed(&throttle, "kim", 0), 10);
    }

    #[test]
    fn a_flood_of_keys_fills_no_memory_and_shares_what_one_key_has() {
        let throttle = throttle();
        let flood = (0..2 * MANY).filter(|number| {
            let tried = throttle.try_now(number.to_string().as_str(), at(0));
            tried.is_ok()
        });

        assert_eq!(flood.count(), MANY + 10);
        assert!(throttle.times().of.len() <= MANY);
        assert!(throttle.try_now("another", at(0)).is_err());
        assert_eq!(allowed(&throttle, "another", 3600), 10, "it has passed");
    }

    proptest! {
        /// In no stretch of time is more allowed than the burst and what the rate gives.
        #[test]
        fn the_rate_is_kept(gaps in prop::collection::vec(0i64..400, 1..200), burst in 1u32..20) {
            let throttle: Throttle<u8> = Throttle::new(burst, Duration::from_millis(100));
            let mut now = 0;
            let mut allowed = Vec::new();
            for gap in gaps {
                now += gap;
                if throttle.try_now(&7, at(now)).is_ok() {
                    allowed.push(now);
                }
            }
            for (first, from) in allowed.iter().enumerate() {
                for (last, to) in allowed.iter().enumerate().skip(first) {
                    let most = i64::from(burst) + (to - from) / 100;
                    prop_assert!(i64::try_from(last - first).unwrap() < most + 1);
                }
            }
        }
    }
}
