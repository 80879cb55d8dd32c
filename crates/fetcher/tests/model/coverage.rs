//! What the seeds have met: a model that meets nothing proves nothing.

use ie_simulator::{Entry, Kind};

use crate::actors::{Actor, Work};

/// How often.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) seeds: u32,
    pub(crate) writes: u32,
    pub(crate) late_writes: u32,
    pub(crate) deletions: u32,
    pub(crate) duplicates: u32,
    pub(crate) crashes: u32,
    pub(crate) commits: u32,
    pub(crate) searches: u32,
    pub(crate) refused_requests: u32,
    /// Jobs of an older claim, and second copies.
    pub(crate) stale_jobs: u32,
    pub(crate) fenced_commits: u32,
    /// Ticks and relays that the broker refused.
    pub(crate) refused_publishes: u32,
    pub(crate) notifications: u32,
    pub(crate) events: u32,
    pub(crate) told_deletions: u32,
    pub(crate) told_existing: u32,
    /// Versions that were overwritten before a poll could see them.
    pub(crate) unseen_versions: u32,
}

impl Coverage {
    pub(crate) fn wrote(&mut self, entry: &Entry) {
        self.writes += 1;
        self.deletions += u32::from(entry.kind == Kind::Deleted);
        // The update's date has whole seconds, so less than one is no lateness.
        self.late_writes += u32::from((entry.visible_at - entry.updated).num_seconds() > 0);
    }

    pub(crate) fn ended(&mut self, actor: &Actor, result: &Result<(), String>) {
        match (&actor.work, result) {
            (Work::Poll(_), _) => {
                self.stale_jobs += u32::from(actor.stands_at("read", "poll_context"));
                self.fenced_commits += u32::from(actor.stands_at("begin", "commit_page"));
            }
            (_, Err(_)) => self.refused_publishes += 1,
            (_, Ok(())) => {}
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self
            .counts_mut()
            .into_iter()
            .zip(other.clone().counts_mut())
        {
            *sum += *more;
        }
    }

    /// Whether everything has happened at least once.
    pub(crate) fn is_complete(&self) -> bool {
        self.clone().counts_mut().iter().all(|count| **count > 0)
    }

    fn counts_mut(&mut self) -> [&mut u32; 17] {
        [
            &mut self.seeds,
            &mut self.writes,
            &mut self.late_writes,
            &mut self.deletions,
            &mut self.duplicates,
            &mut self.crashes,
            &mut self.commits,
            &mut self.searches,
            &mut self.refused_requests,
            &mut self.stale_jobs,
            &mut self.fenced_commits,
            &mut self.refused_publishes,
            &mut self.notifications,
            &mut self.events,
            &mut self.told_deletions,
            &mut self.told_existing,
            &mut self.unseen_versions,
        ]
    }
}
