//! The callback goes away and comes back; what could not be delivered is redriven.

use anyhow::Context as _;
use axum::http::StatusCode;
use ie_simulator::{Change, Settings};
use ie_tests::eventually::eventually;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

/// The events of an instance with this status.
async fn events(rig: &Rig, instance: i64, status: &str) -> anyhow::Result<Vec<Value>> {
    let path = format!("/instances/{instance}/events?status={status}");
    let events = rig.client.must(Method::GET, &path, None).await?;
    Ok(events.as_array().context("no list")?.clone())
}

/// Polls until so many events have this status.
pub(crate) async fn wait_for(
    rig: &Rig,
    instance: i64,
    status: &str,
    count: usize,
) -> anyhow::Result<Vec<Value>> {
    eventually(
        &format!("{count} events that are {status}"),
        PATIENCE,
        async || {
            rig.poll_now(instance).await?;
            let found = events(rig, instance, status).await?;
            Ok((found.len() >= count).then_some(found))
        },
    )
    .await
}

#[rstest]
#[case::embedded(Mode::Embedded)]
#[case::processes(Mode::Processes)]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_callback_refuses_waits_and_is_delivered_when_it_is_back(
    #[case] mode: Mode,
) -> anyhow::Result<()> {
    let rig = Rig::start(mode, Settings::empty().without_limits()).await?;
    let (instance, _) = rig.create_instance(&["contacts"]).await?;
    rig.receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);

    rig.world().change(&Change::create("Contacts"))?;
    wait_for(&rig, instance, "DISPATCHED", 1).await?;
    rig.receiver.answer_with(StatusCode::OK);
    let notified = wait_for(&rig, instance, "NOTIFIED", 1).await?;

    let attempts = notified[0]["notifiedData"]
        .as_array()
        .context("no attempts")?;
    assert!(attempts.len() >= 2, "{attempts:?}");
    let ids: std::collections::BTreeSet<_> = rig
        .receiver
        .received()
        .into_iter()
        .map(|r| r.webhook_id)
        .collect();
    assert_eq!(ids.len(), 1, "the same webhook id on every attempt");
    assert_eq!(rig.receiver.accepted().len(), 1);
    rig.stop().await
}

#[rstest]
#[case::embedded(Mode::Embedded)]
#[case::processes(Mode::Processes)]
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_with_its_reason_and_redriven_once(
    #[case] mode: Mode,
) -> anyhow::Result<()> {
    // Given a notification that its callback refuses for good,
    let rig = Rig::start(mode, Settings::empty().without_limits()).await?;
    let (instance, _) = rig.create_instance(&["contacts"]).await?;
    rig.receiver.answer_with(StatusCode::BAD_REQUEST);
    rig.world().change(&Change::create("Contacts"))?;
    wait_for(&rig, instance, "FAILED", 1).await?;
    let letters = rig.client.must(Method::GET, "/dead-letters", None).await?;
    assert!(
        letters[0]["lastError"]
            .as_str()
            .is_some_and(|reason| reason.contains("400")),
        "{}",
        letters[0]["lastError"]
    );

    // when the callback is mended and the dead letters are redriven, twice,
    rig.receiver.answer_with(StatusCode::OK);
    let redrive = json!({"instanceId": instance});
    let first = rig
        .client
        .must(Method::POST, "/dead-letters/redrive", Some(redrive.clone()))
        .await?;
    let second = rig
        .client
        .must(Method::POST, "/dead-letters/redrive", Some(redrive))
        .await?;

    // then it is delivered once: when the next change has arrived, nothing more of it is on its way.
    assert_eq!(
        (&first["redriven"], &second["redriven"]),
        (&json!(1), &json!(0))
    );
    wait_for(&rig, instance, "NOTIFIED", 1).await?;
    rig.world().change(&Change::create("Contacts"))?;
    wait_for(&rig, instance, "NOTIFIED", 2).await?;
    let ids: Vec<_> = rig
        .receiver
        .accepted()
        .into_iter()
        .map(|r| r.webhook_id)
        .collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    let letters = rig.client.must(Method::GET, "/dead-letters", None).await?;
    assert_eq!(letters, json!([]));
    rig.stop().await
}
