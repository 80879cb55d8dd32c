//! Requests that are done once.

use std::time::Duration;

use ie_model::UserId;
use ie_store::{Claim, Claimed, Error, Receipt};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{ALL, at, poller, token_hash, unsaved};

/// A claim of the key `key` that begins at this second.
fn claim(user: i64, token: &str, begin: i64) -> Claim {
    Claim {
        user: UserId(user),
        key_hash: "key".to_owned(),
        request_hash: "request".to_owned(),
        token: token.to_owned(),
        began_at: at(begin),
        resumable_at: None,
        expires_at: at(begin + 3600),
    }
}

fn receipt(claim: &Claim) -> Receipt<'_> {
    Receipt {
        claim,
        status: 200,
        answer: "sealed",
    }
}

#[rstest]
#[tokio::test]
async fn the_first_takes_the_key_and_all_others_get_its_answer(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (first, second) = (claim(1, "a", 0), claim(1, "b", 5));

    assert_eq!(db.store.claim_key(&first).await.unwrap(), Claimed::Fresh);
    let under_way = Claimed::UnderWay {
        began_at: at(0),
        resumable_at: None,
    };
    assert_eq!(db.store.claim_key(&second).await.unwrap(), under_way);
    assert!(!db.store.note_answer(receipt(&second)).await.unwrap());
    assert!(db.store.note_answer(receipt(&first)).await.unwrap());

    let answered = Claimed::Answered {
        status: 200,
        answer: "sealed".to_owned(),
    };
    assert_eq!(db.store.claim_key(&second).await.unwrap(), answered);
    let another = Claim {
        request_hash: "another".to_owned(),
        ..second
    };
    assert_eq!(
        db.store.claim_key(&another).await.unwrap(),
        Claimed::Another
    );
    let of_another_user = claim(2, "c", 5);
    let taken = db.store.claim_key(&of_another_user).await.unwrap();
    assert_eq!(taken, Claimed::Fresh);
}

#[rstest]
#[tokio::test]
async fn a_key_that_is_given_back_or_expired_is_free(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let first = claim(1, "a", 0);
    db.store.claim_key(&first).await.unwrap();

    db.store.release_key(&first).await.unwrap();
    let second = claim(1, "b", 1);
    assert_eq!(db.store.claim_key(&second).await.unwrap(), Claimed::Fresh);
    db.store.note_answer(receipt(&second)).await.unwrap();
    db.store.release_key(&second).await.unwrap();

    let late = claim(1, "c", 3600);
    let known = db.store.claim_key(&late).await.unwrap();
    assert!(matches!(known, Claimed::Answered { .. }), "{known:?}");
    let later = claim(1, "d", 3601);
    assert_eq!(db.store.claim_key(&later).await.unwrap(), Claimed::Fresh);
    assert!(db.store.note_answer(receipt(&later)).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn what_was_left_undone_is_taken_over_only_where_that_is_allowed(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let dead = Claim {
        resumable_at: Some(at(60)),
        ..claim(1, "a", 0)
    };
    db.store.claim_key(&dead).await.unwrap();
    let uncertain = claim(2, "a", 0);
    db.store.claim_key(&uncertain).await.unwrap();

    let early = db.store.claim_key(&claim(1, "b", 59)).await.unwrap();
    let over = db.store.claim_key(&claim(1, "c", 60)).await.unwrap();
    let never = db.store.claim_key(&claim(2, "d", 60)).await.unwrap();

    assert!(matches!(early, Claimed::UnderWay { .. }), "{early:?}");
    assert_eq!(over, Claimed::Fresh);
    assert!(matches!(never, Claimed::UnderWay { .. }), "{never:?}");
    let overtaken = db.store.note_answer(receipt(&dead)).await.unwrap();
    assert!(!overtaken, "it comes back to life too late");
}

#[rstest]
#[tokio::test]
async fn an_instance_is_stored_with_the_answer_or_not_at_all(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (first, second) = (unsaved(&db.store).await, unsaved(&db.store).await);
    let dead = Claim {
        resumable_at: Some(at(60)),
        ..claim(1, "a", 0)
    };
    db.store.claim_key(&dead).await.unwrap();
    let next = claim(1, "b", 60);
    assert_eq!(db.store.claim_key(&next).await.unwrap(), Claimed::Fresh);

    let pollers = [poller("contacts")];
    let hash = token_hash(first.id);
    let late = db
        .store
        .create_instance_once(&first, &hash, &pollers, Some(receipt(&dead)));
    let late = late.await;
    let hash = token_hash(second.id);
    let done = db
        .store
        .create_instance_once(&second, &hash, &pollers, Some(receipt(&next)));
    done.await.unwrap();

    assert!(matches!(late, Err(Error::Overtaken)), "{late:?}");
    let stored = db.store.instances(first.organization, ALL).await.unwrap();
    let ids: Vec<_> = stored.iter().map(|one| one.id).collect();
    assert_eq!(ids, [second.id]);
    let known = db.store.claim_key(&claim(1, "c", 61)).await.unwrap();
    assert!(matches!(known, Claimed::Answered { .. }), "{known:?}");
}

#[rstest]
#[tokio::test]
async fn keys_are_forgotten_in_batches_once_they_are_free(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    for user in 1..=3 {
        db.store.claim_key(&claim(user, "a", 0)).await.unwrap();
    }
    let young = claim(4, "a", 100);
    db.store.claim_key(&young).await.unwrap();
    db.clock.advance(Duration::from_secs(3600));

    let counts = [
        db.store.forget_keys(at(3599), 2).await.unwrap(),
        db.store.forget_keys(at(3600), 2).await.unwrap(),
        db.store.forget_keys(at(3600), 2).await.unwrap(),
        db.store.forget_keys(at(3600), 2).await.unwrap(),
    ];

    assert_eq!(counts, [0, 2, 1, 0]);
    let kept = db.store.claim_key(&claim(4, "b", 101)).await.unwrap();
    assert!(matches!(kept, Claimed::UnderWay { .. }), "{kept:?}");
}
