//! Records that cannot be read.

use chrono::{DateTime, Utc};
use ie_model::{Digest, Fence, InstanceId};
use ie_store::{
    Error, NewQuarantined, Page, PageCommit, Postponed, QuarantineChange, Store, Walked,
};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{ALL, at, instance, only_poller, under_way, version};

const LIMIT: u32 = 3;

fn bad(object_id: Option<&str>, digest: u8, second: i64) -> NewQuarantined {
    NewQuarantined {
        object_id: object_id.map(str::to_owned),
        digest: Digest([digest; 16]),
        reason: format!("DATE_UPDATED_UTC is missing, at {second}"),
        content: format!(
            r#"{{"CONTACT_ID":{},"at":{second}}}"#,
            object_id.unwrap_or("null")
        ),
        window_start: at(second - 100),
        seen_at: at(second),
        retry_at: object_id.map(|_| at(second + 300)),
    }
}

fn found(records: Vec<NewQuarantined>) -> QuarantineChange {
    QuarantineChange {
        found: records,
        limit: LIMIT,
        ..QuarantineChange::default()
    }
}

fn readable(ids: &[&str]) -> QuarantineChange {
    QuarantineChange {
        readable: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..found(Vec::new())
    }
}

async fn write(store: &Store, fence: Fence, change: QuarantineChange) -> Fence {
    try_write(store, fence, change).await.unwrap()
}

async fn try_write(
    store: &Store,
    fence: Fence,
    change: QuarantineChange,
) -> ie_store::Result<Fence> {
    let page = PageCommit {
        quarantine: change,
        ..PageCommit::new(under_way(600))
    };
    let committed = store.commit_page(fence, &page).await?;
    Ok(committed.fence)
}

/// The ids in an instance's quarantine, in the order of the list.
async fn ids(store: &Store, instance: InstanceId) -> Vec<Option<String>> {
    let listed = store.quarantine(instance, ALL).await.unwrap();
    listed.into_iter().map(|record| record.object_id).collect()
}

async fn due(store: &Store, fence: Fence, now: DateTime<Utc>) -> Vec<String> {
    let due = store.due_records(fence.poller, now, 10).await.unwrap();
    due.into_iter().map(|record| record.object_id).collect()
}

