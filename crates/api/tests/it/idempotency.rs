//! `Idempotency-Key`: done once, answered as often as it is asked.

use std::time::Duration;

use ie_simulator::{Fault, Rule};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::rig::{Answer, Rig, body, id, path};

const KEY: &str = "0c3c1f4e-9a51-4b0e-8c11-7d7d4a1e2b90";

fn is_replayed(answer: &Answer) -> bool {
    let header = answer.headers.get("idempotency-replayed");
    header.is_some_and(|value| value == "true")
}

/// Each answer of Insightly takes so long from now on.
fn slow(rig: &Rig, milliseconds: u64) {
    let latency = Fault::Latency {
        min_ms: milliseconds,
        max_ms: milliseconds,
    };
    rig.insightly.control().misbehave(Rule::always(latency));
}

/// Sends a request that nobody waits for once `reached` says that it is under way.
async fn abandon(request: impl Future<Output = Answer>, reached: impl AsyncFn() -> bool) {
    let watch = async {
        while !reached().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answer = request => panic!("answered: {answer:?}"),
        watched = timeout(Duration::from_secs(20), watch) => watched.unwrap(),
    }
}

async fn instances(rig: &Rig) -> usize {
    let listed = rig.get("/instances").await.ok();
    listed.as_array().unwrap().len()
}

