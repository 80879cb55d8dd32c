//! Versions, pages and progress.

use std::collections::HashSet;

use ie_model::{NotificationStatus, PollerId, Version};
use ie_store::{Error, NotificationFilter, Progress};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{
    ALL, at, claim, claimed_poller, instance, notification, only_poller, page, under_way, version,
};

fn finished(cursor: i64) -> Progress {
    Progress::Finished {
        cursor: at(cursor),
        next_due: at(900),
        planned: None,
        at: at(20),
    }
}

#[rstest]
#[tokio::test]
async fn a_page_stores_versions_notifications_and_progress(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = claimed_poller(&db.store, 0).await;
    let ids = db.store.reserve_notification_ids(2).await.unwrap();
    let new = [
        notification(ids[0], stored.id),
        notification(ids[1], stored.id),
    ];
    let known = vec![
        ("7".to_owned(), version(3, 1)),
        ("8".to_owned(), version(4, 2)),
    ];

    let walk = page(known, new.to_vec(), under_way(120));
    let fence = db
        .store
        .commit_page(poller.fence(), &walk)
        .await
        .unwrap()
        .fence;

    let after = only_poller(&db.store, stored.id).await;
    assert_eq!(after.fence(), fence);
    assert_eq!((after.lease_until, after.due_at), (Some(at(120)), at(120)));
    assert_eq!(after.cursor, poller.cursor);
    let asked = ["7", "8", "9"].map(str::to_owned);
    let found = db.store.known_versions(poller.id, &asked).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((&found["7"], &found["8"]), (&version(3, 1), &version(4, 2)));
    let everything = NotificationFilter::default();
    let listed = db.store.notifications(&everything, ALL).await.unwrap();
    assert_eq!(listed.len(), 2);
    for (listed, new) in listed.iter().zip(&new) {
        let (got, expected) = (&listed.notification, &new.notification);
        assert_eq!((got.id, got.instance), (expected.id, expected.instance));
        assert_eq!(
            (&got.resource, got.created_at),
            (&expected.resource, expected.created_at)
        );
        assert_eq!(got.body.get(), expected.body.get());
        assert_eq!(got.media_type, expected.media_type);
        assert_eq!(
            (listed.status, listed.attempts),
            (NotificationStatus::New, 0)
        );
        assert_eq!(
            (listed.due_at, &listed.traceparent),
            (Some(new.due_at), &new.traceparent)
        );
    }
}

#[rstest]
#[tokio::test]
async fn a_version_is_replaced_by_the_next_and_counts_per_poller(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = only_poller(&db.store, stored.id).await;
    let first = vec![("7".to_owned(), version(3, 1))];
    let first = page(first, Vec::new(), under_way(120));
    let fence = db
        .store
        .commit_page(poller.fence(), &first)
        .await
        .unwrap()
        .fence;

    let twice = vec![
        ("7".to_owned(), version(4, 2)),
        ("7".to_owned(), version(5, 3)),
    ];
    let second = page(twice, Vec::new(), under_way(120));
    db.store.commit_page(fence, &second).await.unwrap();

    let seven = ["7".to_owned()];
    let found = db.store.known_versions(poller.id, &seven).await.unwrap();
    assert_eq!(found["7"], version(5, 3));
    let stranger = PollerId(poller.id.get() + 1);
    assert!(
        db.store
            .known_versions(stranger, &seven)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        db.store
            .known_versions(poller.id, &[])
            .await
            .unwrap()
            .is_empty()
    );
}

#[rstest]
#[tokio::test]
async fn five_hundred_records_and_notifications_fit_into_one_page(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = only_poller(&db.store, stored.id).await;
    let objects: Vec<String> = (0..500).map(|object| object.to_string()).collect();
    let known: Vec<(String, Version)> = objects
        .iter()
        .map(|object| (object.clone(), version(3, object.parse().unwrap())))
        .collect();
    let ids = db.store.reserve_notification_ids(500).await.unwrap();
    let new = ids.iter().map(|id| notification(*id, stored.id)).collect();

    let walk = page(known.clone(), new, finished(10));
    db.store.commit_page(poller.fence(), &walk).await.unwrap();

    let found = db.store.known_versions(poller.id, &objects).await.unwrap();
    assert_eq!(found, known.into_iter().collect());
    let everything = NotificationFilter::default();
    let listed = db.store.notifications(&everything, ALL).await.unwrap();
    assert_eq!(listed.len(), 500);
}

