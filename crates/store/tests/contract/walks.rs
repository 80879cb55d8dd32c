//! Walks through all records: their progress, which objects exist, and which are missing.

use std::collections::HashSet;

use ie_model::{Digest, Fence, InstanceId, PollerId, Version};
use ie_store::{Error, PageCommit, PollerChanges, Progress, Store, Walk, WalkKind, WalkWrite};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{
    at, claim, claimed_poller, instance, notification, only_poller, page, version,
};

const BESIDE: Progress = Progress::Beside { due_at: None };

fn sweep(number: i64) -> Walk {
    Walk {
        number,
        ..Walk::new(WalkKind::Sweep, at(0))
    }
}

fn met(number: i64, objects: &[&str]) -> WalkWrite {
    WalkWrite {
        present: objects.iter().map(|object| (*object).to_owned()).collect(),
        ..WalkWrite::new(sweep(number))
    }
}

fn write(walk: WalkWrite) -> PageCommit {
    PageCommit {
        walk: Some(walk),
        ..PageCommit::new(BESIDE)
    }
}

/// Stores a walk's page under the poller's fence of now.
async fn store_walk(store: &Store, instance: InstanceId, walk: WalkWrite) -> Fence {
    let fence = only_poller(store, instance).await.fence();
    store.commit_page(fence, &write(walk)).await.unwrap().fence
}

async fn remember(store: &Store, instance: InstanceId, versions: &[(&str, Version)]) {
    let fence = only_poller(store, instance).await.fence();
    let versions = versions.iter().cloned();
    let versions = versions.map(|(object, version)| (object.to_owned(), version));
    let page = page(versions.collect(), Vec::new(), BESIDE);
    store.commit_page(fence, &page).await.unwrap();
}

async fn missing(store: &Store, poller: PollerId, number: i64) -> HashSet<String> {
    let found = store.missing_objects(poller, number, 100).await.unwrap();
    let count = found.len();
    let found = HashSet::from_iter(found);
    assert_eq!(found.len(), count, "an object is missing once");
    found
}

fn set(objects: &[&str]) -> HashSet<String> {
    objects.iter().map(|object| (*object).to_owned()).collect()
}

fn gone(sequence: i64) -> Version {
    Version {
        digest: Digest::GONE,
        ..version(3, sequence)
    }
}

