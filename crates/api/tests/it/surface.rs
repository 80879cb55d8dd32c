//! Events of all instances, configuration entry by entry, `/ping` and `/objects`.

use ie_simulator::KeyChange;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{Answer, INSIGHTLYS_NOW, KEY, Rig, body, id, ids, path};

/// A request with the account's credentials and the Element token of this instance.
async fn as_element(rig: &Rig, instance: &Value, path: &str) -> Answer {
    let token = instance["token"].as_str().unwrap();
    let credentials = format!("{}, Element {token}", rig.credentials());
    rig.send(Method::GET, path, Some(&credentials), "").await
}

#[tokio::test]
async fn events_are_listed_over_all_instances_and_by_the_element_token() {
    let rig = Rig::start().await;
    let one = rig.instance(&json!({"event.objects": "contacts"})).await;
    let two = rig.instance(&json!({"event.objects": "contacts"})).await;
    let ones = rig.notifications(id(&one), 2).await;
    let twos = rig.notifications(id(&two), 1).await;

    let all = rig.get("/instances/events").await.ok();
    let own = as_element(&rig, &two, "/instances/events").await.ok();
    let event = rig
        .get(&format!("/instances/events/{}", ones[1]))
        .await
        .ok();
    let foreign = as_element(&rig, &two, &format!("/instances/events/{}", ones[1])).await;
    let stranger = rig.other_organization().await;
    let others = rig
        .send(Method::GET, "/instances/events", Some(&stranger), "")
        .await;

    assert_eq!(ids(&all).len(), 3);
    assert_eq!(ids(&own), [twos[0].to_string()]);
    assert_eq!(event["id"], ones[1].to_string());
    foreign.refused(StatusCode::NOT_FOUND);
    assert_eq!(others.ok(), json!([]));
}

#[tokio::test]
async fn the_configuration_is_read_and_changed_entry_by_entry() {
    let rig = Rig::start().await;
    let instance = rig
        .instance(&json!({"event.poller.refresh_interval": 15}))
        .await;
    let entries = format!("{}/configuration", path(&instance));
    let interval = format!("{entries}/event.poller.refresh_interval");

    let list = rig.get(&entries).await.ok();
    let before = rig.get(&interval).await.ok();
    let after = rig
        .patch(
            &interval,
            &json!({"key": "event.poller.refresh_interval", "propertyValue": "3"}),
        )
        .await
        .ok();
    let key = rig.get(&format!("{entries}/password")).await.ok();

    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["key"] == "username")
    );
    assert_eq!(
        (&before["propertyValue"], &before["type"]),
        (&json!(15), &json!("NUMBER"))
    );
    assert_eq!(after["propertyValue"], "3");
    assert_eq!(key["propertyValue"], "********");
    let stored = rig.get(&path(&instance)).await.ok();
    assert_eq!(
        stored["configuration"]["event.poller.refresh_interval"],
        "3"
    );
}

#[tokio::test]
async fn a_bad_entry_is_refused_and_an_unknown_one_is_not_there() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let interval = format!(
        "{}/configuration/event.poller.refresh_interval",
        path(&instance)
    );

    let nothing = rig.patch(&interval, &json!({})).await;
    let other = rig
        .patch(&interval, &json!({"key": "name", "propertyValue": 1}))
        .await;
    let bad = rig
        .patch(&interval, &json!({"propertyValue": "soon"}))
        .await;
    let unknown = rig
        .get(&format!("{}/configuration/nothing", path(&instance)))
        .await;

    assert!(
        nothing
            .refused(StatusCode::BAD_REQUEST)
            .contains("propertyValue")
    );
    assert!(other.refused(StatusCode::BAD_REQUEST).contains("key"));
    assert!(
        bad.refused(StatusCode::BAD_REQUEST)
            .contains("refresh_interval")
    );
    unknown.refused(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_ping_asks_insightly_with_the_instances_key() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;

    let pong = as_element(&rig, &instance, "/ping").await.ok();
    let whose = rig.get("/ping").await;
    let revoked = KeyChange {
        key: KEY.to_owned(),
        revoked: Some(true),
        ..KeyChange::default()
    };
    rig.insightly.control().set_key(&revoked).unwrap();
    let refused = as_element(&rig, &instance, "/ping").await;

    assert_eq!(
        pong,
        json!({"endpoint": "insightly", "dateTime": INSIGHTLYS_NOW})
    );
    assert!(
        whose
            .refused(StatusCode::BAD_REQUEST)
            .contains("Element token")
    );
    refused.refused(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_objects_are_the_hubs_resources() {
    let rig = Rig::start().await;
    let made = rig.post("/instances", &body(&json!({}))).await.ok();

    let objects = as_element(&rig, &made, "/objects").await.ok();

    assert_eq!(
        objects,
        as_element(&rig, &made, "/hubs/crm/objects").await.ok()
    );
    assert!(objects.as_array().unwrap().contains(&json!("accounts")));
}
