//! The memory of versions: what is kept of records, and what is forgotten.

use std::collections::BTreeSet;
use std::time::Duration;

use ie_model::{Digest, Fence, Poller, Version};
use ie_store::{
    NewQuarantined, PageCommit, Progress, Prune, QuarantineChange, Store, Walk, WalkKind, WalkWrite,
};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, instance, only_poller, page, under_way, version};

/// Objects 000 to 099, of which the even ones are old.
fn hundred() -> Vec<(String, Version)> {
    (0..100)
        .map(|n| {
            (
                format!("{n:03}"),
                version(if n % 2 == 0 { -500 } else { 500 }, 1),
            )
        })
        .collect()
}

fn finished(second: i64, prune: Option<Prune>) -> PageCommit {
    PageCommit {
        prune,
        ..PageCommit::new(Progress::Finished {
            cursor: at(second),
            next_due: at(second + 900),
            planned: None,
            at: at(second),
        })
    }
}

fn prune(second: i64, most: u32) -> Option<Prune> {
    Some(Prune {
        before: at(0),
        most,
        rest: Duration::from_secs(3_600),
        at: at(second),
    })
}

async fn with_hundred(store: &Store) -> (Poller, Fence) {
    let stored = instance(store, &["contacts"]).await;
    let poller = only_poller(store, stored.id).await;
    let fence = poller.fence();
    let known = page(hundred(), Vec::new(), under_way(60));
    (
        poller,
        store.commit_page(fence, &known).await.unwrap().fence,
    )
}

/// The objects that are remembered.
async fn known(store: &Store, fence: Fence) -> BTreeSet<String> {
    let asked: Vec<String> = hundred().into_iter().map(|(object, _)| object).collect();
    let known = store.known_versions(fence.poller, &asked).await.unwrap();
    known.into_keys().collect()
}

#[rstest]
#[tokio::test]
async fn a_round_forgets_what_is_old_a_limited_number_at_a_time(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (_, mut fence) = with_hundred(&db.store).await;

    // 100 versions, 30 at a time: the fourth page looks at the last of them.
    let mut left = Vec::new();
    for second in 1..=4 {
        let poll = finished(second, prune(second, 30));
        fence = db.store.commit_page(fence, &poll).await.unwrap().fence;
        left.push(known(&db.store, fence).await.len());
    }

    assert_eq!(left, [85, 70, 55, 50]);
    let odd = |object: &String| object.parse::<u32>().unwrap() % 2 == 1;
    assert!(known(&db.store, fence).await.iter().all(odd));
}

#[rstest]
#[tokio::test]
async fn after_a_round_it_rests_and_then_begins_again(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (_, fence) = with_hundred(&db.store).await;
    let round = finished(1, prune(1, 1_000));
    let fence = db.store.commit_page(fence, &round).await.unwrap().fence;
    let again = page(hundred(), Vec::new(), under_way(60));
    let fence = db.store.commit_page(fence, &again).await.unwrap().fence;

    let resting = finished(3_600, prune(3_600, 1_000));
    let fence = db.store.commit_page(fence, &resting).await.unwrap().fence;
    assert_eq!(known(&db.store, fence).await.len(), 100);

    let next = finished(3_601, prune(3_601, 1_000));
    let fence = db.store.commit_page(fence, &next).await.unwrap().fence;
    assert_eq!(known(&db.store, fence).await.len(), 50);
}

#[rstest]
#[tokio::test]
async fn a_poll_that_may_not_forget_forgets_nothing_and_another_poller_keeps_its_own(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (_, fence) = with_hundred(&db.store).await;
    let (_, other) = with_hundred(&db.store).await;

    let fence = db
        .store
        .commit_page(fence, &finished(1, None))
        .await
        .unwrap()
        .fence;
    assert_eq!(known(&db.store, fence).await.len(), 100);

    let poll = finished(2, prune(2, 1_000));
    db.store.commit_page(fence, &poll).await.unwrap();
    assert_eq!(known(&db.store, other).await.len(), 100);
}

#[rstest]
#[tokio::test]
async fn what_is_in_quarantine_or_has_a_late_sequence_is_not_forgotten(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (_, fence) = with_hundred(&db.store).await;
    let bad = NewQuarantined {
        object_id: Some("010".to_owned()),
        digest: Digest([1; 16]),
        reason: "DATE_UPDATED_UTC is missing".to_owned(),
        content: "{}".to_owned(),
        window_start: at(-600),
        seen_at: at(0),
        retry_at: Some(at(300)),
    };
    // Its record was updated long ago, and was found to be deleted just now.
    let deleted = version(-500, at(10).timestamp_millis());
    let aside = PageCommit {
        versions: vec![("020".to_owned(), deleted)],
        quarantine: QuarantineChange {
            found: vec![bad],
            limit: 10,
            ..QuarantineChange::default()
        },
        ..finished(1, prune(1, 1_000))
    };

    let fence = db.store.commit_page(fence, &aside).await.unwrap().fence;

    let known = known(&db.store, fence).await;
    assert!(known.contains("010") && known.contains("020"));
    assert_eq!(known.len(), 52);
}

#[rstest]
#[tokio::test]
async fn a_snapshot_under_way_forgets_nothing(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let (_, fence) = with_hundred(&db.store).await;
    let walk = |due_at| WalkWrite {
        walk: Walk {
            due_at,
            ..Walk::new(WalkKind::Snapshot, at(0))
        },
        ..WalkWrite::new(Walk::new(WalkKind::Snapshot, at(0)))
    };
    let during = PageCommit {
        walk: Some(walk(Some(at(60)))),
        ..finished(1, prune(1, 1_000))
    };
    let fence = db.store.commit_page(fence, &during).await.unwrap().fence;
    assert_eq!(known(&db.store, fence).await.len(), 100);

    let over = PageCommit {
        walk: Some(walk(None)),
        ..finished(3_601, prune(3_601, 1_000))
    };
    let fence = db.store.commit_page(fence, &over).await.unwrap().fence;
    assert_eq!(known(&db.store, fence).await.len(), 50);
}

#[rstest]
#[tokio::test]
async fn the_content_of_a_record_comes_back_and_goes_when_it_is_not_kept_any_more(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = only_poller(&db.store, stored.id).await.fence();
    let content = format!(
        r#"{{"CONTACT_ID":7,"NAME":"Zoë \" {}"}}"#,
        "é".repeat(9_000)
    );
    let with = Version {
        content: Some(content),
        ..version(3, 1)
    };
    let both = vec![
        ("7".to_owned(), with.clone()),
        ("8".to_owned(), version(3, 1)),
    ];
    let both = page(both, Vec::new(), under_way(60));
    let fence = db.store.commit_page(fence, &both).await.unwrap().fence;

    let asked = ["7", "8"].map(str::to_owned);
    let known = db.store.known_versions(fence.poller, &asked).await.unwrap();
    assert_eq!((&known["7"], &known["8"]), (&with, &version(3, 1)));

    let without = page(
        vec![("7".to_owned(), version(4, 2))],
        Vec::new(),
        under_way(60),
    );
    db.store.commit_page(fence, &without).await.unwrap();
    let known = db.store.known_versions(fence.poller, &asked).await.unwrap();
    assert_eq!(known["7"], version(4, 2));
}
