//! The end of a seed: nothing goes wrong any more, and time passes until everything must have arrived.

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::PollerId;
use ie_store::{Walk, WalkKind};

use crate::actors::Work;
use crate::play::{Play, Violation};
use crate::scenario::RESOURCES;
use crate::time::{WAITS, begin};

/// After so many rounds of polls a system that does not catch up never will.
const ROUNDS: u32 = 40;
/// Steps that no actor comes to without running in a circle.
const STEPS: u32 = 5_000;

impl Play<'_> {
    /// Lets everybody finish, and polls until every write was visible to a completed poll.
    pub(crate) async fn settle(&mut self) -> Result<(), Violation> {
        self.note("nothing goes wrong from now on");
        self.insightly.behave();
        self.refusing = false;
        while !self.actors.is_empty() {
            self.finish(self.actors.len() - 1).await?;
        }
        let visible = self.last_visible();
        let mut due = self.scenario.skew.ours(visible);
        self.site.time.set(self.site.time.look().max(due));
        let before = self.walks().await;
        let mut rounds = 0;
        while let Some(again) = self.is_behind(visible, &before).await {
            rounds += 1;
            if rounds > ROUNDS {
                return Err(self.does_not_settle().await);
            }
            due = due.max(again);
            self.wait_until_due(due).await;
            self.round().await?;
        }
        if self.scenario.idle {
            self.check_idle().await?;
        }
        // What the first publishing did not bring into the queue is left to the relay for a while.
        self.site.time.advance(TimeDelta::minutes(2));
        self.begin(Work::Relay);
        self.finish(0).await
    }

    /// Once no write is left in any window, a poll is one request.
    async fn check_idle(&mut self) -> Result<(), Violation> {
        let overlap = i64::from(self.scenario.late + self.scenario.poll_delay);
        let past = TimeDelta::milliseconds(overlap * 1_100 + 10_000);
        let beyond = self.site.time.look() + past;
        self.wait_until_due(beyond).await;
        self.round().await?;
        self.wait_until_due(beyond).await;
        let count = |play: &Self| {
            let objects = RESOURCES[..play.scenario.resources].iter();
            let counts = objects.map(|(_, object, _)| play.insightly.searches(object));
            counts.collect::<Vec<_>>()
        };
        let before = count(self);
        self.round().await?;
        let after = count(self);
        if before
            .iter()
            .zip(&after)
            .any(|(before, after)| after - before != 1)
        {
            return Err(format!(
                "an idle resource costs one request per poll, not {before:?} to {after:?}"
            ));
        }
        Ok(())
    }

    /// A tick, all jobs, a relay: each to its end, one after the other.
    async fn round(&mut self) -> Result<(), Violation> {
        self.begin(Work::Tick);
        self.finish(0).await?;
        while let Some(job) = self.jobs.pop() {
            self.begin(Work::Poll(job));
            self.finish(0).await?;
        }
        self.begin(Work::Relay);
        self.finish(0).await
    }

    async fn finish(&mut self, index: usize) -> Result<(), Violation> {
        for _ in 0..STEPS {
            if self.go_on(index, 1).await? {
                return Ok(());
            }
            if self.actors[index].at.is_some_and(|place| place.at == WAITS) {
                let wait = self.site.time.until_next_wake();
                self.site.time.advance(wait.unwrap_or_default());
            }
        }
        Err(format!("{} does not end", self.actors[index]))
    }

    /// The time at which the last write became visible, by Insightly's clock.
    fn last_visible(&self) -> DateTime<Utc> {
        let writes = RESOURCES
            .iter()
            .flat_map(|(_, object, _)| self.insightly.ledger(object));
        let last = writes.map(|entry| entry.visible_at).max();
        last.unwrap_or_else(|| self.insightly.now()) + TimeDelta::seconds(1)
    }

    /// Whether a poll, a snapshot or a sweep has not been through since; then when it goes on, as far as that is known.
    async fn is_behind(
        &self,
        visible: DateTime<Utc>,
        before: &[(PollerId, Walk)],
    ) -> Option<DateTime<Utc>> {
        let pollers = self.pollers().await;
        let walks = self.walks().await;
        let of = |walks: &[(PollerId, Walk)], id, kind| {
            let mut walks = walks.iter();
            let walk = walks.find(|(of, walk)| *of == id && walk.kind == kind);
            walk.map(|(_, walk)| walk.clone())
        };
        let mut again = Vec::new();
        for poller in pollers {
            if poller.cursor < visible {
                again.push(poller.due_at);
            }
            let snapshot = of(&walks, poller.id, WalkKind::Snapshot);
            if self.scenario.snapshot && !has_ended(snapshot.as_ref(), 1) {
                again.push(snapshot.and_then(|walk| walk.due_at).unwrap_or(begin()));
            }
            // One that was under way may have passed what was written behind it.
            let sweep = of(&walks, poller.id, WalkKind::Sweep);
            let number = of(before, poller.id, WalkKind::Sweep).map_or(0, |walk| walk.number) + 1;
            if self.scenario.deletes_minutes > 0 && !has_ended(sweep.as_ref(), number) {
                again.push(sweep.and_then(|walk| walk.due_at).unwrap_or(begin()));
            }
        }
        again.into_iter().max()
    }

    async fn walks(&self) -> Vec<(PollerId, Walk)> {
        let pollers = self.pollers().await;
        let ids: Vec<PollerId> = pollers.iter().map(|poller| poller.id).collect();
        let walks = self.site.store.walks(&ids).await;
        walks.expect("a store that answers")
    }

    /// Every poller is due then, and it is `earliest` or later.
    async fn wait_until_due(&mut self, earliest: DateTime<Utc>) {
        let pollers = self.pollers().await;
        let due = pollers.iter().map(|poller| poller.due_at).max();
        let now = self.site.time.look();
        let then = now.max(earliest).max(due.unwrap_or(now)) + TimeDelta::milliseconds(1);
        self.site.time.set(then);
        self.note(&format!(
            "it is {then} ours, {} Insightly's",
            self.insightly.now()
        ));
    }

    async fn does_not_settle(&self) -> Violation {
        let pollers = self.pollers().await;
        let errors: Vec<_> = pollers
            .into_iter()
            .map(|poller| poller.last_error)
            .collect();
        format!("does not catch up in {ROUNDS} rounds: {errors:?}")
    }
}

/// Whether the walk of that number is complete.
fn has_ended(walk: Option<&Walk>, number: i64) -> bool {
    walk.is_some_and(|walk| {
        let is_complete = walk.state.is_none() && walk.finished_at >= walk.started_at;
        walk.number > number || (walk.number == number && is_complete)
    })
}
