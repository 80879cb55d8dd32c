//! `PATCH`, `PUT`, `DELETE`, and turning instances on and off.

use ie_model::{InstanceId, PollerStatus};
use ie_simulator::{Fault, Rule};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{KEY, OTHER_KEY, Rig, body, id, path};

async fn polled(rig: &Rig, instance: &Value) -> Vec<String> {
    let pollers = rig.store.pollers(InstanceId(id(instance))).await.unwrap();
    pollers.into_iter().map(|poller| poller.resource).collect()
}

#[tokio::test]
async fn a_patch_merges_the_configuration_and_leaves_the_rest() {
    let rig = Rig::start().await;
    let before = rig
        .instance(&json!({"event.objects": "contacts", "event.raw.enabled": false}))
        .await;
    rig.clock.advance(std::time::Duration::from_secs(60));

    let patch = json!({"name": "Renamed", "configuration": {"event.poller.refresh_interval": 3}});
    let after = rig.patch(&path(&before), &patch).await.ok();

    assert_eq!(after["name"], "Renamed");
    assert_eq!(after["tags"], before["tags"]);
    assert_eq!(after["token"], before["token"]);
    assert_eq!(after["createdDate"], before["createdDate"]);
    assert_eq!(after["updatedDate"], "2026-11-24T10:01:00Z");
    let mut expected = before["configuration"].clone();
    expected["event.poller.refresh_interval"] = json!(3);
    assert_eq!(after["configuration"], expected);
    let pollers = rig.store.pollers(InstanceId(id(&before))).await.unwrap();
    assert_eq!(pollers[0].interval_minutes, 3);
    assert_eq!(
        rig.get(&path(&before)).await.ok()["configuration"],
        expected
    );
}

#[tokio::test]
async fn a_patch_is_validated_as_a_whole() {
    let rig = Rig::start().await;
    let instance = rig
        .instance(&json!({"event.notification.enabled": false}))
        .await;
    let patch = json!({"configuration": {
        "event.notification.enabled": true, "event.notification.callback.url": null}});

    let message = rig
        .patch(&path(&instance), &patch)
        .await
        .refused(StatusCode::BAD_REQUEST);

    assert_eq!(
        message,
        "$.configuration['event.notification.callback.url']: \
         expected the address that events are sent to, since event.notification.enabled is true"
    );
}

#[tokio::test]
async fn changing_the_resources_drops_the_others_pollers_and_keeps_how_far_the_rest_has_read() {
    let rig = Rig::start().await;
    let instance = rig
        .instance(&json!({"event.objects": "contacts|leads"}))
        .await;
    let before = rig.store.pollers(InstanceId(id(&instance))).await.unwrap();

    let patch = json!({"configuration": {"event.objects": "leads|tasks"}});
    rig.patch(&path(&instance), &patch).await.ok();

    assert_eq!(polled(&rig, &instance).await, ["leads", "tasks"]);
    let after = rig.store.pollers(InstanceId(id(&instance))).await.unwrap();
    assert_eq!(after[0].id, before[1].id);
    assert_eq!(after[0].cursor, before[1].cursor);
}

#[tokio::test]
async fn stars_keep_the_key_and_insightly_is_not_asked_again() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    rig.insightly
        .control()
        .misbehave(Rule::always(Fault::CutBefore));

    let answered = instance["configuration"].clone();
    assert_eq!(answered["password"], "********");
    rig.patch(&path(&instance), &json!({"configuration": answered}))
        .await
        .ok();

    rig.insightly.control().behave();
    // The key still opens: another address is checked with it.
    let patch = json!({"configuration": {"base.url": format!("{}/", rig.insightly.base_url())}});
    rig.patch(&path(&instance), &patch).await.ok();
}

