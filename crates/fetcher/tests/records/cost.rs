//! What remembering a record costs; docs/events.md has the figures.
//!
//! `cargo nextest run -p ie-fetcher --test records what_a_remembered_record_costs --no-capture`
#![expect(clippy::print_stdout, reason = "its purpose is to show figures")]

use chrono::TimeDelta;
use ie_store::testing::Kept;
use rstest::rstest;
use serde_json::json;

use crate::rig::{Backend, Rig, Wish};

const RECORDS: usize = 2_000;

/// Polls that many contacts as the simulator makes them up, and measures what is remembered of them.
async fn remember(backend: Backend, changes: bool) -> (Kept, usize) {
    let rig = Rig::start(Wish {
        backend,
        records: RECORDS,
        // With it nothing is forgotten at once, though these versions are old.
        settings: json!({"changes": changes, "skip_unchanged": true, "batch": 500}),
        back: TimeDelta::days(3_650),
        ..Wish::default()
    })
    .await;
    rig.poll().await;
    let events = rig.events().await;
    assert_eq!(events.len(), RECORDS);
    let json: usize = events
        .iter()
        .map(|event| event.record.to_string().len())
        .sum();
    (rig.store.kept().await.unwrap(), json)
}

#[rstest]
#[tokio::test]
async fn what_a_remembered_record_costs(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (plain, json) = remember(backend, false).await;
    let (told, _) = remember(backend, true).await;

    let each = |bytes: u64| bytes / RECORDS as u64;
    println!(
        "{backend:?}, per contact: {} bytes of JSON, {} compressed; on disk {} bytes without event.changes, {} with it",
        json / RECORDS,
        each(told.packed),
        each(plain.disk),
        each(told.disk),
    );
    assert_eq!(
        (plain.versions, plain.contents, plain.packed),
        (RECORDS as u64, 0, 0)
    );
    assert_eq!(told.contents, RECORDS as u64);
    assert!(each(plain.disk) < 250, "{plain:?}");
    assert!(
        told.packed * 2 < json as u64,
        "less than half of the JSON: {told:?}"
    );
    assert!(
        each(told.disk) < each(plain.disk) + 2 * each(told.packed),
        "{told:?}"
    );
}