#[rstest]
#[tokio::test]
async fn a_finished_walk_moves_the_cursor_and_clears_the_failure(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = claimed_poller(&db.store, 0).await;
    let failed = Progress::Failed {
        error: "502 Bad Gateway".to_owned(),
        next_due: at(30),
        at: at(5),
    };
    let failed = page(Vec::new(), Vec::new(), failed);
    db.store.commit_page(poller.fence(), &failed).await.unwrap();
    let broken = only_poller(&db.store, stored.id).await;
    assert_eq!(broken.last_error.as_deref(), Some("502 Bad Gateway"));
    assert_eq!((broken.failures, broken.cursor), (1, poller.cursor));
    assert_eq!((broken.due_at, broken.lease_until), (at(30), None));
    assert_eq!(broken.last_poll_at, Some(at(5)));

    let poller = claimed_poller(&db.store, 30).await;
    let walk = page(Vec::new(), Vec::new(), finished(10));
    db.store.commit_page(poller.fence(), &walk).await.unwrap();

    let mended = only_poller(&db.store, stored.id).await;
    assert_eq!((mended.last_error, mended.failures), (None, 0));
    assert_eq!((mended.cursor, mended.baseline), (at(10), poller.baseline));
    assert_eq!((mended.due_at, mended.lease_until), (at(900), None));
    assert_eq!(mended.last_poll_at, Some(at(20)));
}

#[rstest]
#[tokio::test]
async fn failures_are_counted(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let mut fence = only_poller(&db.store, stored.id).await.fence();

    for _ in 0..3 {
        let failed = Progress::Failed {
            error: "down".to_owned(),
            next_due: at(30),
            at: at(5),
        };
        let failed = page(Vec::new(), Vec::new(), failed);
        fence = db.store.commit_page(fence, &failed).await.unwrap().fence;
    }

    assert_eq!(only_poller(&db.store, stored.id).await.failures, 3);
}

#[rstest]
#[tokio::test]
async fn the_cursor_never_moves_back(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let mut fence = only_poller(&db.store, stored.id).await.fence();

    for cursor in [100, 40, 70] {
        let walk = page(Vec::new(), Vec::new(), finished(cursor));
        fence = db.store.commit_page(fence, &walk).await.unwrap().fence;
    }

    assert_eq!(only_poller(&db.store, stored.id).await.cursor, at(100));
}

#[rstest]
#[tokio::test]
async fn a_stale_epoch_writes_nothing(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let old = claimed_poller(&db.store, 0).await;
    claim(&db.store, 60).await;
    let before = only_poller(&db.store, stored.id).await;

    let id = db.store.reserve_notification_ids(1).await.unwrap()[0];
    let known = vec![("7".to_owned(), version(3, 1))];
    let walk = page(known, vec![notification(id, stored.id)], finished(10));
    let late = db.store.commit_page(old.fence(), &walk).await;

    assert!(matches!(late, Err(Error::Fenced)));
    assert_eq!(only_poller(&db.store, stored.id).await, before);
    let seven = ["7".to_owned()];
    assert!(
        db.store
            .known_versions(old.id, &seven)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(db.store.notification(id).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn of_two_readers_with_one_job_the_second_is_fenced(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let first = claimed_poller(&db.store, 0).await;
    let second = first.clone();
    let ids = db.store.reserve_notification_ids(2).await.unwrap();
    let walk = page(
        Vec::new(),
        vec![notification(ids[0], stored.id)],
        under_way(120),
    );
    let fence = db
        .store
        .commit_page(first.fence(), &walk)
        .await
        .unwrap()
        .fence;

    let walk = page(
        Vec::new(),
        vec![notification(ids[1], stored.id)],
        under_way(180),
    );
    let late = db.store.commit_page(second.fence(), &walk).await;

    assert!(matches!(late, Err(Error::Fenced)));
    assert!(db.store.notification(ids[1]).await.unwrap().is_none());
    let walk = page(Vec::new(), Vec::new(), finished(10));
    db.store.commit_page(fence, &walk).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_page_whose_notifications_clash_leaves_nothing_behind(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = db.store.reserve_notification_ids(2).await.unwrap();
    let poller = only_poller(&db.store, stored.id).await;
    let first = page(
        Vec::new(),
        vec![notification(ids[0], stored.id)],
        under_way(120),
    );
    let fence = db
        .store
        .commit_page(poller.fence(), &first)
        .await
        .unwrap()
        .fence;
    let before = only_poller(&db.store, stored.id).await;

    let clash = vec![
        notification(ids[1], stored.id),
        notification(ids[0], stored.id),
    ];
    let clash = page(vec![("7".to_owned(), version(3, 1))], clash, finished(10));
    let clash = db.store.commit_page(fence, &clash).await;

    assert!(matches!(clash, Err(Error::Conflict(_))));
    assert_eq!(only_poller(&db.store, stored.id).await, before);
    let seven = ["7".to_owned()];
    assert!(
        db.store
            .known_versions(poller.id, &seven)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(db.store.notification(ids[1]).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn reserved_ids_increase_and_are_nobody_elses(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let other = db.another().await;

    let first = db.store.reserve_notification_ids(3).await.unwrap();
    let second = other.reserve_notification_ids(500).await.unwrap();

    assert!(first.is_sorted() && second.is_sorted());
    let all: HashSet<_> = first.iter().chain(&second).collect();
    assert_eq!(all.len(), 503);
    assert!(all.iter().all(|id| id.get() > 0 && id.get() < 1 << 53));
    assert!(
        db.store
            .reserve_notification_ids(0)
            .await
            .unwrap()
            .is_empty()
    );
}
