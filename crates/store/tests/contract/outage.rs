//! PostgreSQL going away in the middle: transient, nothing half written, and back again.

use std::time::{Duration, Instant};

use ie_store::{Config, Store};
use sqlx::{Connection, PgConnection};

use crate::harness;
use crate::harness::Backend::Postgres;
use crate::samples::{at, instance, notification, only_poller, page, under_way, version};

/// Ends a session that waits for a lock, as soon as there is one.
async fn cut_the_waiting_session(observer: &mut PgConnection) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(20) {
        let cut: Vec<(bool,)> = sqlx::query_as(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_all(&mut *observer)
        .await
        .unwrap();
        if !cut.is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("no session waits for the lock");
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_a_page_writes_nothing_and_is_transient() {
    let db = Postgres.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = only_poller(&db.store, stored.id).await;
    let id = db.store.reserve_notification_ids(1).await.unwrap()[0];
    let known = vec![("7".to_owned(), version(3, 1))];
    let walk = page(known, vec![notification(id, stored.id)], under_way(120));
    let mut observer = PgConnection::connect(db.url()).await.unwrap();
    let mut blocker = PgConnection::connect(db.url()).await.unwrap();
    // The page's first statements pass, and its last one waits.
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("LOCK TABLE deliveries IN EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();

    let (written, ()) = tokio::join!(
        db.store.commit_page(poller.fence(), &walk),
        cut_the_waiting_session(&mut observer),
    );
    lock.rollback().await.unwrap();

    let error = written.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(only_poller(&db.store, stored.id).await, poller);
    assert!(db.store.notification(id).await.unwrap().is_none());
    db.store.commit_page(poller.fence(), &walk).await.unwrap();
    assert!(db.store.notification(id).await.unwrap().is_some());
}

#[tokio::test]
async fn after_every_connection_was_cut_the_store_works_again() {
    let db = Postgres.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let mut observer = PgConnection::connect(db.url()).await.unwrap();
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&mut observer)
    .await
    .unwrap();

    let begin = Instant::now();
    let lease = Duration::from_secs(60);
    let jobs = loop {
        match db.store.claim_jobs(at(0), 9, lease).await {
            Ok(jobs) => break jobs,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        assert!(begin.elapsed() < Duration::from_secs(20));
    };

    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].instance, stored.id);
}

#[tokio::test]
async fn calls_without_an_answer_are_given_up_and_so_are_their_connections() {
    // Given a store of two connections that waits half a second for an answer,
    let db = Postgres.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let config = Config {
        max_connections: 2,
        acquire_timeout: Duration::from_secs(20),
        call_timeout: Duration::from_millis(500),
        ..harness::config(db.url())
    };
    let context = harness::context(&db.clock);
    let store = Store::open(&config, &context).await.unwrap();
    let mut blocker = PgConnection::connect(db.url()).await.unwrap();
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("LOCK TABLE pollers IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();

    // when two calls have no answer, in a transaction and outside of one,
    let lease = Duration::from_secs(60);
    let (one, other) = tokio::join!(store.claim_due(at(0), 9, lease), store.pollers(stored.id));
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert!(error.is_transient(), "{error:?}");
    }

    // then others still find a connection, though those two have never answered.
    let found = loop {
        match store.instance(stored.id).await {
            Ok(found) => break found,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
    };
    assert_eq!(found, Some(stored));
    lock.rollback().await.unwrap();
}
