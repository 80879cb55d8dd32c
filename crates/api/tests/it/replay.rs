//! `POST /instances/{id}/events/replay`.

use std::time::Duration;

use ie_model::NotificationStatus;
use reqwest::StatusCode;
use serde_json::json;

use crate::rig::{Rig, id};

#[tokio::test]
async fn what_was_delivered_is_sent_again_and_marked() {
    let rig = Rig::start().await;
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let ids = rig.notifications(instance, 3).await;
    for id in &ids[..2] {
        rig.fail(*id, NotificationStatus::Failed).await;
    }
    let path = format!("/instances/{instance}/events/replay");
    rig.clock.advance(Duration::from_secs(1));

    let counted = rig.post(&path, &json!({"dryRun": true})).await.ok();
    let done = rig.post(&path, &json!({"limit": 1})).await.ok();
    let rest = rig.post(&path, &json!({"status": "FAILED"})).await.ok();

    assert_eq!(
        (&counted["events"], &counted["more"]),
        (&json!(2), &json!(false))
    );
    assert_eq!((&done["events"], &done["more"]), (&json!(1), &json!(true)));
    assert_eq!(rest["events"], 1);
    let event = rig
        .get(&format!("/instances/{instance}/events/{}", ids[0]))
        .await
        .ok();
    assert_eq!(event["status"], "NEW");
    let stored = rig.store.notification(ids[0]).await.unwrap().unwrap();
    assert!(stored.notification.body.get().contains("\"replayed\":true"));
}

#[tokio::test]
async fn another_instance_and_a_bad_body_are_refused() {
    let rig = Rig::start().await;
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);

    let unknown = rig.post("/instances/999/events/replay", &json!({})).await;
    let bad = json!({"from": "2026-11-25", "to": "2026-11-24", "status": "NEW"});
    let bad = rig
        .post(&format!("/instances/{instance}/events/replay"), &bad)
        .await;

    unknown.refused(StatusCode::NOT_FOUND);
    let message = bad.refused(StatusCode::BAD_REQUEST);
    assert!(
        message.contains("from") && message.contains("status"),
        "{message}"
    );
}
