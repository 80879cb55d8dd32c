//! A clock that was an hour ahead and is put right.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::AccountKey;
use ie_store::{Ask, Permit, Progress, Rate, Urge};
use rstest::rstest;

use crate::harness::Backend::{self, Postgres, Sqlite};
use crate::samples::{at, instance, notification, only_poller, page, version};

const HOUR: Duration = Duration::from_secs(3_600);
const LEASE: Duration = Duration::from_secs(60);

fn ahead(seconds: i64) -> DateTime<Utc> {
    at(seconds) + TimeDelta::hours(1)
}

#[rstest]
#[tokio::test]
async fn what_a_clock_put_off_while_it_was_ahead_is_due_as_if_it_had_been_right(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    // Given a poll and a notification of a clock that is an hour ahead, and a request that it granted,
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    db.store.claim_due(ahead(0), 9, LEASE).await.unwrap();
    let poller = only_poller(&db.store, stored.id).await;
    let id = db.store.reserve_notification_ids(1).await.unwrap()[0];
    let finished = Progress::Finished {
        cursor: at(0),
        next_due: ahead(60),
        planned: None,
        at: ahead(0),
    };
    let mut new = notification(id, stored.id);
    new.due_at = ahead(10);
    let walk = page(vec![("7".to_owned(), version(3, 1))], vec![new], finished);
    db.store.commit_page(poller.fence(), &walk).await.unwrap();
    let account = AccountKey("account".to_owned());
    let permit = async |now| {
        let rate = Rate::per_second(1.0);
        let permit = db.store.take_permit(&account, rate, Ask::at_once(now));
        permit.await.unwrap()
    };
    assert!(matches!(permit(ahead(0)).await, Permit::Granted { .. }));
    assert!(matches!(permit(at(5)).await, Permit::Later { .. }));

    // when it is put right,
    db.store.clock_went_back(at(5), HOUR).await.unwrap();

    // then the poll is due in a minute, or at once if there is a hint,
    let minute = db.store.claim_due(at(59), 9, LEASE).await.unwrap();
    assert_eq!(minute.len(), 0);
    let urge = Urge {
        resource: None,
        now: at(6),
        gap: Duration::from_secs(1),
        modest: true,
        traceparent: None,
    };
    db.store.make_due(stored.id, urge).await.unwrap();
    let jobs = db.store.claim_due(at(6), 9, LEASE).await.unwrap();
    assert_eq!(jobs.len(), 1);

    // and so is the notification; and a request is granted.
    let early = db.store.claim_unpublished(at(9), 9, LEASE).await.unwrap();
    assert_eq!(early.len(), 0);
    let due = db.store.claim_unpublished(at(10), 9, LEASE).await.unwrap();
    assert_eq!(due.len(), 1);
    assert!(matches!(permit(at(6)).await, Permit::Granted { .. }));
}
