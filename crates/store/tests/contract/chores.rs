//! What one process at a time does.

use std::time::Duration;

use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::at;

const LEASE: Duration = Duration::from_secs(60);

#[rstest]
#[tokio::test]
async fn one_process_is_at_a_chore_and_another_follows_it_when_it_dies(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let another = db.another().await;
    let claim = async |store: &ie_store::Store, second| {
        store.claim_chore("sweep", at(second), LEASE).await.unwrap()
    };

    assert_eq!(claim(&db.store, 0).await, Some(0), "it begins");
    assert_eq!(claim(&another, 59).await, None, "the lease holds");
    db.store.note_chore("sweep", 17, at(90)).await.unwrap();
    assert_eq!(claim(&another, 60).await, None, "the lease is longer now");
    assert_eq!(claim(&another, 90).await, Some(17), "the first has died");
    assert_eq!(
        db.store.claim_chore("other", at(90), LEASE).await.unwrap(),
        Some(0),
        "chores do not wait for each other"
    );
}
