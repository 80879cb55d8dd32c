//! What was asked and how it was answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Counts since the start, or since they were set back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Requests by method, path (ids as `{id}`) and status: `GET /v3.1/Contacts/Search 200`.
    pub requests: BTreeMap<String, u64>,
    /// Requests in all, by account; those without a valid key have no account and are not here.
    pub by_account: BTreeMap<String, AccountStatistics>,
    /// Connections opened so far.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
}

/// Counts of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatistics {
    /// Requests that counted towards the day's limit.
    pub used_today: u32,
    /// The most requests that came within any one second, refused ones included.
    pub max_in_one_second: usize,
}

impl Statistics {
    /// Requests in all.
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Requests whose key (see [`Self::requests`]) contains that text.
    pub fn count(&self, containing: &str) -> u64 {
        self.requests
            .iter()
            .filter(|(key, _)| key.contains(containing))
            .map(|(_, count)| count)
            .sum()
    }
}

/// Counts connections, without a lock.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    opened: AtomicU64,
    closed: AtomicU64,
}

impl Connections {
    pub(crate) fn open(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn close(&self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// Opened so far and open now.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let closed = self.closed.load(Ordering::Relaxed);
        let opened = self.opened.load(Ordering::Relaxed);
        (opened, opened.saturating_sub(closed))
    }
}
