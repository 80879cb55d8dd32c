//! Events of one object wait for each other, and for nothing else.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ie_model::NotificationStatus::{Dispatched, Failed, New, Notified};
use ie_model::{DeadLetterOrder, EventOrder, Instance, NotificationId, NotificationStatus};
use ie_store::{
    NewNotification, NotificationFilter, Ordered, Pace, PollerChanges, Retention, Store,
};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, attempt, instance, notification, only_poller, page, status, under_way};

const SKIP: DeadLetterOrder = DeadLetterOrder::Skip;
const BLOCK: DeadLetterOrder = DeadLetterOrder::Block;

/// Notifications of these objects each, in one page.
pub(crate) async fn ordered(
    store: &Store,
    of: &Instance,
    dead_letter: DeadLetterOrder,
    objects: &[&[&str]],
) -> Vec<NotificationId> {
    let (ids, _) = committed(store, of, dead_letter, objects).await;
    ids
}

/// The same, and which of them have to wait.
async fn committed(
    store: &Store,
    of: &Instance,
    dead_letter: DeadLetterOrder,
    objects: &[&[&str]],
) -> (Vec<NotificationId>, HashSet<NotificationId>) {
    let count = u32::try_from(objects.len()).unwrap();
    let ids = store.reserve_notification_ids(count).await.unwrap();
    let new = ids
        .iter()
        .zip(objects)
        .map(|(id, objects)| NewNotification {
            due_at: at(0),
            ordered: Some(Ordered {
                objects: objects.iter().map(|object| (*object).to_owned()).collect(),
                dead_letter,
            }),
            ..notification(*id, of.id)
        });
    let page = page(Vec::new(), new.collect(), under_way(60));
    let fence = only_poller(store, of.id).await.fence();
    let committed = store.commit_page(fence, &page).await.unwrap();
    (ids, committed.held)
}

/// What a relay publishes now.
pub(crate) async fn published(store: &Store) -> Vec<NotificationId> {
    let found = store.claim_unpublished(at(500), 1000, Duration::from_secs(30));
    let ids: Vec<_> = found
        .await
        .unwrap()
        .iter()
        .map(|found| found.notification.id)
        .collect();
    store.mark_received(&ids, at(900)).await.unwrap();
    ids
}

async fn record(store: &Store, id: NotificationId, number: u32, status: NotificationStatus) {
    let record = attempt(id, number, status);
    store.record_attempts(&[record]).await.unwrap();
}

async fn switched(store: &Store, of: &Instance, order: EventOrder, dead: DeadLetterOrder) {
    let mut changed = of.clone();
    changed.settings.delivery.order = order;
    changed.settings.delivery.dead_letter_order = dead;
    let pollers = PollerChanges {
        keep_others: true,
        ..PollerChanges::default()
    };
    crate::samples::update(store, &changed, &pollers).await;
}

#[rstest]
#[tokio::test]
async fn an_event_waits_until_the_one_before_it_is_accepted(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let first = ordered(&db.store, &stored, BLOCK, &[&["a"], &["a"], &["b"]]).await;
    let later = ordered(&db.store, &stored, BLOCK, &[&["a"], &["c"]]).await;

    assert_eq!(published(&db.store).await, [first[0], first[2], later[1]]);
    assert_eq!(db.store.unpublished().await.unwrap(), 0);
    record(&db.store, first[0], 1, Dispatched).await;
    assert_eq!(published(&db.store).await, []);
    record(&db.store, first[0], 2, Notified).await;
    assert_eq!(published(&db.store).await, [first[1]]);
    record(&db.store, first[1], 1, Notified).await;
    // Recorded twice: its successor is freed once.
    record(&db.store, first[1], 1, Notified).await;
    assert_eq!(published(&db.store).await, [later[0]]);
}

#[rstest]
#[tokio::test]
async fn whoever_stores_a_page_is_told_which_of_its_notifications_have_to_wait(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;

    let (first, held) = committed(&db.store, &stored, BLOCK, &[&["a"], &["a"], &["b"]]).await;
    assert_eq!(held, HashSet::from([first[1]]));

    let free = [first[0], first[2]];
    db.store.mark_received(&free, at(900)).await.unwrap();
    record(&db.store, first[2], 1, Notified).await;
    let (second, held) = committed(&db.store, &stored, BLOCK, &[&["a"], &["b"]]).await;
    assert_eq!(held, HashSet::from([second[0]]));
}

