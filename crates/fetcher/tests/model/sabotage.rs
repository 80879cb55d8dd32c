//! How the mutations that concern commits are done: around the step that commits.

use ie_model::Fence;

use crate::actors::Work;
use crate::mutation::Mutation;
use crate::play::Play;

/// What was done before a step and is taken back after it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Broken {
    Nothing,
    /// The poller's claim, which this commit does not respect.
    Fence(Fence),
    /// The contents of this commit are lost, and then its worker.
    Contents,
}

impl Play<'_> {
    pub(crate) async fn break_before(&mut self, index: usize) -> Broken {
        let actor = &self.actors[index];
        if !matches!(actor.work, Work::Poll(_)) || !actor.stands_at("begin", "commit_page") {
            return Broken::Nothing;
        }
        let store = &self.site.store;
        match self.mutation {
            Some(Mutation::NoFencing) => {
                let own = actor.fence.expect("noted when it read its poller");
                let pollers = self.pollers().await;
                let stored = pollers.iter().find(|poller| poller.id == own.poller);
                let stored = stored.expect("its poller").fence();
                store.accept_fence(own).await.expect("a store that answers");
                Broken::Fence(stored)
            }
            Some(Mutation::AckBeforeCommit) if self.dice.percent(20) => {
                let lost = store.lose_contents(true).await;
                lost.expect("a store that answers");
                Broken::Contents
            }
            _ => Broken::Nothing,
        }
    }

    /// Says whether the actor is no more.
    pub(crate) async fn break_after(&mut self, index: usize, broken: Broken, ended: bool) -> bool {
        let store = &self.site.store;
        match broken {
            Broken::Nothing => false,
            Broken::Fence(before) => {
                let written = self.pollers().await;
                let written = written.iter().find(|poller| poller.id == before.poller);
                let written = written.expect("its poller").fence();
                let after = Fence {
                    epoch: before.epoch,
                    ..written
                };
                store
                    .accept_fence(after)
                    .await
                    .expect("a store that answers");
                false
            }
            Broken::Contents => {
                let lost = store.lose_contents(false).await;
                lost.expect("a store that answers");
                // Without a right to write it has ended by itself.
                if !ended {
                    self.lose(index);
                }
                true
            }
        }
    }
}
