//! What waits for its next attempt, when the retry schedule becomes another.

use std::slice::from_ref;
use std::time::Duration;

use ie_model::NotificationStatus::{Dispatched, New, Notified};
use ie_model::{InstanceId, NotificationId, RetrySchedule};
use ie_store::{PollerChanges, Rescheduled, ScheduleChange, Store};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, attempt, instance, status, stored_notifications};

const LEASE: Duration = Duration::from_secs(60);

fn seconds(list: &[u64]) -> RetrySchedule {
    RetrySchedule(list.iter().copied().map(Duration::from_secs).collect())
}

/// Notifications of an instance, each waiting after its first attempt for 100 seconds.
async fn waiting(store: &Store, count: u32) -> (InstanceId, Vec<NotificationId>) {
    let instance = instance(store, &["contacts"]).await;
    let ids = stored_notifications(store, instance.id, count).await;
    let records: Vec<_> = ids.iter().map(|id| attempt(*id, 1, Dispatched)).collect();
    store.record_attempts(&records).await.unwrap();
    (instance.id, ids)
}

/// Goes through everything, `limit` at a time; says how many parts that took.
async fn reschedule(
    store: &Store,
    instance: Option<InstanceId>,
    operators: Option<&RetrySchedule>,
    limit: u32,
) -> usize {
    let mut part = Rescheduled {
        instance,
        after: None,
        limit,
    };
    for parts in 1..100 {
        part.after = store.reschedule(part, operators, at(5)).await.unwrap();
        if part.after.is_none() {
            return parts;
        }
    }
    panic!("there is no end");
}

#[rstest]
#[tokio::test]
async fn what_would_wait_too_long_is_new_and_due_by_the_new_schedule(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (_, ids) = waiting(&db.store, 1).await;

    reschedule(&db.store, None, Some(&seconds(&[30])), 10).await;

    let moved = db.store.notification(ids[0]).await.unwrap().unwrap();
    assert_eq!((moved.status, moved.attempts), (New, 1));
    // 30 s after the end of the attempt, which began at 1 s and took 120 ms.
    assert_eq!(moved.due_at, Some(at(31) + Duration::from_millis(120)));
}

#[rstest]
#[tokio::test]
async fn what_is_due_in_time_and_what_is_over_stays(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let (_, ids) = waiting(&db.store, 2).await;
    let accepted = attempt(ids[1], 2, Notified);
    db.store.record_attempts(from_ref(&accepted)).await.unwrap();

    reschedule(&db.store, None, Some(&seconds(&[95])), 10).await;

    assert_eq!(status(&db.store, ids[0]).await, Dispatched);
    reschedule(&db.store, None, Some(&seconds(&[10])), 10).await;
    assert_eq!(status(&db.store, ids[0]).await, New);
    assert_eq!(status(&db.store, ids[1]).await, Notified);
}

#[rstest]
#[tokio::test]
async fn it_goes_in_parts_to_the_end_and_a_second_time_changes_nothing(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (_, first) = waiting(&db.store, 7).await;
    let (_, second) = waiting(&db.store, 6).await;
    let schedule = seconds(&[1]);

    let parts = reschedule(&db.store, None, Some(&schedule), 3).await;
    let again = reschedule(&db.store, None, Some(&schedule), 3).await;

    assert_eq!((parts, again), (5, 1));
    for id in first.iter().chain(&second) {
        assert_eq!(status(&db.store, *id).await, New);
    }
}

#[rstest]
#[tokio::test]
async fn an_instance_goes_by_its_own_schedule_and_another_is_left_alone(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (own, owned) = waiting(&db.store, 1).await;
    let (_, other) = waiting(&db.store, 1).await;
    let mut stored = db.store.instance(own).await.unwrap().unwrap();
    stored.settings.delivery.retry_schedule = Some(seconds(&[20]));
    let changes = PollerChanges {
        keep_others: true,
        ..PollerChanges::default()
    };
    crate::samples::update(&db.store, &stored, &changes).await;

    reschedule(&db.store, Some(own), Some(&seconds(&[1])), 10).await;

    let moved = db.store.notification(owned[0]).await.unwrap().unwrap();
    assert_eq!(moved.due_at, Some(at(21) + Duration::from_millis(120)));
    assert_eq!(status(&db.store, other[0]).await, Dispatched);
}

#[rstest]
#[tokio::test]
async fn a_change_of_the_operators_schedule_is_one_process_task_until_it_is_done(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (old, new) = (seconds(&[5, 30]), seconds(&[5]));
    let claim = async |schedule: &RetrySchedule, second| {
        let claimed = db
            .store
            .claim_schedule_change(schedule, at(second), LEASE)
            .await;
        claimed.unwrap()
    };

    // The first start knows of no other, and moves what waits.
    assert_eq!(claim(&old, 0).await, ScheduleChange::Claimed);
    assert_eq!(db.store.operator_schedule().await.unwrap(), None);
    db.store.finish_schedule_change(&old).await.unwrap();
    assert_eq!(claim(&old, 1).await, ScheduleChange::None);

    assert_eq!(claim(&new, 2).await, ScheduleChange::Claimed);
    assert_eq!(claim(&new, 3).await, ScheduleChange::ClaimedByAnother);
    assert_eq!(
        db.store.operator_schedule().await.unwrap().as_ref(),
        Some(&old)
    );
    // Whoever had it died: it is there to be taken again.
    assert_eq!(claim(&new, 63).await, ScheduleChange::Claimed);
    db.store.finish_schedule_change(&new).await.unwrap();
    assert_eq!(claim(&new, 64).await, ScheduleChange::None);
    assert_eq!(db.store.operator_schedule().await.unwrap(), Some(new));
}
