//! Attempts and what follows from them.

use std::slice::from_ref;

use ie_model::NotificationId;
use ie_model::NotificationStatus::{Dispatched, Failed, New, Notified};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, attempt, instance, status, stored_notifications};

#[rstest]
#[tokio::test]
async fn an_attempt_is_kept_with_what_follows(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let id = stored_notifications(&db.store, stored.id, 1).await[0];
    let refused = attempt(id, 1, Dispatched);
    let accepted = attempt(id, 2, Notified);

    db.store.record_attempts(from_ref(&refused)).await.unwrap();
    let between = db.store.notification(id).await.unwrap().unwrap();
    db.store.record_attempts(from_ref(&accepted)).await.unwrap();

    assert_eq!((between.status, between.attempts), (Dispatched, 1));
    assert_eq!(between.due_at, Some(at(101)));
    assert_eq!(between.last_error.as_deref(), Some("attempt 1: 503"));
    let after = db.store.notification(id).await.unwrap().unwrap();
    assert_eq!((after.status, after.attempts), (Notified, 2));
    assert_eq!((after.due_at, after.last_error), (None, None));
    let kept = db.store.attempts(&[id]).await.unwrap();
    assert_eq!(kept, [refused.attempt, accepted.attempt]);
}

#[rstest]
#[tokio::test]
async fn hundreds_of_attempts_are_recorded_at_once(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 300).await;
    // In no order, as they come from the dispatcher.
    let records: Vec<_> = ids
        .iter()
        .rev()
        .map(|id| attempt(*id, 1, Notified))
        .collect();

    db.store.record_attempts(&records).await.unwrap();
    db.store.record_attempts(&[]).await.unwrap();

    let kept = db.store.attempts(&ids).await.unwrap();
    let numbers: Vec<_> = kept.iter().map(|attempt| attempt.notification).collect();
    assert_eq!(numbers, ids);
    assert_eq!(db.store.counts().await.unwrap(), [(Notified, 300)]);
}

