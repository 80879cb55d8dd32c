//! Random interleavings of pages, deliveries, failures, restarts, redrives and forgetting, against what order means.

use std::collections::{BTreeMap, BTreeSet};

use ie_model::NotificationStatus::{Dispatched, Failed, Notified};
use ie_model::{DeadLetterOrder, Instance, NotificationId};
use ie_store::{NotificationFilter, Pace, Store};
use proptest::prelude::*;

use crate::harness::Backend::Sqlite;
use crate::order::{ordered, published};
use crate::samples::{at, attempt, instance};

#[derive(Clone, Debug)]
enum Step {
    /// A page of notifications, each with a set of objects.
    Page(Vec<u8>),
    /// The relay's turn.
    Publish,
    /// One of those in the queue: accepted, tried again, or dead.
    Accept(usize),
    Retry(usize),
    Die(usize),
    Restart,
    Redrive,
    SafetyNet,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => prop::collection::vec(1..8_u8, 1..4).prop_map(Step::Page),
        4 => Just(Step::Publish),
        4 => any::<usize>().prop_map(Step::Accept),
        1 => any::<usize>().prop_map(Step::Retry),
        1 => any::<usize>().prop_map(Step::Die),
        1 => Just(Step::Restart),
        1 => Just(Step::Redrive),
        1 => Just(Step::SafetyNet),
    ]
}

/// What the store should be doing.
struct Play {
    store: Store,
    of: Instance,
    dead_letter: DeadLetterOrder,
    /// By id, the objects and the attempts made.
    known: BTreeMap<NotificationId, (BTreeSet<u8>, u32)>,
    /// Those that hold others back.
    unsettled: BTreeSet<NotificationId>,
    in_queue: BTreeSet<NotificationId>,
    dead: BTreeSet<NotificationId>,
    accepted: BTreeSet<NotificationId>,
}

impl Play {
    async fn run(&mut self, step: &Step) {
        match step {
            Step::Page(masks) => self.page(masks).await,
            Step::Publish => self.publish().await,
            Step::Accept(which) => self.end(*which, Notified).await,
            Step::Retry(which) => self.end(*which, Dispatched).await,
            Step::Die(which) => self.end(*which, Failed).await,
            Step::Restart => {
                self.store.reset_unfinished(at(0)).await.unwrap();
                self.in_queue.clear();
            }
            Step::Redrive => {
                let filter = NotificationFilter::default();
                self.store
                    .redrive(&filter, None, 99, Pace::at_once(at(0)))
                    .await
                    .unwrap();
                self.dead.clear();
            }
            Step::SafetyNet => {
                self.store.free_stranded(None, 99, at(0)).await.unwrap();
            }
        }
    }

    async fn page(&mut self, masks: &[u8]) {
        let sets = masks
            .iter()
            .map(|mask| (0..3).filter(|bit| mask & (1 << bit) != 0).collect());
        let sets: Vec<BTreeSet<u8>> = sets.collect();
        let names = |set: &BTreeSet<u8>| {
            let names = ["a", "b", "c"];
            set.iter()
                .map(|object| names[usize::from(*object)])
                .collect()
        };
        let names: Vec<Vec<&str>> = sets.iter().map(names).collect();
        let names: Vec<&[&str]> = names.iter().map(Vec::as_slice).collect();
        let ids = ordered(&self.store, &self.of, self.dead_letter, &names).await;
        for (id, set) in ids.into_iter().zip(sets) {
            self.known.insert(id, (set, 0));
            self.unsettled.insert(id);
        }
    }

    /// What the relay takes is exactly what nothing holds back.
    async fn publish(&mut self) {
        let published: BTreeSet<_> = published(&self.store).await.into_iter().collect();
        let expected = self.known.keys().copied().filter(|id| {
            let done = self.accepted.contains(id) || self.dead.contains(id);
            !done && !self.in_queue.contains(id) && !self.is_held(*id)
        });
        assert_eq!(published, expected.collect());
        self.in_queue.extend(published);
    }

    fn is_held(&self, id: NotificationId) -> bool {
        let objects = &self.known[&id].0;
        let mut earlier = self.unsettled.range(..id);
        self.unsettled.contains(&id)
            && earlier.any(|earlier| !self.known[earlier].0.is_disjoint(objects))
    }

    async fn end(&mut self, which: usize, status: ie_model::NotificationStatus) {
        let Some(id) = self.in_queue.iter().nth(which % self.in_queue.len().max(1)) else {
            return;
        };
        let id = *id;
        let attempts = &mut self.known.get_mut(&id).unwrap().1;
        *attempts += 1;
        let record = attempt(id, *attempts, status);
        self.store.record_attempts(&[record]).await.unwrap();
        if status == Dispatched {
            return;
        }
        self.in_queue.remove(&id);
        let skips = self.dead_letter == DeadLetterOrder::Skip;
        if status == Notified {
            self.accepted.insert(id);
        } else {
            self.dead.insert(id);
        }
        if status == Notified || skips {
            self.unsettled.remove(&id);
        }
    }
}

async fn play(dead_letter: DeadLetterOrder, steps: Vec<Step>) {
    let db = Sqlite.start().await;
    let of = instance(&db.store, &["contacts"]).await;
    let mut play = Play {
        store: db.store.clone(),
        of,
        dead_letter,
        known: BTreeMap::new(),
        unsettled: BTreeSet::new(),
        in_queue: BTreeSet::new(),
        dead: BTreeSet::new(),
        accepted: BTreeSet::new(),
    };
    for step in &steps {
        play.run(step).await;
    }
    // Whatever happened: with everything accepted, nothing is left.
    for _ in 0..=play.known.len() {
        play.run(&Step::Redrive).await;
        play.run(&Step::Publish).await;
        while !play.in_queue.is_empty() {
            play.run(&Step::Accept(0)).await;
        }
    }
    assert_eq!(play.accepted.len(), play.known.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_relay_takes_what_nothing_holds_back(
        skips in any::<bool>(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let dead_letter = if skips { DeadLetterOrder::Skip } else { DeadLetterOrder::Block };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(dead_letter, steps));
    }
}