#[rstest]
#[tokio::test]
async fn a_bad_record_is_put_aside_with_its_reason_and_its_content(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let poller = only_poller(&db.store, stored.id).await;
    assert_eq!(poller.quarantined, 0);

    let records = vec![bad(Some("7"), 1, 10), bad(None, 2, 10)];
    write(&db.store, poller.fence(), found(records)).await;

    let listed = db.store.quarantine(stored.id, ALL).await.unwrap();
    assert_eq!(listed.len(), 2);
    let seven = listed
        .iter()
        .find(|record| record.object_id.is_some())
        .unwrap();
    assert_eq!(seven.object_id.as_deref(), Some("7"));
    assert_eq!(seven.resource, "contacts");
    assert_eq!(seven.reason, "DATE_UPDATED_UTC is missing, at 10");
    assert_eq!(
        seven.content.as_deref(),
        Some(r#"{"CONTACT_ID":7,"at":10}"#)
    );
    assert_eq!(
        (seven.first_seen, seven.last_seen, seven.times),
        (at(10), at(10), 1)
    );
    assert_eq!(seven.retry_at, Some(at(310)));
    let nameless = listed
        .iter()
        .find(|record| record.object_id.is_none())
        .unwrap();
    assert_eq!(nameless.retry_at, None);
    assert_eq!(only_poller(&db.store, stored.id).await.quarantined, 2);
}

#[rstest]
#[tokio::test]
async fn a_record_that_is_met_again_is_counted_and_not_read_again_sooner(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = only_poller(&db.store, stored.id).await.fence();

    let late = NewQuarantined {
        retry_at: Some(at(9_000)),
        ..bad(Some("7"), 1, 10)
    };
    let fence = write(&db.store, fence, found(vec![late, bad(None, 2, 10)])).await;
    let again = vec![bad(Some("7"), 3, 50), bad(None, 2, 50)];
    let fence = write(&db.store, fence, found(again)).await;

    let listed = db.store.quarantine(stored.id, ALL).await.unwrap();
    assert_eq!(listed.len(), 2, "the same record stands there once");
    for record in &listed {
        assert_eq!(
            (record.first_seen, record.last_seen, record.times),
            (at(10), at(50), 2)
        );
        assert_eq!(record.reason, "DATE_UPDATED_UTC is missing, at 50");
    }
    let retries: Vec<_> = listed.iter().map(|record| record.retry_at).collect();
    assert!(retries.contains(&Some(at(9_000))) && retries.contains(&None));
    let due = db
        .store
        .due_records(fence.poller, at(9_000), 10)
        .await
        .unwrap();
    assert_eq!(
        (due[0].window_start, due[0].times),
        (at(-90), 2),
        "the earliest window"
    );
}

#[rstest]
#[tokio::test]
async fn what_can_be_read_leaves_and_only_of_that_poller(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let other = instance(&db.store, &["contacts"]).await;
    let records = || found(vec![bad(Some("7"), 1, 10), bad(Some("8"), 2, 10)]);
    let fence = only_poller(&db.store, stored.id).await.fence();
    let fence = write(&db.store, fence, records()).await;
    let others = only_poller(&db.store, other.id).await.fence();
    write(&db.store, others, records()).await;

    write(&db.store, fence, readable(&["7", "99"])).await;

    assert_eq!(ids(&db.store, stored.id).await, [Some("8".to_owned())]);
    assert_eq!(only_poller(&db.store, stored.id).await.quarantined, 1);
    assert_eq!(ids(&db.store, other.id).await.len(), 2);
    assert_eq!(only_poller(&db.store, other.id).await.quarantined, 2);
}

#[rstest]
#[tokio::test]
async fn records_are_due_by_their_time_and_few_at_once(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = only_poller(&db.store, stored.id).await.fence();
    let records = vec![
        bad(Some("8"), 1, 20),
        bad(Some("7"), 2, 10),
        bad(None, 3, 0),
    ];
    let fence = write(&db.store, fence, found(records)).await;

    assert_eq!(due(&db.store, fence, at(309)).await, [""; 0]);
    assert_eq!(due(&db.store, fence, at(310)).await, ["7"]);
    assert_eq!(due(&db.store, fence, at(320)).await, ["7", "8"]);
    let one = db
        .store
        .due_records(fence.poller, at(320), 1)
        .await
        .unwrap();
    assert_eq!(one.len(), 1);

    let postponed = QuarantineChange {
        postponed: vec![Postponed {
            object_id: "7".to_owned(),
            retry_at: at(5_000),
        }],
        ..found(Vec::new())
    };
    let fence = write(&db.store, fence, postponed).await;

    assert_eq!(due(&db.store, fence, at(4_999)).await, ["8"]);
    let due = db
        .store
        .due_records(fence.poller, at(5_000), 10)
        .await
        .unwrap();
    let seven = due.iter().find(|record| record.object_id == "7").unwrap();
    assert_eq!(seven.times, 2);
}

#[rstest]
#[case::its_window_was_walked_without_it(-90, 20, -1_000, 0)]
#[case::its_window_was_walked_from_earlier_on(-200, 20, -1_000, 0)]
#[case::it_was_met_by_this_walk(-90, 10, -1_000, 1)]
#[case::the_window_began_after_it(-89, 20, -1_000, 1)]
#[case::it_was_met_long_ago(-89, 20, 11, 0)]
#[tokio::test]
async fn a_record_without_an_id_leaves_when(
    #[values(Sqlite, Postgres)] backend: Backend,
    #[case] window_start: i64,
    #[case] began: i64,
    #[case] forget_before: i64,
    #[case] stay: usize,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = only_poller(&db.store, stored.id).await.fence();
    let records = vec![bad(None, 1, 10), bad(Some("7"), 2, 10)];
    let fence = write(&db.store, fence, found(records)).await;

    let walked = QuarantineChange {
        walked: Some(Walked {
            window_start: at(window_start),
            began: at(began),
            forget_before: at(forget_before),
        }),
        ..found(Vec::new())
    };
    write(&db.store, fence, walked).await;

    let left = ids(&db.store, stored.id).await;
    assert_eq!(left.iter().filter(|id| id.is_none()).count(), stay);
    assert!(left.contains(&Some("7".to_owned())), "with an id it stays");
    let counted = only_poller(&db.store, stored.id).await.quarantined;
    assert_eq!(counted, u32::try_from(stay + 1).unwrap());
}

#[rstest]
#[tokio::test]
async fn more_than_the_limit_refuses_the_page_as_a_whole(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = only_poller(&db.store, stored.id).await.fence();
    let some = || {
        vec![
            bad(Some("1"), 1, 10),
            bad(Some("2"), 2, 10),
            bad(None, 3, 10),
        ]
    };
    let fence = write(&db.store, fence, found(some())).await;
    // The same records again are no more than before.
    let fence = write(&db.store, fence, found(some())).await;

    let page = PageCommit {
        versions: vec![("7".to_owned(), version(3, 1))],
        quarantine: found(vec![bad(Some("4"), 4, 20)]),
        ..PageCommit::new(under_way(600))
    };
    let full = db.store.commit_page(fence, &page).await.unwrap_err();

    assert!(matches!(full, Error::QuarantineFull { limit: LIMIT }));
    assert!(!full.is_transient());
    let seven = ["7".to_owned()];
    let known = db.store.known_versions(fence.poller, &seven).await.unwrap();
    assert!(known.is_empty());
    assert_eq!(only_poller(&db.store, stored.id).await.quarantined, LIMIT);
    // One leaves, one comes.
    let change = QuarantineChange {
        readable: vec!["1".to_owned()],
        ..found(vec![bad(Some("4"), 4, 20)])
    };
    write(&db.store, fence, change).await;
    assert_eq!(only_poller(&db.store, stored.id).await.quarantined, LIMIT);
}

#[rstest]
#[tokio::test]
async fn of_a_huge_record_the_first_64_kib_are_kept(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = only_poller(&db.store, stored.id).await.fence();

    // Two bytes each, so that the 65536th byte is in the middle of a character.
    let huge = NewQuarantined {
        content: format!("x{}", "é".repeat(100_000)),
        ..bad(Some("7"), 1, 10)
    };
    write(&db.store, fence, found(vec![huge])).await;

    let listed = db.store.quarantine(stored.id, ALL).await.unwrap();
    let content = listed[0].content.as_deref().unwrap();
    assert_eq!(content, format!("x{}", "é".repeat(32_767)));
}

#[rstest]
#[tokio::test]
async fn the_list_comes_in_pages_and_ends_with_its_poller(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = only_poller(&db.store, stored.id).await.fence();
    let records = ["1", "2", "3"].map(|id| bad(Some(id), 1, 10));
    write(&db.store, fence, found(records.to_vec())).await;

    let first = Page {
        after: None,
        limit: 2,
    };
    let first = db.store.quarantine(stored.id, first).await.unwrap();
    let rest = Page {
        after: Some(first[1].id),
        limit: 2,
    };
    let rest = db.store.quarantine(stored.id, rest).await.unwrap();
    assert_eq!((first.len(), rest.len()), (2, 1));

    assert!(db.store.delete_instance(stored.id).await.unwrap());
    assert_eq!(ids(&db.store, stored.id).await, []);
    assert_eq!(due(&db.store, fence, at(9_999)).await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn a_fenced_page_puts_nothing_aside(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = only_poller(&db.store, stored.id).await.fence();
    write(&db.store, fence, found(Vec::new())).await;

    let late = try_write(&db.store, fence, found(vec![bad(Some("7"), 1, 10)])).await;

    assert!(matches!(late, Err(Error::Fenced)));
    assert_eq!(ids(&db.store, stored.id).await, []);
}
