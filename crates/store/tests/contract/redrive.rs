//! Dead letters that are taken up again.

use chrono::TimeDelta;
use ie_model::NotificationStatus::{Dispatched, Failed, New, Notified};
use ie_model::{InstanceId, NotificationId};
use ie_store::{NotificationFilter, Store};
use rstest::rstest;
use std::time::Duration;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, attempt, instance, status, stored_notifications};

/// Stores notifications and makes dead letters of them, after two attempts each.
async fn dead_letters(store: &Store, instance: InstanceId, count: u32) -> Vec<NotificationId> {
    let ids = stored_notifications(store, instance, count).await;
    let records: Vec<_> = ids.iter().map(|id| attempt(*id, 2, Failed)).collect();
    store.record_attempts(&records).await.unwrap();
    ids
}

async fn redriven(
    store: &Store,
    filter: &NotificationFilter,
    ids: Option<&[NotificationId]>,
    limit: u32,
) -> Vec<NotificationId> {
    let found = store
        .redrive(filter, ids, limit, ie_store::Pace::at_once(at(500)))
        .await
        .unwrap();
    found.iter().map(|found| found.notification.id).collect()
}

#[rstest]
#[tokio::test]
async fn a_redriven_notification_begins_again_and_its_attempts_go_on(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let id = dead_letters(&db.store, stored.id, 1).await[0];

    let filter = NotificationFilter::default();
    let found = db
        .store
        .redrive(&filter, None, 10, ie_store::Pace::at_once(at(500)))
        .await
        .unwrap();

    assert_eq!(found.len(), 1);
    assert_eq!(found[0].notification.id, id);
    assert_eq!((found[0].status, found[0].attempts), (New, 2));
    assert_eq!(found[0].due_at, Some(at(500) + TimeDelta::seconds(30)));
    assert!(found[0].traceparent.is_some());
    assert!(redriven(&db.store, &filter, None, 10).await.is_empty());
    let lease = Duration::from_secs(60);
    let relayed = db.store.claim_unpublished(at(530), 9, lease).await.unwrap();
    assert_eq!(relayed.len(), 1);
    let third = attempt(id, 3, Notified);
    db.store.record_attempts(&[third]).await.unwrap();
    assert_eq!(status(&db.store, id).await, Notified);
}

#[rstest]
#[tokio::test]
async fn a_redrive_takes_what_the_filter_names_and_no_more_than_the_limit(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let one = instance(&db.store, &["contacts"]).await;
    let two = instance(&db.store, &["contacts"]).await;
    let ones = dead_letters(&db.store, one.id, 3).await;
    let twos = dead_letters(&db.store, two.id, 2).await;
    let of_one = NotificationFilter {
        instance: Some(one.id),
        ..Default::default()
    };

    let named = [ones[0], twos[0]];
    let everything = NotificationFilter::default();
    let count = async |filter, ids| db.store.count_dead(filter, ids, 4).await.unwrap();
    assert_eq!(count(&of_one, None).await, 3);
    assert_eq!(count(&everything, None).await, 4, "so many at the most");
    assert_eq!(count(&of_one, Some(&named[..])).await, 1);

    assert_eq!(redriven(&db.store, &of_one, None, 2).await, ones[..2]);
    assert_eq!(count(&of_one, None).await, 1);
    let named = [ones[2], twos[1]];
    let both = redriven(&db.store, &of_one, Some(&named), 9).await;
    assert_eq!(both, [ones[2]]);
    let rest = NotificationFilter {
        organization: Some(one.organization),
        status: Some(Failed),
        ..Default::default()
    };
    assert!(redriven(&db.store, &rest, Some(&[]), 9).await.is_empty());
    assert_eq!(redriven(&db.store, &rest, Some(&named), 9).await, [twos[1]]);
    assert_eq!(redriven(&db.store, &rest, None, 9).await, [twos[0]]);
}

#[rstest]
#[tokio::test]
async fn only_dead_letters_are_redriven(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 3).await;
    let records = [attempt(ids[0], 1, Notified), attempt(ids[1], 1, Dispatched)];
    db.store.record_attempts(&records).await.unwrap();
    let everything = NotificationFilter::default();
    let accepted = NotificationFilter {
        status: Some(Notified),
        ..Default::default()
    };

    assert!(
        redriven(&db.store, &everything, Some(&ids), 9)
            .await
            .is_empty()
    );
    assert!(redriven(&db.store, &accepted, None, 9).await.is_empty());
    assert_eq!(status(&db.store, ids[0]).await, Notified);
}

#[rstest]
#[tokio::test]
async fn the_dead_letters_of_a_deleted_instance_stay_dead(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = dead_letters(&db.store, stored.id, 1).await;
    db.store.delete_instance(stored.id).await.unwrap();

    let filter = NotificationFilter::default();

    assert!(redriven(&db.store, &filter, Some(&ids), 9).await.is_empty());
    assert_eq!(status(&db.store, ids[0]).await, Failed);
}

#[rstest]
#[tokio::test]
async fn a_report_from_before_a_redrive_does_not_end_it(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = dead_letters(&db.store, stored.id, 1).await;
    redriven(&db.store, &NotificationFilter::default(), None, 9).await;

    let again = attempt(ids[0], 2, Failed);
    db.store.record_attempts(&[again]).await.unwrap();

    assert_eq!(status(&db.store, ids[0]).await, New);
}
