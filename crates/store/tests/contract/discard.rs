//! Dead letters that are given up.

use ie_model::NotificationStatus::{Discarded, Failed, New, Notified};
use ie_model::{InstanceId, NotificationId};
use ie_store::{NotificationFilter, Store};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, attempt, instance, status, stored_notifications};

async fn dead_letters(store: &Store, instance: InstanceId, count: u32) -> Vec<NotificationId> {
    let ids = stored_notifications(store, instance, count).await;
    let records: Vec<_> = ids.iter().map(|id| attempt(*id, 2, Failed)).collect();
    store.record_attempts(&records).await.unwrap();
    ids
}

#[rstest]
#[tokio::test]
async fn what_is_discarded_is_what_the_filter_names_and_is_not_redriven(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let one = instance(&db.store, &["contacts"]).await;
    let two = instance(&db.store, &["contacts"]).await;
    let ones = dead_letters(&db.store, one.id, 3).await;
    let twos = dead_letters(&db.store, two.id, 1).await;
    let of_one = NotificationFilter {
        instance: Some(one.id),
        ..Default::default()
    };
    let all = NotificationFilter::default();

    let named = [ones[2], twos[0]];
    let first = db.store.discard(&of_one, Some(&named), 9, at(500)).await;
    let second = db.store.discard(&of_one, None, 1, at(500)).await;
    let again = db.store.discard(&all, Some(&[ones[0]]), 9, at(500)).await;

    assert_eq!(first.unwrap(), [ones[2]]);
    assert_eq!(second.unwrap(), [ones[0]]);
    assert_eq!(again.unwrap(), []);
    let redriven = db
        .store
        .redrive(&all, None, 9, ie_store::Pace::at_once(at(501)))
        .await
        .unwrap();
    let redriven: Vec<_> = redriven.iter().map(|one| one.notification.id).collect();
    assert_eq!(redriven, [ones[1], twos[0]]);
    assert_eq!(status(&db.store, ones[0]).await, Discarded);
    assert!(db.store.counts().await.unwrap().contains(&(Discarded, 2)));
}

#[rstest]
#[tokio::test]
async fn only_dead_letters_are_discarded(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 2).await;
    let accepted = attempt(ids[0], 1, Notified);
    db.store.record_attempts(&[accepted]).await.unwrap();
    let all = NotificationFilter::default();

    let discarded = db.store.discard(&all, Some(&ids), 9, at(500)).await;

    assert_eq!(discarded.unwrap(), []);
    assert_eq!(status(&db.store, ids[0]).await, Notified);
    assert_eq!(status(&db.store, ids[1]).await, New);
}

#[rstest]
#[tokio::test]
async fn a_late_failure_leaves_it_discarded_and_a_late_acceptance_is_the_truth(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = dead_letters(&db.store, stored.id, 2).await;
    let all = NotificationFilter::default();
    db.store.discard(&all, None, 9, at(500)).await.unwrap();

    let late = [attempt(ids[0], 3, Failed), attempt(ids[1], 3, Notified)];
    db.store.record_attempts(&late).await.unwrap();

    assert_eq!(status(&db.store, ids[0]).await, Discarded);
    assert_eq!(status(&db.store, ids[1]).await, Notified);
}

#[rstest]
#[tokio::test]
async fn of_a_redrive_and_a_discard_at_once_one_gets_each_letter(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = dead_letters(&db.store, stored.id, 50).await;
    let all = NotificationFilter::default();

    let (redriven, again, discarded) = tokio::join!(
        db.store
            .redrive(&all, None, 50, ie_store::Pace::at_once(at(500))),
        db.store
            .redrive(&all, None, 50, ie_store::Pace::at_once(at(500))),
        db.store.discard(&all, None, 50, at(500)),
    );

    let revived = redriven.unwrap().into_iter().chain(again.unwrap());
    let mut taken: Vec<_> = revived.map(|one| one.notification.id).collect();
    taken.extend(discarded.unwrap());
    taken.sort_unstable();
    assert_eq!(taken, ids);
}
