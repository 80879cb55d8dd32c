//! Configurations that are tried before they are saved.

use ie_store::InstanceSearch;
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{ALL, at, unsaved};

#[rstest]
#[tokio::test]
async fn a_trial_is_there_for_a_dispatcher_and_for_nobody_else(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let trial = unsaved(&db.store).await;

    db.store.keep_trial(&trial, at(60)).await.unwrap();

    let found = db.store.trial(trial.id).await.unwrap().unwrap();
    assert_eq!(
        (found.settings, found.secrets, found.configuration),
        (
            trial.settings.clone(),
            trial.secrets.clone(),
            trial.configuration.clone()
        )
    );
    assert_eq!(found.organization, trial.organization);
    assert_eq!(db.store.instance(trial.id).await.unwrap(), None);
    let search = InstanceSearch::default();
    let listed = db
        .store
        .find_instances(trial.organization, &search, ALL)
        .await;
    assert_eq!(listed.unwrap(), []);
    db.store.end_trial(trial.id).await.unwrap();
    assert_eq!(db.store.trial(trial.id).await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn a_trial_that_nobody_ended_is_forgotten_by_the_next(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let left = unsaved(&db.store).await;
    db.store.keep_trial(&left, at(60)).await.unwrap();

    let mut early = unsaved(&db.store).await;
    early.created_at = at(59);
    db.store.keep_trial(&early, at(119)).await.unwrap();
    assert!(db.store.trial(left.id).await.unwrap().is_some());
    let mut late = unsaved(&db.store).await;
    late.created_at = at(60);
    db.store.keep_trial(&late, at(120)).await.unwrap();

    assert_eq!(db.store.trial(left.id).await.unwrap(), None);
    assert!(db.store.trial(early.id).await.unwrap().is_some());
}