#[tokio::test]
async fn an_instance_is_created_once_and_its_secrets_are_told_again() {
    let rig = Rig::start().await;
    let body = body(&json!({}));

    let first = rig.post_once("/instances", KEY, &body).await;
    let again = rig.post_once("/instances", KEY, &body).await;

    assert!(!is_replayed(&first) && is_replayed(&again));
    assert_eq!(first.headers["content-type"], again.headers["content-type"]);
    let (first, again) = (first.ok(), again.ok());
    assert!(
        first["webhookSecret"]
            .as_str()
            .unwrap()
            .starts_with("whsec_")
    );
    assert_eq!(first, again);
    assert_eq!(instances(&rig).await, 1);
    for file in std::fs::read_dir(rig.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let secret = first["webhookSecret"].as_str().unwrap().as_bytes();
        let is_there = bytes.windows(secret.len()).any(|part| part == secret);
        assert!(!is_there, "the stored answer is sealed");
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_user() {
    let rig = Rig::start().await;
    let other = rig.other_organization().await;
    let instance = rig.post_once("/instances", KEY, &body(&json!({}))).await;
    let instance = instance.ok();
    let poll = format!("{}/poll", path(&instance));

    let another_body = body(&json!({"event.objects": "contacts"}));
    let another_body = rig.post_once("/instances", KEY, &another_body).await;
    let another_path = rig.post_once(&poll, KEY, &json!({})).await;
    let another_user = rig
        .send_once("/instances", &other, KEY, &body(&json!({})))
        .await;

    for refused in [another_body, another_path] {
        let why = refused.refused(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(why.contains("it was used for another request"), "{why}");
    }
    assert!(!is_replayed(&another_user));
    assert_ne!(another_user.ok()["id"], instance["id"]);
    assert_eq!(instances(&rig).await, 1);
}

#[tokio::test]
async fn a_refused_request_gives_its_key_back() {
    let rig = Rig::start().await;

    let refused = rig
        .post_once("/instances", KEY, &json!({"name": " "}))
        .await;
    let mended = rig.post_once("/instances", KEY, &body(&json!({}))).await;

    refused.refused(StatusCode::BAD_REQUEST);
    mended.ok();
}

#[tokio::test]
async fn what_insightly_does_not_answer_is_tried_again_under_the_same_key() {
    let rig = Rig::start().await;
    let down = Fault::Status {
        status: 503,
        retry_after: None,
    };
    rig.insightly.control().misbehave(Rule::always(down));

    let refused = rig.post_once("/instances", KEY, &body(&json!({}))).await;
    rig.insightly.control().behave();
    let again = rig.post_once("/instances", KEY, &body(&json!({}))).await;

    assert!(refused.status.is_server_error(), "{refused:?}");
    again.ok();
    assert_eq!(instances(&rig).await, 1);
}

#[tokio::test]
async fn of_two_at_once_one_is_done_and_the_other_may_come_again() {
    let rig = Rig::start().await;
    slow(&rig, 300);
    let body = body(&json!({}));

    let (one, two) = tokio::join!(
        rig.post_once("/instances", KEY, &body),
        rig.post_once("/instances", KEY, &body)
    );

    let (done, under_way) = if one.status == StatusCode::OK {
        (one, two)
    } else {
        (two, one)
    };
    assert_eq!(under_way.headers["retry-after"], "60");
    let why = under_way.refused(StatusCode::CONFLICT);
    assert!(why.contains("is under way"), "{why}");
    let again = rig.post_once("/instances", KEY, &body).await;
    assert_eq!(again.ok(), done.ok());
    assert_eq!(instances(&rig).await, 1);
}

#[tokio::test]
async fn a_request_goes_on_when_its_client_goes_away() {
    let rig = Rig::start().await;
    slow(&rig, 300);
    let body = body(&json!({}));
    let asked = async || rig.insightly.control().statistics().connections > 0;

    let request = rig.post_once("/instances", KEY, &body);
    abandon(request, asked).await;

    let answered = async {
        loop {
            let again = rig.post_once("/instances", KEY, &body).await;
            if again.status != StatusCode::CONFLICT {
                return again;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let again = timeout(Duration::from_secs(20), answered).await.unwrap();
    assert!(is_replayed(&again), "{again:?}");
    again.ok();
    assert_eq!(instances(&rig).await, 1);
}

#[tokio::test]
async fn an_instance_whose_process_died_is_created_by_the_next() {
    let mut rig = Rig::start().await;
    slow(&rig, 60_000);
    let body = body(&json!({}));
    let asked = async || rig.insightly.control().statistics().connections > 0;
    let request = rig.post_once("/instances", KEY, &body);
    abandon(request, asked).await;

    rig.restart().await;
    rig.insightly.control().behave();
    let early = rig.post_once("/instances", KEY, &body).await;
    rig.clock.advance(Duration::from_secs(60));
    let later = rig.post_once("/instances", KEY, &body).await;

    early.refused(StatusCode::CONFLICT);
    assert!(!is_replayed(&later));
    later.ok();
    assert_eq!(instances(&rig).await, 1);
}

#[tokio::test]
async fn what_may_have_had_its_effect_is_not_done_again() {
    let mut rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let test = format!("{}/test-event", path(&instance));
    let events = async || {
        let listed = rig.get("/instances/events").await.ok();
        listed.as_array().unwrap().len()
    };
    let before = events().await;
    // No dispatcher is there: the test waits for its outcome.
    let nothing = json!({});
    let request = rig.post_once(&test, KEY, &nothing);
    abandon(request, async || events().await != before).await;

    rig.restart().await;
    let early = rig.post_once(&test, KEY, &json!({})).await;
    rig.clock.advance(Duration::from_secs(60));
    let later = rig.post_once(&test, KEY, &json!({})).await;

    let why = early.refused(StatusCode::CONFLICT);
    assert!(why.contains("is under way"), "{why}");
    let why = later.refused(StatusCode::CONFLICT);
    assert!(
        why.contains("began at 2026-11-24T10:00:00Z and did not end"),
        "{why}"
    );
}

#[tokio::test]
async fn a_record_is_created_once_and_a_redrive_counts_once() {
    let rig = Rig::with(&[("HUB_REQUESTS_PER_SECOND", "1000")]).await;
    let (instance, _) = rig.failed(2).await;
    let instance = rig.get(&format!("/instances/{instance}")).await.ok();
    let token = instance["token"].as_str().unwrap();
    let element = format!("{}, Element {token}", rig.credentials());
    let contact = json!({"FIRST_NAME": "Kim"});
    let contacts = "/hubs/crm/contacts";

    let first = rig.send_once(contacts, &element, KEY, &contact).await.ok();
    let again = rig.send_once(contacts, &element, KEY, &contact).await.ok();
    let redrive = json!({"instanceId": id(&instance)});
    let one = rig.post_once("/dead-letters/redrive", "redrive", &redrive);
    let one = one.await.ok();
    let two = rig.post_once("/dead-letters/redrive", "redrive", &redrive);
    let two = two.await.ok();

    assert_eq!(first["CONTACT_ID"], again["CONTACT_ID"]);
    let state = rig.insightly.control().state("Contacts").unwrap();
    assert_eq!(state.len(), 1);
    assert_eq!((&one["redriven"], &two["redriven"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_key_is_free_again_after_its_retention() {
    let rig = Rig::start().await;
    let body = body(&json!({}));
    rig.post_once("/instances", KEY, &body).await.ok();

    rig.clock.advance(Duration::from_secs(24 * 60 * 60));
    let anew = rig.post_once("/instances", KEY, &body).await;

    assert!(!is_replayed(&anew));
    anew.ok();
    assert_eq!(instances(&rig).await, 2);
}

#[rstest]
#[case::blank(" ")]
#[case::long(&"x".repeat(256))]
#[tokio::test]
async fn a_key_of_another_form_is_refused(#[case] key: &str) {
    let rig = Rig::start().await;

    let refused = rig.post_once("/instances", key, &body(&json!({}))).await;

    let why = refused.refused(StatusCode::BAD_REQUEST);
    assert!(
        why.starts_with("Idempotency-Key: expected 1 to 255"),
        "{why}"
    );
}

#[tokio::test]
async fn without_credentials_a_key_opens_nothing() {
    let rig = Rig::start().await;
    let body = body(&json!({}));
    rig.post_once("/instances", KEY, &body).await.ok();

    let stranger = "User nobody, Organization nowhere";
    let refused = rig.send_once("/instances", stranger, KEY, &body).await;

    refused.refused(StatusCode::UNAUTHORIZED);
    let reader = rig.credentials().replace("the-secret", "another");
    let refused = rig
        .send_once("/instances", &reader, KEY, &Value::Null)
        .await;
    refused.refused(StatusCode::UNAUTHORIZED);
}
