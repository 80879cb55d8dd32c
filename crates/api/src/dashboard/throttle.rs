//! How often somebody may try to sign in: guesses cost time, whoever's name they are for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// So many tries may come at once.
const BURST: i32 = 10;
/// From then on one in this time, for each name.
const SECONDS_EACH: i64 = 30;
/// Names beyond which those are forgotten that could try as often as they like again.
const MANY: usize = 4096;
/// What all other names count as, when a flood of names would fill the memory.
const OTHERS: &str = "";

/// When each name has tried, as one time: that by which its tries would have come at the exact rate.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<String, DateTime<Utc>>>);

impl Throttle {
    /// Counts a try for this name; how long it has to wait, when there were too many.
    pub(crate) fn try_now(&self, name: &str, now: DateTime<Utc>) -> Result<(), Duration> {
        let mut tries = self.tries();
        if tries.len() >= MANY {
            tries.retain(|_, arrival| *arrival > now);
        }
        let is_known = tries.contains_key(name);
        let key = if is_known || tries.len() < MANY {
            name
        } else {
            OTHERS
        };
        let arrival = tries.get(key).copied().unwrap_or(now).max(now);
        let each = TimeDelta::seconds(SECONDS_EACH);
        let wait = arrival - now - each * (BURST - 1);
        if wait > TimeDelta::zero() {
            return Err(wait.to_std().unwrap_or_default());
        }
        tries.insert(key.to_owned(), arrival + each);
        Ok(())
    }

    /// Whoever has this name has proved it.
    pub(crate) fn forget(&self, name: &str) {
        self.tries().remove(name);
    }

    fn tries(&self) -> MutexGuard<'_, HashMap<String, DateTime<Utc>>> {
        // Each change leaves the map whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_514_400 + seconds, 0).unwrap()
    }

    fn tries(throttle: &Throttle, name: &str, seconds: i64) -> usize {
        (0..100)
            .take_while(|_| throttle.try_now(name, at(seconds)).is_ok())
            .count()
    }

    #[test]
    fn after_some_tries_each_further_one_has_to_wait() {
        let throttle = Throttle::default();

        assert_eq!(tries(&throttle, "kim", 0), 10);
        let wait = throttle.try_now("kim", at(0)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(30));
        assert_eq!(tries(&throttle, "kim", 30), 1);
        assert_eq!(tries(&throttle, "lee", 0), 10, "another name is free");
    }

    #[test]
    fn whoever_signs_in_begins_anew() {
        let throttle = Throttle::default();
        tries(&throttle, "kim", 0);

        throttle.forget("kim");

        assert_eq!(tries(&throttle, "kim", 0), 10);
    }

    #[test]
    fn a_flood_of_names_fills_no_memory_and_shares_what_one_name_has() {
        let throttle = Throttle::default();
        for number in 0..2 * MANY {
            throttle.try_now(&number.to_string(), at(0)).ok();
        }

        assert!(throttle.tries().len() <= MANY + 1);
        assert!(throttle.try_now("another", at(0)).is_err());
        assert!(
            throttle.try_now("another", at(3600)).is_ok(),
            "it is forgotten"
        );
    }
}
