//! How many polls of each account this process has under way: so that one account does not keep others waiting, and
//! its long walks do not keep its own short polls waiting.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ie_model::AccountKey;

/// Counts polls under way by account.
#[derive(Debug, Default)]
pub(crate) struct Seats(Mutex<HashMap<AccountKey, Taken>>);

#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    polls: u16,
    walks: u16,
}

/// A poll under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    seats: &'a Seats,
    account: &'a AccountKey,
    /// How many polls of an account may be under way.
    share: u16,
    number: u16,
    walks: AtomicBool,
}

impl Seats {
    /// Counts one more poll of an account, of which `share` may be under way.
    pub(crate) fn take<'a>(&'a self, account: &'a AccountKey, share: u16) -> Seat<'a> {
        let mut counts = self.counts();
        let taken = counts.entry(account.clone()).or_default();
        taken.polls = taken.polls.saturating_add(1);
        Seat {
            seats: self,
            account,
            share,
            number: taken.polls,
            walks: AtomicBool::new(false),
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<AccountKey, Taken>> {
        // Each change leaves the counts whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat<'_> {
    /// Whether the account has so many polls here that this one should not wait for its turn.
    pub(crate) fn is_crowded(&self) -> bool {
        self.number > self.share
    }

    /// Whether a poll that has many pages may read them now: a quarter of the seats is kept for those that have few.
    pub(crate) fn may_walk(&self) -> bool {
        let mut counts = self.seats.counts();
        let taken = counts.entry(self.account.clone()).or_default();
        let allowed = taken.walks < (self.share - self.share / 4);
        if allowed && !self.walks.swap(true, Ordering::Relaxed) {
            taken.walks += 1;
        }
        allowed
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut counts = self.seats.counts();
        if let Some(taken) = counts.get_mut(self.account) {
            taken.polls -= 1;
            taken.walks -= u16::from(self.walks.load(Ordering::Relaxed));
            if taken.polls == 0 {
                counts.remove(self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountKey {
        AccountKey(name.to_owned())
    }

    #[test]
    fn a_seat_is_counted_until_it_is_left_and_accounts_are_apart() {
        let (seats, one, other) = (Seats::default(), account("one"), account("other"));

        let first = seats.take(&one, 1);
        assert!(!first.is_crowded());
        assert!(seats.take(&one, 1).is_crowded());
        assert!(!seats.take(&other, 1).is_crowded());

        drop(first);
        assert!(seats.counts().is_empty());
    }

    #[test]
    fn walks_leave_a_quarter_of_the_seats_to_short_polls() {
        let (seats, one) = (Seats::default(), account("one"));
        let polls: Vec<Seat<'_>> = (0..8).map(|_| seats.take(&one, 8)).collect();

        let walks = polls.iter().filter(|poll| poll.may_walk()).count();

        assert_eq!(walks, 6);
        drop(polls);
        assert!(seats.take(&one, 8).may_walk());
        // Where there is one seat, it is for everything.
        assert!(seats.take(&one, 1).may_walk());
    }
}
