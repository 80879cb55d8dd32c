//! `GET /dead-letters/{eventId}` and `POST /dead-letters/discard`.

use ie_model::NotificationStatus;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::Rig;

#[tokio::test]
async fn one_dead_letter_is_shown_with_the_body_that_was_posted() {
    let rig = Rig::start().await;
    let (instance, ids) = rig.failed(2).await;

    let letter = rig.get(&format!("/dead-letters/{}", ids[1])).await.ok();

    let stored = rig.store.notification(ids[1]).await.unwrap().unwrap();
    assert_eq!(letter["id"], ids[1].to_string());
    assert_eq!(letter["instanceId"], instance);
    assert_eq!(letter["body"], stored.notification.body.get());
    assert_eq!(letter["notifiedData"][0]["attempt"], 1);
}

#[tokio::test]
async fn what_is_not_dead_or_not_ones_own_is_not_found() {
    let rig = Rig::start().await;
    let (instance, ids) = rig.failed(1).await;
    let alive = rig.notifications(instance, 1).await[0];
    let foreign = rig.other_organization().await;
    let path = format!("/dead-letters/{}", ids[0]);

    let others = rig
        .send(reqwest::Method::GET, &path, Some(&foreign), "")
        .await;

    others.refused(StatusCode::NOT_FOUND);
    for id in [alive.to_string(), "999999".to_owned(), "x".to_owned()] {
        let answer = rig.get(&format!("/dead-letters/{id}")).await;
        answer.refused(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_list_is_narrowed_by_time() {
    let rig = Rig::start().await;
    rig.failed(2).await;

    let before = rig.get("/dead-letters?to=2026-11-24T10:00:00Z").await.ok();
    let since = rig
        .get("/dead-letters?from=2026-11-24T10:00:00Z")
        .await
        .ok();
    let reversed = rig.get("/dead-letters?from=2026-11-25&to=2026-11-24").await;

    assert_eq!(before, json!([]));
    assert_eq!(since.as_array().unwrap().len(), 2);
    assert!(reversed.refused(StatusCode::BAD_REQUEST).contains("from"));
}

#[tokio::test]
async fn what_is_discarded_is_no_dead_letter_any_more_and_is_not_redriven() {
    let rig = Rig::start().await;
    let (instance, ids) = rig.failed(3).await;
    let discard = async |body: Value| {
        rig.post("/dead-letters/discard", &body).await.ok()["discarded"].clone()
    };

    assert_eq!(discard(json!({"ids": [ids[1].to_string()]})).await, 1);
    assert_eq!(discard(json!({"ids": [ids[1].to_string()]})).await, 0);
    assert_eq!(
        discard(json!({"instanceId": instance, "limit": 1})).await,
        1
    );

    let letters = rig.get("/dead-letters").await.ok();
    assert_eq!(letters.as_array().unwrap().len(), 1);
    assert_eq!(letters[0]["id"], ids[2].to_string());
    let redriven = rig.post("/dead-letters/redrive", &json!({})).await.ok();
    assert_eq!(redriven["redriven"], 1);
    let path = format!("/instances/{instance}/events?status=DISCARDED");
    assert_eq!(rig.get(&path).await.ok().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_discard_must_say_what() {
    let rig = Rig::start().await;
    let (_, ids) = rig.failed(1).await;

    let answer = rig.post("/dead-letters/discard", &json!({})).await;

    let message = answer.refused(StatusCode::BAD_REQUEST);
    assert!(
        message.contains("ids") && message.contains("instanceId"),
        "{message}"
    );
    let stored = rig.store.notification(ids[0]).await.unwrap().unwrap();
    assert_eq!(stored.status, NotificationStatus::Failed);
}
