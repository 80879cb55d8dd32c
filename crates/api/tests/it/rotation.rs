//! A webhook secret is replaced, and the one before goes on for a while.

use std::time::Duration;

use ie_model::instance::secret;
use ie_model::{InstanceId, retiring_secret};
use ie_platform::secret::ExposeSecret as _;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Rig, id, path};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A sealed secret of the stored instance, opened.
async fn stored(rig: &Rig, instance: &Value, name: &str) -> Option<String> {
    let id = InstanceId(id(instance));
    let stored = rig.store.instance(id).await.unwrap().unwrap();
    let sealed = stored.secrets.get(name)?;
    let opened = rig.sealer.open(sealed, &secret::context(id, name));
    Some(opened.unwrap().expose_secret().to_owned())
}

async fn rotate(rig: &Rig, instance: &Value, body: Value) -> Value {
    let path = format!("{}/secrets/rotate", path(instance));
    rig.post(&path, &body).await.ok()
}

#[tokio::test]
async fn the_new_secret_is_told_once_and_the_old_one_stays_for_the_grace() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let old = instance["webhookSecret"].as_str().unwrap();

    let rotated = rotate(&rig, &instance, json!({"secret": "webhook"})).await;

    let new = rotated["webhookSecret"].as_str().unwrap();
    assert!(new.starts_with("whsec_") && new != old);
    let current = stored(&rig, &instance, secret::WEBHOOK_SECRET).await;
    assert_eq!(current.as_deref(), Some(new));
    let previous = stored(&rig, &instance, secret::PREVIOUS_WEBHOOK_SECRET).await;
    let previous = previous.unwrap();
    let (kept, until) = retiring_secret::read(&previous).unwrap();
    assert_eq!(kept, old);
    let left = until - rig.context.clock.now();
    assert_eq!(left.to_std().unwrap(), DAY);
    let shown = rig.get(&path(&instance)).await.ok().to_string();
    assert!(!shown.contains("whsec_"), "{shown}");
}

#[tokio::test]
async fn the_old_secret_survives_a_write_in_the_grace_and_is_deleted_by_the_next_after_it() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    rotate(
        &rig,
        &instance,
        json!({"secret": "webhook", "grace": "24h"}),
    )
    .await;
    let previous = secret::PREVIOUS_WEBHOOK_SECRET;

    rig.clock.advance(DAY - Duration::from_secs(60));
    let renamed = rig.patch(&path(&instance), &json!({"name": "In"})).await;
    renamed.ok();
    assert!(stored(&rig, &instance, previous).await.is_some());

    rig.clock.advance(Duration::from_secs(60));
    let renamed = rig.patch(&path(&instance), &json!({"name": "After"})).await;
    renamed.ok();
    assert_eq!(stored(&rig, &instance, previous).await, None);
    assert!(
        stored(&rig, &instance, secret::WEBHOOK_SECRET)
            .await
            .is_some()
    );
}

#[tokio::test]
async fn without_a_grace_the_old_secret_is_gone_at_once() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    rotate(&rig, &instance, json!({"secret": "webhook"})).await;

    let rotated = rotate(&rig, &instance, json!({"secret": "webhook", "grace": "0s"})).await;

    assert_eq!(rotated["previousUntil"], Value::Null);
    let previous = stored(&rig, &instance, secret::PREVIOUS_WEBHOOK_SECRET).await;
    assert_eq!(previous, None);
}

#[tokio::test]
async fn what_cannot_be_rotated_is_refused_and_changes_nothing() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let route = format!("{}/secrets/rotate", path(&instance));

    let body = json!({"secret": "token", "grace": "31d"});
    let refused = rig.post(&route, &body).await;

    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let message = refused.body["message"].as_str().unwrap();
    assert!(message.starts_with("2 problems:"), "{message}");
    let current = stored(&rig, &instance, secret::WEBHOOK_SECRET).await;
    assert_eq!(current.as_deref(), instance["webhookSecret"].as_str());
}