#[rstest]
#[tokio::test]
async fn a_notification_waits_for_all_of_its_objects(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let objects: [&[&str]; 3] = [&["a"], &["b", "b"], &["a", "b"]];
    let ids = ordered(&db.store, &stored, BLOCK, &objects).await;

    assert_eq!(published(&db.store).await, ids[..2]);
    record(&db.store, ids[1], 1, Notified).await;
    assert_eq!(published(&db.store).await, []);
    record(&db.store, ids[0], 1, Notified).await;
    assert_eq!(published(&db.store).await, ids[2..]);
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_blocks_its_object_until_it_is_redriven_and_accepted(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = ordered(&db.store, &stored, BLOCK, &[&["a"], &["a"]]).await;
    published(&db.store).await;

    record(&db.store, ids[0], 1, Failed).await;
    assert_eq!(published(&db.store).await, []);
    let filter = NotificationFilter::default();
    let redriven = db
        .store
        .redrive(&filter, None, 9, Pace::at_once(at(20)))
        .await
        .unwrap();

    assert_eq!(redriven.len(), 1);
    assert_eq!(published(&db.store).await, ids[..1]);
    record(&db.store, ids[0], 2, Notified).await;
    assert_eq!(published(&db.store).await, ids[1..]);
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_is_skipped_where_that_is_wished(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = ordered(&db.store, &stored, SKIP, &[&["a"], &["a"], &["a"]]).await;
    published(&db.store).await;

    record(&db.store, ids[0], 1, Failed).await;
    assert_eq!(published(&db.store).await, ids[1..2]);
    let end = db.store.fail_notifications(&ids[1..2], "gone", at(9));
    end.await.unwrap();

    assert_eq!(published(&db.store).await, ids[2..]);
}

#[rstest]
#[tokio::test]
async fn what_is_held_stays_held_when_the_queue_is_taken_back(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = ordered(&db.store, &stored, BLOCK, &[&["a"], &["a"]]).await;
    published(&db.store).await;

    assert_eq!(db.store.reset_unfinished(at(40)).await.unwrap(), 1);

    assert_eq!(published(&db.store).await, ids[..1]);
}

#[rstest]
#[case::no_order(EventOrder::None, BLOCK)]
#[case::dead_letters_skip(EventOrder::PerObject, SKIP)]
#[tokio::test]
async fn another_mode_sets_free_what_it_would_not_have_held(
    #[case] order: EventOrder,
    #[case] dead_letter: DeadLetterOrder,
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = ordered(&db.store, &stored, BLOCK, &[&["a"], &["a"]]).await;
    published(&db.store).await;
    record(&db.store, ids[0], 1, Failed).await;
    switched(&db.store, &stored, EventOrder::PerObject, BLOCK).await;
    assert_eq!(published(&db.store).await, []);

    switched(&db.store, &stored, order, dead_letter).await;

    assert_eq!(published(&db.store).await, ids[1..]);
}

#[rstest]
#[tokio::test]
async fn what_was_stored_without_an_order_holds_nobody(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let before = crate::samples::stored_notifications(&db.store, stored.id, 1).await;
    switched(&db.store, &stored, EventOrder::PerObject, BLOCK).await;

    let ids = ordered(&db.store, &stored, BLOCK, &[&["a"]]).await;

    assert_eq!(published(&db.store).await, [ids[0], before[0]]);
}

#[rstest]
#[tokio::test]
async fn a_deleted_instance_holds_nothing(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = ordered(&db.store, &stored, BLOCK, &[&["a"], &["a"]]).await;

    assert!(db.store.delete_instance(stored.id).await.unwrap());

    assert_eq!(published(&db.store).await, []);
    for id in ids {
        assert_eq!(status(&db.store, id).await, Failed);
    }
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_that_is_forgotten_blocks_no_longer(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = ordered(&db.store, &stored, BLOCK, &[&["a"], &["a"]]).await;
    published(&db.store).await;
    record(&db.store, ids[0], 1, Failed).await;
    let retention = Retention {
        events_before: at(1000),
        attempts_before: at(1000),
        batch: 100,
    };

    let forgotten = db.store.forget_old(0, &retention).await.unwrap();

    assert_eq!(forgotten.events, 1);
    assert_eq!(status(&db.store, ids[1]).await, New);
    assert_eq!(published(&db.store).await, ids[1..]);
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_that_is_discarded_blocks_no_longer(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = ordered(&db.store, &stored, BLOCK, &[&["a"], &["a"]]).await;
    published(&db.store).await;
    record(&db.store, ids[0], 1, Failed).await;

    let filter = NotificationFilter::default();
    let discarded = db.store.discard(&filter, None, 9, at(20)).await.unwrap();

    assert_eq!(discarded, ids[..1]);
    assert_eq!(published(&db.store).await, ids[1..]);
}

#[rstest]
#[tokio::test]
async fn the_safety_net_leaves_what_waits_rightly(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = ordered(&db.store, &stored, BLOCK, &[&["a"], &["a"], &["a"]]).await;
    published(&db.store).await;

    let next = db.store.free_stranded(None, 1, at(9)).await.unwrap();
    assert_eq!(next, Some(ids[1]));
    let next = db.store.free_stranded(next, 2, at(9)).await.unwrap();

    assert_eq!(next, None);
    assert_eq!(published(&db.store).await, []);
}

/// Pages and two settling workers at the same time: whoever comes between, all is delivered, and in order.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_and_settlements_at_once_leave_nothing_held(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let sets: [&[&str]; 3] = [&["a"], &["b"], &["a", "b"]];
    let (store, delivered) = (&db.store, Mutex::new(Vec::new()));
    let written = AtomicBool::new(false);
    let pages = async {
        let mut ids = Vec::new();
        for round in 0..100 {
            ids.extend(ordered(store, &stored, BLOCK, &[sets[round % 3]]).await);
        }
        written.store(true, Ordering::SeqCst);
        ids
    };
    let work = async || {
        loop {
            let last = written.load(Ordering::SeqCst);
            let free = published(store).await;
            if free.is_empty() && last {
                break;
            }
            for id in free {
                delivered.lock().unwrap().push(id);
                record(store, id, 1, Notified).await;
            }
        }
    };

    let (ids, ..) = tokio::join!(pages, work(), work());
    // What the other worker had freed at its end.
    work().await;

    let delivered = delivered.into_inner().unwrap();
    assert_eq!(delivered.len(), ids.len());
    for skipped in 0..2 {
        // Every set but one's alone has one object in common.
        let of_object = delivered.iter().filter(|id| {
            let place = ids.iter().position(|known| known == *id).unwrap();
            place % 3 != skipped
        });
        assert!(of_object.is_sorted());
    }
}
