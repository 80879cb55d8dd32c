//! What is stored and not yet in the queue.

use std::time::Duration;

use ie_model::{NotificationId, NotificationStatus};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{
    at, attempt, instance, notification, only_poller, page, status, stored_notifications, under_way,
};

const MINUTE: Duration = Duration::from_secs(60);

#[rstest]
#[tokio::test]
async fn published_notifications_become_received(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 3).await;

    db.store.mark_received(&ids[..2], at(40)).await.unwrap();
    db.store.mark_received(&[], at(40)).await.unwrap();

    let first = db.store.notification(ids[0]).await.unwrap().unwrap();
    assert_eq!(first.status, NotificationStatus::Received);
    assert_eq!(first.due_at, Some(at(40)));
    assert_eq!(status(&db.store, ids[2]).await, NotificationStatus::New);
    assert_eq!(db.store.unpublished().await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn notifications_are_found_by_their_ids_before_the_database_knows_its_tables(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    db.store.fill_with_notified(10_000, at(0)).await.unwrap();
    let ids: Vec<_> = (1..=50).map(|n| NotificationId(n * 100)).collect();

    let plans = db.store.explain_by_ids(&ids).await.unwrap();

    for plan in plans {
        for scan in ["Seq Scan on deliveries", "SCAN deliveries"] {
            assert!(!plan.contains(scan), "{plan}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn what_was_delivered_meanwhile_is_not_marked_as_received(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 2).await;
    let accepted = attempt(ids[0], 1, NotificationStatus::Notified);
    let waiting = attempt(ids[1], 1, NotificationStatus::Dispatched);
    db.store
        .record_attempts(&[accepted, waiting])
        .await
        .unwrap();

    db.store.mark_received(&ids, at(40)).await.unwrap();

    assert_eq!(
        status(&db.store, ids[0]).await,
        NotificationStatus::Notified
    );
    let waiting = db.store.notification(ids[1]).await.unwrap().unwrap();
    assert_eq!(waiting.status, NotificationStatus::Dispatched);
    assert_eq!(waiting.due_at, Some(at(101)));
}

#[rstest]
#[tokio::test]
async fn a_relay_gets_what_is_due_the_longest_overdue_first(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = db.store.reserve_notification_ids(4).await.unwrap();
    let due = [at(20), at(10), at(30), at(31)];
    let new = ids.iter().zip(due).map(|(id, due_at)| {
        let mut new = notification(*id, stored.id);
        new.due_at = due_at;
        new
    });
    let walk = page(Vec::new(), new.collect(), under_way(60));
    let fence = only_poller(&db.store, stored.id).await.fence();
    db.store.commit_page(fence, &walk).await.unwrap();

    let first = db.store.claim_unpublished(at(30), 2, MINUTE).await.unwrap();
    let rest = db.store.claim_unpublished(at(30), 9, MINUTE).await.unwrap();

    let claimed: Vec<_> = first.iter().map(|n| n.notification.id).collect();
    assert_eq!(claimed, [ids[1], ids[0]]);
    assert_eq!(
        first[0].notification.body.get(),
        format!(r#"{{"id":  {}}}"#, ids[1])
    );
    assert!(first[0].traceparent.is_some());
    let claimed: Vec<_> = rest.iter().map(|n| n.notification.id).collect();
    assert_eq!(claimed, [ids[2]]);
}

#[rstest]
#[tokio::test]
async fn a_relays_claim_ends_with_its_lease(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    stored_notifications(&db.store, stored.id, 1).await;

    let claimed = db.store.claim_unpublished(at(30), 9, MINUTE).await.unwrap();
    let meanwhile = db.store.claim_unpublished(at(89), 9, MINUTE).await.unwrap();
    let later = db.store.claim_unpublished(at(90), 9, MINUTE).await.unwrap();

    assert_eq!((claimed.len(), meanwhile.len(), later.len()), (1, 0, 1));
    assert_eq!(claimed[0].status, NotificationStatus::New);
    assert_eq!(db.store.unpublished().await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn a_restart_takes_back_what_was_in_the_queue(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 5).await;
    db.store.mark_received(&ids[1..], at(9000)).await.unwrap();
    let records = [
        attempt(ids[2], 1, NotificationStatus::Dispatched),
        attempt(ids[3], 1, NotificationStatus::Notified),
        attempt(ids[4], 1, NotificationStatus::Failed),
    ];
    db.store.record_attempts(&records).await.unwrap();

    assert_eq!(db.store.reset_unfinished(at(50)).await.unwrap(), 2);

    let mut due = Vec::new();
    for id in &ids[..3] {
        let found = db.store.notification(*id).await.unwrap().unwrap();
        assert_eq!(found.status, NotificationStatus::New);
        due.push(found.due_at.unwrap());
    }
    // Never published, lost with the queue, waiting for its second attempt.
    assert_eq!(due, [at(30), at(50), at(101)]);
    assert_eq!(
        status(&db.store, ids[3]).await,
        NotificationStatus::Notified
    );
    assert_eq!(status(&db.store, ids[4]).await, NotificationStatus::Failed);
    let waiting = db.store.delivery_state(ids[2]).await.unwrap().unwrap();
    assert_eq!(waiting.attempts, 1);
    assert_eq!(db.store.reset_unfinished(at(50)).await.unwrap(), 0);
}
