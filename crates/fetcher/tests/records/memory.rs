//! How long versions are remembered.

use std::time::Duration;

use ie_model::{EventType, ResourceConfig};
use ie_simulator::Change;
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Backend, Rig, Wish, contacts};

const DAY: Duration = Duration::from_secs(86_400);

#[rstest]
#[tokio::test]
async fn what_no_window_reaches_any_more_is_forgotten_and_nothing_is_repeated(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let rig = Rig::start(Wish {
        backend,
        ..Wish::default()
    })
    .await;
    let id = rig.create();
    rig.poll().await;

    rig.clock.advance(2 * DAY);
    rig.poll().await;
    assert!(rig.version(id).await.is_some(), "remembered for three days");
    for _ in 0..3 {
        rig.clock.advance(DAY);
        rig.poll().await;
    }

    assert!(rig.version(id).await.is_none());
    assert_eq!(rig.events().await.len(), 1);
    // An update of it is an update, and a later one than all before.
    rig.write(&Change::update("Contacts", id));
    rig.poll().await;
    let events = rig.events().await;
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventType::Created, EventType::Updated]);
    assert!(events[1].sequence > events[0].sequence);
}

#[tokio::test]
async fn the_memory_follows_what_changed_lately_and_not_what_exists() {
    let rig = Rig::start(Wish::default()).await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        for _ in 0..20 {
            ids.push(rig.create());
        }
        rig.poll().await;
        rig.clock.advance(DAY / 2);
    }

    let mut remembered = 0;
    for id in &ids {
        remembered += usize::from(rig.version(*id).await.is_some());
    }

    // Three days of six, and the rest of a round.
    assert!(
        (120..=180).contains(&remembered),
        "{remembered} of {}",
        ids.len()
    );
    assert_eq!(rig.events().await.len(), ids.len());
}

fn without_filter() -> ResourceConfig {
    ResourceConfig {
        filter_by_updated_date: false,
        ..contacts()
    }
}

fn at_all_times() -> ResourceConfig {
    ResourceConfig {
        url: "/hubs/crm/contacts?where=updated_after_utc='2026-01-01 00:00:00'".to_owned(),
        ..contacts()
    }
}

#[rstest]
#[case::deletions(json!({"deletes_interval": 60_000}), contacts())]
#[case::changes(json!({"changes": true}), contacts())]
#[case::skipping(json!({"skip_unchanged": true}), contacts())]
#[case::no_filter(json!({}), without_filter())]
#[case::a_window_that_does_not_move(json!({}), at_all_times())]
#[tokio::test]
async fn whoever_needs_versions_keeps_them(
    #[case] settings: Value,
    #[case] config: ResourceConfig,
) {
    let rig = Rig::start(Wish {
        settings,
        config,
        ..Wish::default()
    })
    .await;
    let id = rig.create();

    for _ in 0..8 {
        rig.poll().await;
        rig.clock.advance(DAY);
    }

    assert!(rig.version(id).await.is_some());
    assert_eq!(rig.events().await.len(), 1);
}
