//! Dead letters by what they are of and why they died: the same in lists, redrives and discards.

use ie_model::{ErrorClass, NotificationId, NotificationStatus};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Rig, id, ids};

/// Dead letters of one instance: a contact whose callback answered 500, a contact and a lead whose callback was silent.
async fn three_letters(rig: &Rig) -> (i64, [NotificationId; 3]) {
    let (instance, refused) = rig.failed(1).await;
    let silent = rig.notifications(instance, 1).await[0];
    let lead = |notification: &mut ie_model::Notification| {
        notification.resource = "leads".to_owned();
    };
    let lead = rig.notifications_with(instance, 1, lead).await[0];
    for id in [silent, lead] {
        rig.fail_as(id, NotificationStatus::Failed, ErrorClass::Timeout)
            .await;
    }
    (instance, [refused[0], silent, lead])
}

#[rstest]
#[case("objectType=contacts", &[0, 1])]
#[case("errorClass=timeout", &[1, 2])]
#[case("errorClass=timeout&objectType=contacts", &[1])]
#[case("errorClass=dns", &[])]
#[case("objectType=&errorClass=server", &[0])]
#[tokio::test]
async fn lists_are_narrowed(#[case] query: &str, #[case] expected: &[usize]) {
    let rig = Rig::start().await;
    let (instance, letters) = three_letters(&rig).await;
    let expected: Vec<String> = expected.iter().map(|n| letters[*n].to_string()).collect();

    let dead = rig.get(&format!("/dead-letters?{query}")).await.ok();
    let own = format!("/instances/{instance}/events?status=FAILED&{query}");
    let own = rig.get(&own).await.ok();
    let all = rig.get(&format!("/instances/events?{query}")).await.ok();

    for list in [&dead, &own, &all] {
        assert_eq!(ids(list), expected);
    }
}

#[tokio::test]
async fn a_redrive_and_a_discard_take_what_their_filter_leaves() {
    let rig = Rig::start().await;
    let (_, letters) = three_letters(&rig).await;
    let other = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let untouched = rig.notifications(other, 1).await[0];
    rig.fail_as(untouched, NotificationStatus::Failed, ErrorClass::Dns)
        .await;

    let contacts = json!({"objectType": "contacts", "errorClass": "timeout"});
    let discarded = rig.post("/dead-letters/discard", &contacts).await.ok();
    let silent = json!({"errorClass": "timeout", "from": "2026-11-24T10:00:00Z"});
    let redriven = rig.post("/dead-letters/redrive", &silent).await.ok();
    let early = json!({"to": "2026-11-24T10:00:00Z"});
    let none = rig.post("/dead-letters/discard", &early).await.ok();

    assert_eq!(discarded["discarded"], 1);
    assert_eq!(redriven["redriven"], 1);
    assert_eq!(none["discarded"], 0);
    let left = rig.get("/dead-letters").await.ok();
    assert_eq!(ids(&left), [letters[0].to_string(), untouched.to_string()]);
}

#[rstest]
#[case(json!({"errorClass": "slow"}), "$.errorClass: no such error class \"slow\", expected one of: configuration")]
#[case(json!({"errorClass": 500}), "$.errorClass: expected a class of failures")]
#[case(json!({"objectType": ["contacts"]}), "$.objectType: expected the name of a resource")]
#[case(json!({"from": "2026-11-25", "to": "2026-11-24"}), "$.from: expected a time before that of to")]
#[tokio::test]
async fn a_filter_that_cannot_be_read_takes_nothing(#[case] body: Value, #[case] why: &str) {
    let rig = Rig::start().await;
    rig.failed(1).await;

    for path in ["/dead-letters/redrive", "/dead-letters/discard"] {
        let message = rig.post(path, &body).await.refused(StatusCode::BAD_REQUEST);
        assert!(message.contains(why), "{message}");
    }
    assert_eq!(ids(&rig.get("/dead-letters").await.ok()).len(), 1);
}

#[tokio::test]
async fn a_list_by_an_unknown_class_is_refused() {
    let rig = Rig::start().await;

    let answer = rig.get("/dead-letters?errorClass=slow").await;

    let message = answer.refused(StatusCode::BAD_REQUEST);
    assert!(message.starts_with("errorClass: no such"), "{message}");
}
