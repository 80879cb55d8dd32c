//! `event.changes` and `event.skip.unchanged`.

use ie_model::EventType;
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Backend, Rig, Wish};

fn telling() -> Wish {
    Wish {
        settings: json!({"changes": true}),
        ..Wish::default()
    }
}

fn skipping() -> Wish {
    Wish {
        settings: json!({"skip_unchanged": true}),
        ..Wish::default()
    }
}

#[rstest]
#[tokio::test]
async fn an_update_tells_the_former_and_the_new_values(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let rig = Rig::start(Wish {
        backend,
        ..telling()
    })
    .await;
    let id = rig.create();
    let custom = |region: &str| {
        json!([{"FIELD_NAME": "Region__c", "FIELD_VALUE": region},
            {"FIELD_NAME": "Size__c", "FIELD_VALUE": 3}])
    };
    let first = json!({"EMAIL_ADDRESS": "a@example.com", "CUSTOMFIELDS": custom("EU"),
        "TAGS": [{"TAG_NAME": "vip"}]});
    rig.put(id, first).await;
    rig.poll().await;

    let second = json!({"EMAIL_ADDRESS": "b@example.com", "CUSTOMFIELDS": custom("US"),
        "TAGS": [{"TAG_NAME": "vip"}, {"TAG_NAME": "new"}]});
    rig.put(id, second).await;
    rig.poll().await;
    rig.put(id, json!({"EMAIL_ADDRESS": null})).await;
    rig.poll().await;

    let events = rig.events().await;
    let changes: Vec<_> = events.iter().map(|event| event.changes.clone()).collect();
    assert_eq!(events[0].kind, EventType::Created);
    assert_eq!(
        changes,
        [
            None,
            Some(json!({
                "EMAIL_ADDRESS": {"from": "a@example.com", "to": "b@example.com"},
                "CUSTOMFIELDS.Region__c": {"from": "EU", "to": "US"},
                "TAGS": {"from": [{"TAG_NAME": "vip"}],
                    "to": [{"TAG_NAME": "vip"}, {"TAG_NAME": "new"}]},
            })),
            Some(json!({"EMAIL_ADDRESS": {"from": "b@example.com", "to": null}})),
        ]
    );
}

#[tokio::test]
async fn a_write_that_changed_nothing_is_an_event_that_says_so() {
    let rig = Rig::start(telling()).await;
    let id = rig.create();
    rig.poll().await;

    rig.put(id, json!({})).await;
    rig.poll().await;

    let events = rig.events().await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].kind, EventType::Updated);
    assert_eq!(events[1].changes, Some(json!({})));
}

#[tokio::test]
async fn the_first_update_of_a_record_from_before_the_instance_does_not_know_what_it_changed() {
    let rig = Rig::start(Wish {
        records: 1,
        ..telling()
    })
    .await;
    let id = rig.control.state("Contacts").unwrap()[0]
        .id
        .as_i64()
        .unwrap();

    for name in ["Ada", "Grace"] {
        rig.put(id, json!({"FIRST_NAME": name})).await;
        rig.poll().await;
    }

    let events = rig.events().await;
    assert_eq!(events[0].changes, Some(Value::Null));
    let expected = json!({"FIRST_NAME": {"from": "Ada", "to": "Grace"}});
    assert_eq!(events[1].changes, Some(expected));
}

#[tokio::test]
async fn who_does_not_ask_is_not_told_and_no_content_is_kept() {
    let rig = Rig::start(Wish::default()).await;
    let id = rig.create();
    rig.poll().await;

    rig.put(id, json!({"FIRST_NAME": "Ada"})).await;
    rig.poll().await;

    let events = rig.events().await;
    assert_eq!((events.len(), &events[1].changes), (2, &None));
    assert_eq!(rig.version(id).await.unwrap().content, None);
}

#[tokio::test]
async fn a_write_that_changed_nothing_is_skipped_on_demand_and_remembered() {
    let rig = Rig::start(skipping()).await;
    let id = rig.create();
    rig.poll().await;
    let before = rig.version(id).await.unwrap();

    rig.put(id, json!({})).await;
    rig.poll().await;

    assert_eq!(rig.events().await.len(), 1);
    let after = rig.version(id).await.unwrap();
    assert!(after.updated_at > before.updated_at);
    assert_eq!((after.sequence, after.content), (before.sequence, None));
    rig.put(id, json!({"FIRST_NAME": "Ada"})).await;
    rig.poll().await;
    let events = rig.events().await;
    assert_eq!(events.len(), 2);
    assert!(events[1].sequence > events[0].sequence);
}

#[tokio::test]
async fn what_is_skipped_is_compared_with_nevertheless() {
    let rig = Rig::start(Wish {
        settings: json!({"changes": true, "skip_unchanged": true}),
        ..Wish::default()
    })
    .await;
    let id = rig.create();
    rig.put(id, json!({"FIRST_NAME": "Ada"})).await;
    rig.poll().await;
    rig.put(id, json!({"FIRST_NAME": "Ada"})).await;
    rig.poll().await;

    rig.put(id, json!({"FIRST_NAME": "Grace"})).await;
    rig.poll().await;

    let events = rig.events().await;
    assert_eq!(events.len(), 2);
    let expected = json!({"FIRST_NAME": {"from": "Ada", "to": "Grace"}});
    assert_eq!(events[1].changes, Some(expected));
    assert_eq!(events[1].record["FIRST_NAME"], "Grace");
}
