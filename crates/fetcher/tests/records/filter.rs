//! `event.filter` and `event.notification.format`: what is told of and in which form; what is remembered all the same.

use ie_model::{EventType, MediaType};
use ie_store::{NotificationFilter, Page};
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Backend, Rig, Wish};

fn filtering(filter: Value) -> Wish {
    Wish {
        settings: json!({"changes": true, "delivery": {"filter": filter}}),
        ..Wish::default()
    }
}

fn source(value: &str) -> Value {
    json!({"EMAIL_ADDRESS": value})
}

#[rstest]
#[tokio::test]
async fn what_is_not_wanted_is_no_event_and_remembered_all_the_same(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let condition = json!({"path": "$.EMAIL_ADDRESS", "equals": ["a@example.com"]});
    let rig = Rig::start(Wish {
        backend,
        ..filtering(json!({"conditions": [condition]}))
    })
    .await;
    let id = rig.create();
    rig.put(id, source("b@example.com")).await;
    rig.poll().await;
    assert!(rig.events().await.is_empty());
    let remembered = rig.version(id).await.unwrap();

    rig.put(id, source("a@example.com")).await;
    rig.poll().await;

    // An update and no creation, with what the record was when it was not told of.
    let events = rig.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventType::Updated);
    assert!(events[0].sequence > remembered.sequence);
    assert_eq!(
        events[0].changes,
        Some(json!({"EMAIL_ADDRESS": {"from": "b@example.com", "to": "a@example.com"}}))
    );
}

#[tokio::test]
async fn kinds_of_events_are_told_apart() {
    let rig = Rig::start(filtering(json!({"event_types": ["UPDATED"]}))).await;
    let id = rig.create();
    rig.poll().await;
    rig.put(id, source("a@example.com")).await;
    rig.poll().await;

    let events = rig.events().await;
    let kinds: Vec<EventType> = events.iter().map(|event| event.kind).collect();

    assert_eq!(kinds, [EventType::Updated]);
}

#[tokio::test]
async fn one_event_and_several_are_stored_with_their_media_types() {
    let rig = Rig::start(Wish {
        settings: json!({"batch": 2, "delivery": {"format": "cloudevents"}}),
        ..Wish::default()
    })
    .await;
    for _ in 0..3 {
        rig.create();
    }

    rig.poll().await;

    let page = Page {
        after: None,
        limit: 10,
    };
    let filter = NotificationFilter::default();
    let stored = rig.store.notifications(&filter, page).await.unwrap();
    let types: Vec<MediaType> = stored
        .iter()
        .map(|stored| stored.notification.media_type)
        .collect();
    assert_eq!(types, [MediaType::CloudEventBatch, MediaType::CloudEvent]);
    let first: Value = serde_json::from_str(stored[0].notification.body.get()).unwrap();
    assert_eq!(first[1]["type"], "com.insightly.contacts.created");
}