#[rstest]
#[tokio::test]
async fn the_same_record_twice_changes_nothing(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let id = stored_notifications(&db.store, stored.id, 1).await[0];
    let record = attempt(id, 1, Dispatched);
    db.store.record_attempts(from_ref(&record)).await.unwrap();
    let before = db.store.notification(id).await.unwrap().unwrap();

    db.store
        .record_attempts(&[record.clone(), record])
        .await
        .unwrap();

    let after = db.store.notification(id).await.unwrap().unwrap();
    assert_eq!(
        (after.status, after.attempts),
        (before.status, before.attempts)
    );
    assert_eq!(after.due_at, before.due_at);
    assert_eq!(db.store.attempts(&[id]).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn an_accepted_notification_stays_accepted(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 2).await;
    // In one batch with a later failure, and before one.
    let both = [attempt(ids[0], 1, Notified), attempt(ids[0], 2, Dispatched)];
    db.store.record_attempts(&both).await.unwrap();
    let accepted = attempt(ids[1], 1, Notified);
    db.store.record_attempts(&[accepted]).await.unwrap();

    let later = [attempt(ids[0], 3, Failed), attempt(ids[1], 2, Dispatched)];
    db.store.record_attempts(&later).await.unwrap();
    db.store
        .fail_notifications(&ids, "gone", at(9))
        .await
        .unwrap();

    for (id, attempts) in ids.iter().zip([3, 2]) {
        let state = db.store.delivery_state(*id).await.unwrap().unwrap();
        assert_eq!((state.status, state.attempts), (Notified, attempts));
        let found = db.store.notification(*id).await.unwrap().unwrap();
        assert_eq!((found.due_at, found.last_error), (None, None));
    }
    assert_eq!(db.store.attempts(&ids).await.unwrap().len(), 5);
}

#[rstest]
#[tokio::test]
async fn the_latest_attempt_of_a_batch_decides(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let id = stored_notifications(&db.store, stored.id, 1).await[0];

    let records = [attempt(id, 2, Failed), attempt(id, 1, Dispatched)];
    db.store.record_attempts(&records).await.unwrap();

    let state = db.store.delivery_state(id).await.unwrap().unwrap();
    assert_eq!((state.status, state.attempts), (Failed, 2));
}

#[rstest]
#[tokio::test]
async fn an_older_attempt_reported_late_is_kept_and_decides_nothing(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let id = stored_notifications(&db.store, stored.id, 1).await[0];
    db.store
        .record_attempts(&[attempt(id, 2, Dispatched)])
        .await
        .unwrap();

    db.store
        .record_attempts(&[attempt(id, 1, Failed)])
        .await
        .unwrap();

    let found = db.store.notification(id).await.unwrap().unwrap();
    assert_eq!((found.status, found.attempts), (Dispatched, 2));
    assert_eq!(found.due_at, Some(at(102)));
    assert_eq!(db.store.attempts(&[id]).await.unwrap().len(), 2);
}

#[rstest]
#[tokio::test]
async fn an_attempt_made_again_under_its_number_may_end_the_delivery(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let id = stored_notifications(&db.store, stored.id, 1).await[0];
    db.store
        .record_attempts(&[attempt(id, 1, Dispatched)])
        .await
        .unwrap();

    // The message came back before its retry was in the queue.
    db.store
        .record_attempts(&[attempt(id, 1, Failed)])
        .await
        .unwrap();

    let found = db.store.notification(id).await.unwrap().unwrap();
    assert_eq!((found.status, found.due_at), (Failed, None));
}

#[rstest]
#[tokio::test]
async fn a_dead_letter_is_revived_by_an_acceptance_alone(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let id = stored_notifications(&db.store, stored.id, 1).await[0];
    db.store
        .fail_notifications(&[id], "callback disabled", at(5))
        .await
        .unwrap();

    db.store
        .record_attempts(&[attempt(id, 1, Dispatched)])
        .await
        .unwrap();
    let still = db.store.notification(id).await.unwrap().unwrap();
    db.store
        .record_attempts(&[attempt(id, 2, Notified)])
        .await
        .unwrap();

    assert_eq!((still.status, still.attempts), (Failed, 1));
    assert_eq!(still.last_error.as_deref(), Some("callback disabled"));
    assert_eq!(status(&db.store, id).await, Notified);
}

#[rstest]
#[tokio::test]
async fn a_delivery_can_fail_without_an_attempt(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 3).await;

    db.store
        .fail_notifications(&ids[..2], "no callback", at(5))
        .await
        .unwrap();
    db.store
        .fail_notifications(&[], "no callback", at(5))
        .await
        .unwrap();

    for id in &ids[..2] {
        let found = db.store.notification(*id).await.unwrap().unwrap();
        assert_eq!((found.status, found.attempts), (Failed, 0));
        assert_eq!(
            (found.due_at, found.last_error.as_deref()),
            (None, Some("no callback"))
        );
    }
    assert_eq!(status(&db.store, ids[2]).await, New);
}

#[rstest]
#[tokio::test]
async fn an_answer_with_a_nul_in_it_can_be_kept(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let id = stored_notifications(&db.store, stored.id, 1).await[0];
    let mut record = attempt(id, 1, Dispatched);
    record.attempt.response = Some("a\0b \u{1F980} \"quoted\"".to_owned());

    db.store.record_attempts(&[record]).await.unwrap();

    let kept = db.store.attempts(&[id]).await.unwrap();
    let expected = "a\u{fffd}b \u{1F980} \"quoted\"";
    assert_eq!(kept[0].response.as_deref(), Some(expected));
}

#[rstest]
#[tokio::test]
async fn a_delivery_that_is_not_there_has_no_state(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let nobody = NotificationId(4711);

    assert_eq!(db.store.delivery_state(nobody).await.unwrap(), None);
    assert!(db.store.notification(nobody).await.unwrap().is_none());
    assert!(db.store.attempts(&[nobody]).await.unwrap().is_empty());
}
