//! Many at once: nobody gets what another has, nothing is written twice, nothing waits in a circle.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use ie_model::NotificationStatus::{Dispatched, Failed, Notified};
use ie_store::{Error, NotificationFilter, PollerChanges};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{
    at, attempt, claimed_poller, instance, notification, page, poller, stored_notifications,
    under_way,
};

const MINUTE: Duration = Duration::from_secs(60);

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn schedulers_that_claim_at_once_never_get_the_same_poller(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &[]).await;
    let changes = PollerChanges {
        upsert: (0..200).map(|n| poller(&format!("r{n}"))).collect(),
        keep_others: true,
    };
    crate::samples::update(&db.store, &stored, &changes).await;
    let other = db.another().await;

    let claims = (0..20).map(|n| {
        let store = if n % 2 == 0 { &db.store } else { &other };
        store.claim_jobs(at(0), 15, MINUTE)
    });
    let jobs: Vec<_> = join_all(claims)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();

    let pollers: HashSet<_> = jobs.iter().map(|job| job.poller).collect();
    assert_eq!(pollers.len(), jobs.len());
    let rest = db.store.claim_jobs(at(0), 200, MINUTE).await.unwrap();
    assert_eq!(jobs.len() + rest.len(), 200);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_that_are_extended_in_opposite_order_do_not_block_each_other(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &[]).await;
    let changes = PollerChanges {
        upsert: (0..300).map(|n| poller(&format!("r{n}"))).collect(),
        keep_others: true,
    };
    crate::samples::update(&db.store, &stored, &changes).await;
    let other = db.another().await;
    let up = db.store.claim_jobs(at(0), 300, MINUTE).await.unwrap();
    let down: Vec<_> = up.iter().rev().cloned().collect();

    for round in 1..=10 {
        let until = at(100 * round);
        let (first, second) = tokio::join!(
            db.store.extend_claims(&up, until),
            other.extend_claims(&down, until),
        );
        first.and(second).unwrap();
    }

    let pollers = db.store.pollers(stored.id).await.unwrap();
    assert!(pollers.iter().all(|p| p.lease_until == Some(at(1000))));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn relays_that_claim_at_once_never_get_the_same_notification(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 100).await;
    let other = db.another().await;

    let claims = (0..10).map(|n| {
        let store = if n % 2 == 0 { &db.store } else { &other };
        store.claim_unpublished(at(30), 20, MINUTE)
    });
    let claimed: Vec<_> = join_all(claims)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .map(|claimed| claimed.notification.id)
        .collect();

    let distinct: HashSet<_> = claimed.iter().collect();
    assert_eq!(distinct.len(), claimed.len());
    let rest = db.store.claim_unpublished(at(30), 100, MINUTE).await;
    assert_eq!(claimed.len() + rest.unwrap().len(), ids.len());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_readers_that_write_at_once_exactly_one_wins(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = claimed_poller(&db.store, 0).await;
    let other = db.another().await;
    let ids = db.store.reserve_notification_ids(8).await.unwrap();

    let pages = ids.iter().map(|id| {
        let new = vec![notification(*id, stored.id)];
        page(Vec::new(), new, under_way(120))
    });
    let pages: Vec<_> = pages.collect();
    let writes = pages.iter().enumerate().map(|(n, page)| {
        let store = if n % 2 == 0 { &db.store } else { &other };
        store.commit_page(poller.fence(), page)
    });
    let outcomes = join_all(writes).await;

    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let fenced = |outcome: &&_| matches!(outcome, Err(Error::Fenced));
    assert_eq!((won, outcomes.iter().filter(fenced).count()), (1, 7));
    let all = NotificationFilter::default();
    let listed = db.store.notifications(&all, crate::samples::ALL).await;
    assert_eq!(listed.unwrap().len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reports_of_the_same_deliveries_in_opposite_order_do_not_block_each_other(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 60).await;
    let other = db.another().await;

    for number in 1..=5 {
        let status = if number == 5 { Notified } else { Dispatched };
        let up: Vec<_> = ids.iter().map(|id| attempt(*id, number, status)).collect();
        let down: Vec<_> = up.iter().rev().cloned().collect();
        let reversed: Vec<_> = ids.iter().rev().copied().collect();
        let (first, second, third) = tokio::join!(
            db.store.record_attempts(&up),
            other.record_attempts(&down),
            db.store.mark_received(&reversed, at(60)),
        );
        first.and(second).and(third).unwrap();
    }

    assert_eq!(db.store.attempts(&ids).await.unwrap().len(), 300);
    assert_eq!(db.store.counts().await.unwrap(), [(Notified, 60)]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_redrives_at_once_share_the_dead_letters(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 40).await;
    let records: Vec<_> = ids.iter().map(|id| attempt(*id, 1, Failed)).collect();
    db.store.record_attempts(&records).await.unwrap();
    let other = db.another().await;
    let all = NotificationFilter::default();

    let (first, second) = tokio::join!(
        db.store
            .redrive(&all, None, 40, ie_store::Pace::at_once(at(60))),
        other.redrive(&all, None, 40, ie_store::Pace::at_once(at(60))),
    );

    let both = first.unwrap().len() + second.unwrap().len();
    assert_eq!(both, 40);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deletion_and_a_page_at_once_leave_nothing_undelivered(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let other = db.another().await;
    for _ in 0..10 {
        let doomed = instance(&db.store, &["contacts"]).await;
        let poller = crate::samples::only_poller(&db.store, doomed.id).await;
        let id = db.store.reserve_notification_ids(1).await.unwrap()[0];
        let walk = page(
            Vec::new(),
            vec![notification(id, doomed.id)],
            under_way(120),
        );

        let (deleted, written) = tokio::join!(
            db.store.delete_instance(doomed.id),
            other.commit_page(poller.fence(), &walk),
        );

        assert!(deleted.unwrap());
        let state = db.store.delivery_state(id).await.unwrap();
        match written {
            Ok(_) => assert_eq!(state.unwrap().status, Failed),
            Err(error) => {
                assert!(matches!(error, Error::Fenced), "{error}");
                assert_eq!(state, None);
            }
        }
    }
}
