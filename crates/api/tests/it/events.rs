//! `/instances/{id}/events`.

use ie_model::NotificationStatus;
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::rig::{Rig, id, ids, path};

#[tokio::test]
async fn an_event_has_its_raw_records_and_its_attempts() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    let event = rig.notifications(id(&instance), 1).await[0];
    rig.fail(event, NotificationStatus::Dispatched).await;

    let mut answer = rig
        .get(&format!("{}/events/{event}", path(&instance)))
        .await
        .ok();

    assert_eq!(answer["id"], event.to_string());
    answer["id"] = json!("(id)");
    assert_eq!(answer["providerData"], r#"{"contacts":[{"CONTACT_ID":0}]}"#);
    insta::assert_json_snapshot!(answer);
}

#[tokio::test]
async fn events_come_in_pages_oldest_first() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    let stored: Vec<String> = rig
        .notifications(id(&instance), 5)
        .await
        .iter()
        .map(ToString::to_string)
        .collect();
    let events = format!("{}/events", path(&instance));

    let first = rig.get(&format!("{events}?pageSize=3")).await;
    let token = first.headers["elements-next-page-token"]
        .to_str()
        .unwrap()
        .to_owned();
    let second = rig
        .get(&format!("{events}?pageSize=3&nextPage={token}"))
        .await;

    assert!(!second.headers.contains_key("elements-next-page-token"));
    let (first, second) = (first.ok(), second.ok());
    assert_eq!([ids(&first), ids(&second)].concat(), stored);
}

#[tokio::test]
async fn events_are_found_by_time_and_status() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    let stored = rig.notifications(id(&instance), 4).await;
    rig.fail(stored[2], NotificationStatus::Failed).await;
    let stored: Vec<String> = stored.iter().map(ToString::to_string).collect();
    let events = format!("{}/events", path(&instance));

    // They were stored at 10:01:00, 10:01:01, 10:01:02 and 10:01:03.
    let between = rig
        .get(&format!(
            "{events}?from=2026-11-24T10:01:01Z&to=2026-11-24T10:01:03Z"
        ))
        .await
        .ok();
    assert_eq!(ids(&between), &stored[1..3]);
    let failed = rig.get(&format!("{events}?status=failed")).await.ok();
    assert_eq!(ids(&failed), &stored[2..3]);
    let unpublished = rig
        .get(&format!("{events}?status=NEW&from=2026-11-24%2010:01:01"))
        .await
        .ok();
    assert_eq!(ids(&unpublished), [stored[1].as_str(), stored[3].as_str()]);
}

#[rstest]
#[case(
    "status=LOST",
    "status: no such status \"LOST\", expected NEW, RECEIVED, DISPATCHED, CONSUMED, NOTIFIED, FAILED or DISCARDED"
)]
#[case(
    "from=2026-11-25&to=2026-11-24",
    "from: expected a time before that of to"
)]
#[case(
    "to=soon",
    "to: expected a time such as 2026-11-24T10:00:00Z, a day such as 2026-11-24, \
    or milliseconds since 1970, got \"soon\""
)]
#[tokio::test]
async fn a_filter_that_cannot_be_read_is_refused(#[case] query: &str, #[case] message: &str) {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;

    let answer = rig
        .get(&format!("{}/events?{query}", path(&instance)))
        .await;

    assert_eq!(answer.refused(StatusCode::BAD_REQUEST), message);
}

#[tokio::test]
async fn another_instances_event_is_not_this_ones() {
    let rig = Rig::start().await;
    let first = rig.instance(&json!({"event.objects": "contacts"})).await;
    let event = rig.notifications(id(&first), 1).await[0];
    let second = rig.instance(&json!({"event.objects": "contacts"})).await;

    for path in [
        format!("{}/events/{event}", path(&second)),
        format!("{}/events/none", path(&first)),
    ] {
        let answer = rig.call(Method::GET, &path, None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(
        rig.get(&format!("{}/events", path(&second))).await.ok(),
        json!([])
    );
}
