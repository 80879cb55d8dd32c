//! Which services run where.

use std::time::Duration;

use ie_store::{Life, Store, Worker};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::at;

async fn beat(store: &Store, (id, services): (&str, &[&str]), second: i64) {
    let life = Life {
        id,
        services,
        version: "1.2",
        host: "worker-3",
        started_at: at(0),
    };
    store.beat(&life, at(second)).await.unwrap();
}

async fn seen(store: &Store) -> Vec<(String, String)> {
    let workers = store.workers().await.unwrap().into_iter();
    let names = workers.map(|worker| (worker.service, worker.life));
    names.collect()
}

#[rstest]
#[tokio::test]
async fn a_process_is_seen_with_each_of_its_services_until_it_leaves(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    beat(&db.store, ("one", &["fetcher", "api"]), 0).await;
    beat(&db.store, ("two", &["fetcher"]), 5).await;

    beat(&db.store, ("one", &["fetcher", "api"]), 15).await;

    let workers = db.store.workers().await.unwrap();
    assert_eq!(
        workers[0],
        Worker {
            life: "one".to_owned(),
            service: "api".to_owned(),
            version: "1.2".to_owned(),
            host: "worker-3".to_owned(),
            started_at: at(0),
            seen_at: at(15),
        }
    );
    assert_eq!(workers.len(), 3, "{workers:?}");
    db.store.leave("one").await.unwrap();
    assert_eq!(
        seen(&db.store).await,
        [("fetcher".to_owned(), "two".to_owned())]
    );
}

#[rstest]
#[tokio::test]
async fn a_process_that_died_is_missed_after_three_beats_and_forgotten_after_an_hour(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    beat(&db.store, ("dead", &["api"]), 0).await;

    beat(&db.store, ("alive", &["api"]), 3600).await;

    let workers = db.store.workers().await.unwrap();
    let dead = workers.iter().find(|worker| worker.life == "dead").unwrap();
    assert!(!dead.is_silent(at(45)) && dead.is_silent(at(46)));
    beat(&db.store, ("alive", &["api"]), 3601).await;
    assert_eq!(
        seen(&db.store).await,
        [("api".to_owned(), "alive".to_owned())]
    );
}

#[rstest]
#[tokio::test]
async fn a_process_announces_itself_and_is_gone_when_it_stops(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let context = crate::harness::context(&db.clock);

    db.store.announce(&context, &["scheduler", "api"]);

    let limit = Duration::from_secs(20);
    let announced = tokio::time::timeout(limit, async {
        while seen(&db.store).await.len() < 2 {
            tokio::task::yield_now().await;
        }
    });
    announced.await.unwrap();
    context.lifecycle.stop();
    context.lifecycle.drain(limit).await;
    assert_eq!(seen(&db.store).await, []);
}
