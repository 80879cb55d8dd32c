//! `GET /elements`: the connector's description.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Rig, body, id};

fn entry<'a>(element: &'a Value, key: &str) -> &'a Value {
    let entries = element["configuration"].as_array().unwrap();
    let found = entries.iter().find(|entry| entry["key"] == key);
    found.unwrap_or_else(|| panic!("no entry {key}"))
}

#[tokio::test]
async fn the_connector_is_described_by_key_and_by_id() {
    let rig = Rig::start().await;

    let list = rig.get("/elements").await.ok();
    let element = rig.get("/elements/insightly").await.ok();
    let by_id = rig.get(&format!("/elements/{}", list[0]["id"])).await.ok();
    let metadata = rig.get("/elements/insightly/metadata").await.ok();

    assert_eq!(list[0]["key"], "insightly");
    assert_eq!(element, by_id);
    assert_eq!(entry(&element, "password")["type"], "PASSWORD");
    assert_eq!(
        entry(&element, "event.poller.refresh_interval")["defaultValue"],
        "15"
    );
    assert_eq!(
        metadata["events"],
        json!({ "supported": true, "methods": ["polling"] })
    );
}

/// What the description says is the default is what an instance gets that says nothing.
#[tokio::test]
async fn the_default_polling_configuration_can_be_sent_as_it_stands() {
    let rig = Rig::start().await;
    let element = rig.get("/elements/insightly").await.ok();
    let default = &entry(&element, "event.poller.configuration")["defaultValue"];

    let plain = id(&rig.post("/instances", &body(&json!({}))).await.ok());
    let entries = json!({ "event.poller.configuration": default });
    let spelled = id(&rig.post("/instances", &body(&entries)).await.ok());

    assert_eq!(
        rig.store
            .pollers(ie_model::InstanceId(plain))
            .await
            .unwrap()
            .len(),
        4
    );
    for (plain, spelled) in std::iter::zip(
        rig.store
            .pollers(ie_model::InstanceId(plain))
            .await
            .unwrap(),
        rig.store
            .pollers(ie_model::InstanceId(spelled))
            .await
            .unwrap(),
    ) {
        assert_eq!(
            (plain.resource, plain.config),
            (spelled.resource, spelled.config)
        );
    }
}

#[tokio::test]
async fn instances_stand_under_their_connector_as_well() {
    let rig = Rig::start().await;

    let made = rig
        .post("/elements/insightly/instances", &body(&json!({})))
        .await
        .ok();
    let read = rig
        .get(&format!("/elements/1/instances/{}", id(&made)))
        .await
        .ok();

    assert_eq!(read["id"], made["id"]);
}

#[tokio::test]
async fn another_connector_is_unknown() {
    let rig = Rig::start().await;

    for path in [
        "/elements/hubspot",
        "/elements/7/metadata",
        "/elements/hubspot/instances",
    ] {
        let message = rig.get(path).await.refused(StatusCode::NOT_FOUND);

        assert!(message.contains("insightly"), "{path}: {message}");
    }
}

#[tokio::test]
async fn the_description_needs_credentials() {
    let rig = Rig::start().await;

    let answer = rig.send(reqwest::Method::GET, "/elements", None, "").await;

    answer.refused(StatusCode::UNAUTHORIZED);
}
