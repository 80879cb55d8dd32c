//! Claiming due pollers, leases and jobs.

use std::time::Duration;

use ie_model::{Epoch, PollJob, PollerStatus};
use ie_store::{PollerChanges, Progress};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, claim, claimed_poller, instance, only_poller, page, poller, under_way};

const MINUTE: Duration = Duration::from_secs(60);

#[rstest]
#[tokio::test]
async fn what_is_due_is_claimed_the_most_overdue_first(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &[]).await;
    let due = [("late", -30), ("later", -60), ("now", 0), ("future", 1)];
    let upsert = due.map(|(resource, second)| {
        let mut poller = poller(resource);
        poller.due_at = at(second);
        poller
    });
    let changes = PollerChanges {
        upsert: upsert.to_vec(),
        keep_others: true,
    };
    crate::samples::update(&db.store, &stored, &changes).await;

    let first = db.store.claim_jobs(at(0), 2, MINUTE).await.unwrap();
    let rest = db.store.claim_jobs(at(0), 10, MINUTE).await.unwrap();

    let pollers = db.store.pollers(stored.id).await.unwrap();
    let names = |jobs: &[PollJob]| -> Vec<String> {
        let find = |job: &PollJob| pollers.iter().find(|p| p.id == job.poller).unwrap();
        jobs.iter().map(|job| find(job).resource.clone()).collect()
    };
    assert_eq!(names(&first), ["later", "late"]);
    assert_eq!(names(&rest), ["now"]);
    assert!(first.iter().all(|job| job.instance == stored.id));
}

#[rstest]
#[tokio::test]
async fn a_claim_leases_the_poller_and_raises_its_epoch(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;

    let job = claim(&db.store, 0).await.remove(0);

    let poller = only_poller(&db.store, stored.id).await;
    assert_eq!((job.epoch, poller.epoch), (Epoch(1), Epoch(1)));
    assert_eq!(poller.lease_until, Some(at(60)));
    assert_eq!(poller.due_at, at(60));
    let (context, owner) = db.store.poll_context(&job).await.unwrap().unwrap();
    assert_eq!((context, owner), (poller, stored));
}

#[rstest]
#[tokio::test]
async fn a_lease_that_ran_out_is_claimed_again_and_voids_the_old_job(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    instance(&db.store, &["contacts"]).await;
    let old = claim(&db.store, 0).await.remove(0);
    assert!(claim(&db.store, 59).await.is_empty());

    let new = claim(&db.store, 60).await.remove(0);

    assert_eq!(new.epoch, Epoch(2));
    assert_eq!(db.store.poll_context(&old).await.unwrap(), None);
    assert!(db.store.poll_context(&new).await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn a_paused_poller_is_not_claimed_and_its_job_is_void(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let job = claim(&db.store, 0).await.remove(0);

    let mut paused = poller("contacts");
    paused.status = PollerStatus::Paused;
    let changes = PollerChanges {
        upsert: vec![paused],
        keep_others: true,
    };
    crate::samples::update(&db.store, &stored, &changes).await;

    assert_eq!(db.store.poll_context(&job).await.unwrap(), None);
    assert!(claim(&db.store, 10_000).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn published_claims_get_a_long_lease(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let jobs = claim(&db.store, 0).await;

    db.store.extend_claims(&jobs, at(600)).await.unwrap();

    let poller = only_poller(&db.store, stored.id).await;
    assert_eq!(
        (poller.lease_until, poller.due_at),
        (Some(at(600)), at(600))
    );
    assert!(claim(&db.store, 599).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_lease_is_never_shortened_by_its_extension(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let jobs = claim(&db.store, 0).await;
    let fence = only_poller(&db.store, stored.id).await.fence();
    let walk = page(Vec::new(), Vec::new(), under_way(900));
    db.store.commit_page(fence, &walk).await.unwrap();

    db.store.extend_claims(&jobs, at(600)).await.unwrap();

    let lease = only_poller(&db.store, stored.id).await.lease_until;
    assert_eq!(lease, Some(at(900)));
}

#[rstest]
#[tokio::test]
async fn a_poll_that_ended_before_its_claim_was_extended_stays_ended(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let jobs = claim(&db.store, 0).await;
    let fence = only_poller(&db.store, stored.id).await.fence();
    let finished = Progress::Finished {
        cursor: at(1),
        next_due: at(300),
        planned: None,
        at: at(2),
    };
    let walk = page(Vec::new(), Vec::new(), finished);
    db.store.commit_page(fence, &walk).await.unwrap();

    db.store.extend_claims(&jobs, at(600)).await.unwrap();
    db.store.release_claims(&jobs, at(3)).await.unwrap();

    let poller = only_poller(&db.store, stored.id).await;
    assert_eq!((poller.lease_until, poller.due_at), (None, at(300)));
}

#[rstest]
#[tokio::test]
async fn claims_that_were_not_published_are_given_back(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts", "leads"]).await;
    let jobs = claim(&db.store, 0).await;

    db.store.release_claims(&jobs, at(5)).await.unwrap();

    assert!(claim(&db.store, 4).await.is_empty());
    let again = claim(&db.store, 5).await;
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|job| job.epoch == Epoch(2)));
    for poller in db.store.pollers(stored.id).await.unwrap() {
        assert_eq!(poller.epoch, Epoch(2));
    }
}

#[rstest]
#[tokio::test]
async fn an_older_claim_changes_nothing(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let old = claim(&db.store, 0).await;
    claim(&db.store, 60).await;

    db.store.extend_claims(&old, at(9000)).await.unwrap();
    db.store.release_claims(&old, at(61)).await.unwrap();
    db.store.extend_claims(&[], at(9000)).await.unwrap();

    let poller = only_poller(&db.store, stored.id).await;
    assert_eq!(
        (poller.lease_until, poller.due_at),
        (Some(at(120)), at(120))
    );
}

#[rstest]
#[tokio::test]
async fn a_restart_releases_every_lease(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    instance(&db.store, &["contacts", "leads"]).await;
    let jobs = claim(&db.store, 0).await;
    db.store.extend_claims(&jobs, at(6000)).await.unwrap();

    assert_eq!(db.store.release_leases(at(10)).await.unwrap(), 2);

    assert_eq!(db.store.release_leases(at(10)).await.unwrap(), 0);
    assert_eq!(claim(&db.store, 10).await.len(), 2);
}

#[rstest]
#[tokio::test]
async fn a_job_of_a_poller_that_is_not_there_is_void(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = claimed_poller(&db.store, 0).await;
    db.store.delete_instance(stored.id).await.unwrap();

    let job = PollJob {
        poller: poller.id,
        instance: stored.id,
        epoch: poller.epoch,
    };

    assert_eq!(db.store.poll_context(&job).await.unwrap(), None);
}
