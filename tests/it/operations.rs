//! Tests of callbacks and operational notices, through every process that has a part in them.

use anyhow::{Context as _, ensure};
use axum::http::StatusCode;
use ie_simulator::{Change, KeyChange, Settings};
use ie_tests::eventually::eventually;
use ie_tests::receiver::Received;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

/// A resource whose records nobody changes, with notices to the same address.
async fn instance(rig: &Rig) -> anyhow::Result<i64> {
    let mut body = rig.body(&["contacts"]);
    body["configuration"]["event.operational.url"] = json!(rig.receiver.url());
    body["configuration"]["event.notification.retry.schedule"] = json!("1s");
    let answer = rig.client.must(Method::POST, "/instances", Some(body));
    answer.await?["id"].as_i64().context("no id")
}

/// Waits for a notice of this type, and checks its signature.
async fn notice(rig: &Rig, kind: &str) -> anyhow::Result<Received> {
    let is_it = |received: &Received| {
        let body = &received.body;
        body["topic"] == "operations" && body["message"]["type"] == kind
    };
    let found = eventually(kind, PATIENCE, async || {
        Ok(rig.receiver.received().into_iter().find(is_it))
    })
    .await?;
    ensure!(found.signature_ok, "{kind} is not signed");
    Ok(found)
}

#[rstest]
#[case::embedded(Mode::Embedded)]
#[case::processes(Mode::Processes)]
#[tokio::test(flavor = "multi_thread")]
async fn a_test_goes_the_way_of_every_notification(#[case] mode: Mode) -> anyhow::Result<()> {
    let rig = Rig::start(mode, Settings::empty().without_limits()).await?;
    let id = instance(&rig).await?;
    let path = format!("/instances/{id}/test-event");

    let accepted = rig.client.must(Method::POST, &path, None).await?;
    rig.receiver.answer_with(StatusCode::IM_A_TEAPOT);
    let refused = rig.client.must(Method::POST, &path, None).await?;

    ensure!(
        accepted["delivered"] == true && accepted["statusCode"] == 200,
        "{accepted}"
    );
    ensure!(
        refused["delivered"] == false && refused["statusCode"] == 418,
        "{refused}"
    );
    let received = rig.receiver.received();
    ensure!(received.len() == 2, "{} requests", received.len());
    ensure!(received.iter().all(|one| one.signature_ok), "not signed");
    ensure!(
        received[0].body["message"]["events"][0]["test"] == true,
        "not marked"
    );
    let dead = rig.client.must(Method::GET, "/dead-letters", None).await?;
    ensure!(dead == json!([]), "{dead}");
    rig.stop().await
}

#[rstest]
#[case::embedded(Mode::Embedded)]
#[case::processes(Mode::Processes)]
#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_told_of_dead_letters_and_of_a_refused_key(
    #[case] mode: Mode,
) -> anyhow::Result<()> {
    // Given a callback that refuses what it gets,
    let rig = Rig::start(mode, Settings::empty().without_limits()).await?;
    let id = instance(&rig).await?;
    rig.receiver.answer_with(StatusCode::BAD_REQUEST);

    // when a change cannot be delivered,
    rig.world().change(&Change::create("Contacts"))?;
    eventually("a dead letter", PATIENCE, async || {
        rig.poll_now(id).await?;
        let dead = rig.client.must(Method::GET, "/dead-letters", None).await?;
        Ok((dead != json!([])).then_some(()))
    })
    .await?;
    rig.receiver.answer_with(StatusCode::OK);

    // then its owner is told, and so when the key is refused,
    let dead = notice(&rig, "dead_letters.growing").await?;
    ensure!(dead.body["message"]["count"] == 1, "{}", dead.body);
    rig.world().set_key(&KeyChange {
        key: "demo-key".to_owned(),
        revoked: Some(true),
        ..KeyChange::default()
    })?;
    eventually("the key is refused", PATIENCE, async || {
        rig.poll_now(id).await?;
        Ok(state(&rig, id).await?["valid"]
            .as_bool()
            .filter(|valid| !valid))
    })
    .await?;
    notice(&rig, "key.refused").await?;
    rig.stop().await
}

async fn state(rig: &Rig, id: i64) -> anyhow::Result<Value> {
    let path = format!("/instances/{id}");
    rig.client.must(Method::GET, &path, None).await
}