#[rstest]
#[tokio::test]
async fn a_walk_is_stored_with_its_page_and_replaced_by_the_next(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = claimed_poller(&db.store, 0).await;
    assert_eq!(db.store.walks(&[poller.id]).await.unwrap(), []);
    let begun = Walk {
        number: 2,
        state: Some(r#"{"skip": 499}"#.to_owned()),
        due_at: Some(at(40)),
        records: 500,
        total: Some(12_345),
        events: 7,
        started_at: Some(at(5)),
        ..Walk::new(WalkKind::Snapshot, at(0))
    };
    let id = db.store.reserve_notification_ids(1).await.unwrap()[0];

    let mut first = write(WalkWrite::new(begun.clone()));
    first.versions = vec![("7".to_owned(), version(3, 1))];
    first.notifications = vec![notification(id, stored.id)];
    let fence = db
        .store
        .commit_page(poller.fence(), &first)
        .await
        .unwrap()
        .fence;

    assert_eq!(
        db.store.walks(&[poller.id]).await.unwrap(),
        [(poller.id, begun.clone())]
    );
    assert!(db.store.notification(id).await.unwrap().is_some());
    let seven = ["7".to_owned()];
    let known = db.store.known_versions(poller.id, &seven).await.unwrap();
    assert_eq!(known["7"], version(3, 1));
    let finished = Walk {
        state: None,
        due_at: None,
        finished_at: Some(at(9)),
        last_error: Some("503".to_owned()),
        ..begun
    };
    let last = write(WalkWrite::new(finished.clone()));
    let fence = db.store.commit_page(fence, &last).await.unwrap().fence;
    let swept = write(WalkWrite::new(sweep(1)));
    db.store.commit_page(fence, &swept).await.unwrap();
    assert_eq!(
        db.store.walks(&[poller.id]).await.unwrap(),
        [(poller.id, finished), (poller.id, sweep(1))]
    );
}

#[rstest]
#[tokio::test]
async fn a_page_beside_the_polls_leaves_the_poll_as_it_was(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let before = claimed_poller(&db.store, 0).await;

    let fence = store_walk(&db.store, stored.id, met(1, &["7"])).await;

    let mut after = only_poller(&db.store, stored.id).await;
    assert_eq!(after.fence(), fence);
    after.revision = before.revision;
    assert_eq!(after, before);
}

#[rstest]
#[tokio::test]
async fn a_walk_makes_its_poller_due_earlier_and_never_later(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = claimed_poller(&db.store, 0).await;
    let finished = Progress::Finished {
        cursor: at(1),
        next_due: at(900),
        planned: None,
        at: at(2),
    };
    let mut fence = db
        .store
        .commit_page(poller.fence(), &PageCommit::new(finished))
        .await
        .unwrap()
        .fence;

    for (due_at, expected) in [(Some(5000), 900), (None, 900), (Some(30), 30)] {
        let beside = Progress::Beside {
            due_at: due_at.map(at),
        };
        let page = PageCommit::new(beside);
        fence = db.store.commit_page(fence, &page).await.unwrap().fence;
        assert_eq!(only_poller(&db.store, stored.id).await.due_at, at(expected));
    }

    assert_eq!(claim(&db.store, 30).await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_walk_is_fenced_as_soon_as_its_poller_is_claimed_again(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = claimed_poller(&db.store, 0).await;
    claim(&db.store, 60).await;

    let late = write(met(1, &["7"]));
    let late = db.store.commit_page(poller.fence(), &late).await;

    assert!(matches!(late, Err(Error::Fenced)));
    assert_eq!(db.store.walks(&[poller.id]).await.unwrap(), []);
    store_walk(&db.store, stored.id, met(2, &[])).await;
    assert_eq!(missing(&db.store, poller.id, 2).await, set(&[]));
}

#[rstest]
#[tokio::test]
async fn missing_are_those_of_earlier_sweeps_and_those_with_events_since(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = only_poller(&db.store, stored.id).await.id;
    let events = [("3", version(3, 1)), ("4", version(3, 1)), ("5", gone(2))];
    remember(&db.store, stored.id, &events).await;

    assert_eq!(missing(&db.store, poller, 1).await, set(&["3", "4"]));
    store_walk(&db.store, stored.id, met(1, &["1", "2", "3"])).await;
    assert_eq!(missing(&db.store, poller, 1).await, set(&["4"]));
    store_walk(&db.store, stored.id, met(1, &["4", "4"])).await;
    assert_eq!(missing(&db.store, poller, 1).await, set(&[]));

    store_walk(&db.store, stored.id, met(2, &["1", "3"])).await;
    assert_eq!(missing(&db.store, poller, 2).await, set(&["2", "4"]));
    let one = db.store.missing_objects(poller, 2, 1).await.unwrap();
    assert_eq!(one.len(), 1);
}

#[rstest]
#[tokio::test]
async fn what_is_gone_is_forgotten_and_what_is_aside_is_not_missed_until_it_is_met(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = only_poller(&db.store, stored.id).await.id;
    store_walk(&db.store, stored.id, met(1, &["1", "2", "3"])).await;
    remember(&db.store, stored.id, &[("1", version(3, 1))]).await;

    let learnt = WalkWrite {
        gone: vec!["1".to_owned()],
        aside: vec!["2".to_owned()],
        ..met(2, &["3"])
    };
    let fence = only_poller(&db.store, stored.id).await.fence();
    let mut learnt = write(learnt);
    learnt.versions = vec![("1".to_owned(), gone(2))];
    db.store.commit_page(fence, &learnt).await.unwrap();

    assert_eq!(missing(&db.store, poller, 2).await, set(&[]));
    assert_eq!(missing(&db.store, poller, 3).await, set(&["3"]));
    store_walk(&db.store, stored.id, met(3, &["2", "3"])).await;
    assert_eq!(missing(&db.store, poller, 4).await, set(&["2", "3"]));
    remember(&db.store, stored.id, &[("1", version(9, 3))]).await;
    assert_eq!(missing(&db.store, poller, 3).await, set(&["1"]));
}

#[rstest]
#[tokio::test]
async fn gone_versions_are_those_whose_last_event_was_a_deletion(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = only_poller(&db.store, stored.id).await.id;
    let events = [("1", version(3, 1)), ("2", gone(5))];
    remember(&db.store, stored.id, &events).await;

    let asked = ["1", "2", "3"].map(str::to_owned);
    let found = db.store.gone_versions(poller, &asked).await.unwrap();

    assert_eq!(found.len(), 1);
    assert_eq!(found["2"], gone(5));
    assert!(found["2"].is_gone());
}

#[rstest]
#[tokio::test]
async fn walks_and_known_objects_go_with_their_poller(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = only_poller(&db.store, stored.id).await.id;
    store_walk(&db.store, stored.id, met(1, &["1"])).await;

    let none = PollerChanges::default();
    crate::samples::update(&db.store, &stored, &none).await;

    assert_eq!(db.store.walks(&[poller]).await.unwrap(), []);
    assert_eq!(missing(&db.store, poller, 2).await, set(&[]));
}
