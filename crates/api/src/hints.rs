//! Hints that come in floods are folded: few look into the store, and the last one always does.
//!
//! A workflow rule calls once for each record, so that an import of ten thousand records is ten thousand hints.
//! Here they cost a look at a table in memory; what they mean is the same as that of one hint at the end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Hints of one token and resource per second that look into the store.
const PER_SECOND: i64 = 5;
/// So many may come at once after a pause.
const BURST: i64 = 10;
/// When a flood is looked after.
pub(crate) const FOLD: Duration = Duration::from_secs(1);
/// Entries beyond which those that say nothing any more are thrown away.
const MANY: usize = 4096;

/// A token's hash, and the resource that the hint names.
pub(crate) type Key = (String, Option<String>);

/// What is known of recent hints.
#[derive(Debug, Default)]
pub(crate) struct Hints(Mutex<HashMap<Key, Gate>>);

#[derive(Clone, Copy, Debug)]
struct Gate {
    /// The time by which everything that came would have come at the exact rate.
    arrival: DateTime<Utc>,
    /// Whether the token exists, as far as was looked.
    known: Option<bool>,
    /// Whether somebody looks after the flood.
    folding: bool,
}

/// What to do with a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Look into the store, and tell whether the token exists.
    Look,
    /// Too many: look once when [`FOLD`] is over, for all that come until then.
    Fold,
    /// Somebody else looks after it.
    Folded,
    /// There was no such token a moment ago.
    Unknown,
}

impl Hints {
    /// Judges a hint that comes now.
    pub(crate) fn arrive(&self, key: &Key, now: DateTime<Utc>) -> Verdict {
        let mut gates = self.gates();
        if gates.len() > MANY {
            gates.retain(|_, gate| gate.folding || gate.arrival > now);
        }
        let gate = gates.entry(key.clone()).or_insert(Gate {
            arrival: now,
            known: None,
            folding: false,
        });
        let between = TimeDelta::milliseconds(1000 / PER_SECOND);
        let arrival = gate.arrival.max(now);
        if arrival - now < between * i32::try_from(BURST).unwrap_or(1) {
            gate.arrival = arrival + between;
            return Verdict::Look;
        }
        match gate.known {
            Some(false) => Verdict::Unknown,
            _ if gate.folding => Verdict::Folded,
            _ => {
                gate.folding = true;
                Verdict::Fold
            }
        }
    }

    /// Notes whether the token exists.
    pub(crate) fn learn(&self, key: &Key, known: bool) {
        if let Some(gate) = self.gates().get_mut(key) {
            gate.known = Some(known);
        }
    }

    /// Hints that come from now on are not looked after by the one that began before.
    pub(crate) fn unfold(&self, key: &Key) {
        if let Some(gate) = self.gates().get_mut(key) {
            gate.folding = false;
        }
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<Key, Gate>> {
        // Each change leaves the map whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(token: &str) -> Key {
        (token.to_owned(), None)
    }

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_795_514_400_000 + ms).unwrap()
    }

    fn looks(hints: &Hints, key: &Key, now: DateTime<Utc>) -> usize {
        (0..100)
            .filter(|_| hints.arrive(key, now) == Verdict::Look)
            .count()
    }

    #[test]
    fn few_of_a_flood_look_and_one_looks_after_the_rest() {
        let (hints, flood) = (Hints::default(), key("a"));

        assert_eq!(looks(&hints, &flood, at(0)), 10);
        assert_eq!(hints.arrive(&flood, at(0)), Verdict::Folded);

        hints.unfold(&flood);
        assert_eq!(hints.arrive(&flood, at(0)), Verdict::Fold);
        assert_eq!(looks(&hints, &flood, at(1000)), 5);
        assert_eq!(looks(&hints, &key("b"), at(1000)), 10);
    }

    #[test]
    fn resources_are_apart() {
        let hints = Hints::default();
        let leads = ("a".to_owned(), Some("leads".to_owned()));

        assert_eq!(looks(&hints, &key("a"), at(0)), 10);

        assert_eq!(looks(&hints, &leads, at(0)), 10);
    }

    #[test]
    fn a_flood_of_a_token_that_does_not_exist_is_not_looked_after() {
        let (hints, wrong) = (Hints::default(), key("wrong"));
        looks(&hints, &key("wrong"), at(0));
        hints.unfold(&wrong);
        hints.learn(&wrong, false);

        assert_eq!(hints.arrive(&wrong, at(0)), Verdict::Unknown);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let hints = Hints::default();
        for token in 0..20_000 {
            hints.arrive(&key(&token.to_string()), at(token * 100));
        }

        assert!(hints.gates().len() <= MANY + 1);
    }
}