#[tokio::test]
async fn a_new_key_is_checked_before_it_is_stored() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let before = rig
        .store
        .instance(InstanceId(id(&instance)))
        .await
        .unwrap()
        .unwrap();

    let refused = rig
        .patch(
            &path(&instance),
            &json!({"configuration": {"password": "wrong"}}),
        )
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let between = rig
        .store
        .instance(InstanceId(id(&instance)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(between, before, "nothing of a refused change is stored");

    rig.patch(
        &path(&instance),
        &json!({"configuration": {"password": OTHER_KEY}}),
    )
    .await
    .ok();
    let after = rig
        .store
        .instance(InstanceId(id(&instance)))
        .await
        .unwrap()
        .unwrap();
    assert_ne!(after.secrets["password"], before.secrets["password"]);
    assert_eq!(after.secrets["token"], before.secrets["token"]);
    assert_eq!(
        after.secrets["webhook.secret"],
        before.secrets["webhook.secret"]
    );
}

#[tokio::test]
async fn a_good_key_makes_a_refused_instance_valid_and_due() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    let (number, now) = (InstanceId(id(&instance)), rig.context.clock.now());
    rig.store
        .set_validity(number, false, Some("insightly refuses the API key"), now)
        .await
        .unwrap();
    let refused = rig.get(&path(&instance)).await.ok();
    assert_eq!(refused["valid"], false);
    assert_eq!(refused["reason"], "insightly refuses the API key");

    let after = rig
        .patch(
            &path(&instance),
            &json!({"configuration": {"password": KEY}}),
        )
        .await
        .ok();

    assert_eq!(after["valid"], true);
    assert_eq!(after.get("reason"), None);
    let pollers = rig.store.pollers(number).await.unwrap();
    assert_eq!(pollers[0].due_at, now);
}

#[tokio::test]
async fn a_put_replaces_the_configuration() {
    let rig = Rig::start().await;
    let entries = json!({"event.objects": "leads", "event.notification.signature.key": "sign"});
    let before = rig.instance(&entries).await;

    let replacement = body(&json!({"password": "********"}));
    let after = rig
        .call(Method::PUT, &path(&before), Some(&replacement))
        .await
        .ok();

    assert_eq!(after["token"], before["token"]);
    assert_eq!(after["configuration"].get("event.objects"), None);
    assert_eq!(polled(&rig, &before).await.len(), 4);
    let stored = rig
        .store
        .instance(InstanceId(id(&before)))
        .await
        .unwrap()
        .unwrap();
    assert!(
        !stored
            .secrets
            .contains_key("event.notification.signature.key")
    );
    assert!(stored.secrets.contains_key("password"));
}

#[tokio::test]
async fn what_was_answered_may_be_put_back() {
    let rig = Rig::start().await;
    let before = rig
        .instance(&json!({"event.notification.signature.key": "sign"}))
        .await;

    let answered = rig.get(&path(&before)).await.ok();
    let after = rig
        .call(Method::PUT, &path(&before), Some(&answered))
        .await
        .ok();

    assert_eq!(after["warnings"], json!([]));
    assert_eq!(after["configuration"], before["configuration"]);
}

#[tokio::test]
async fn a_deleted_instance_is_gone_with_its_pollers() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;

    let deleted = rig.call(Method::DELETE, &path(&instance), None).await;

    assert_eq!(deleted.status, StatusCode::OK);
    assert_eq!(polled(&rig, &instance).await, [""; 0]);
    assert_eq!(
        rig.get(&path(&instance)).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        rig.call(Method::DELETE, &path(&instance), None)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_instance_is_turned_off_and_on() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    let enabled = format!("{}/enabled", path(&instance));
    let status =
        async |rig: &Rig| rig.store.pollers(InstanceId(id(&instance))).await.unwrap()[0].status;

    let off = rig.call(Method::DELETE, &enabled, None).await.ok();
    assert_eq!(off["disabled"], true);
    assert_eq!(off["reason"], "disabled by a client of the API");
    assert_eq!(status(&rig).await, PollerStatus::Paused);

    // A change does not turn it on.
    rig.patch(&path(&instance), &json!({"name": "Renamed"}))
        .await
        .ok();
    assert_eq!(status(&rig).await, PollerStatus::Paused);

    let on = rig.call(Method::PUT, &enabled, None).await.ok();
    assert_eq!(on["disabled"], false);
    assert_eq!(on.get("reason"), None);
    assert_eq!(status(&rig).await, PollerStatus::Active);
}
