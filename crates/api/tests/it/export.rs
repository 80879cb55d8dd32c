//! `GET /dead-letters/export`.

use ie_model::{ErrorClass, NotificationStatus};
use reqwest::{Method, Response, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::rig::{Rig, id};

async fn export(rig: &Rig, query: &str) -> Response {
    let path = format!("/dead-letters/export?{query}");
    rig.open(Method::GET, &path, Some(rig.credentials()), "")
        .await
}

/// Everything that comes, and whether it came to its end.
async fn read(mut response: Response) -> (String, bool) {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend(chunk),
            ended => return (String::from_utf8(bytes).unwrap(), ended.is_ok()),
        }
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn every_dead_letter_is_a_line_in_the_form_in_which_it_is_shown() {
    let rig = Rig::start().await;
    let (_, first) = rig.failed(45).await;
    let (_, second) = rig.failed(1).await;

    let response = export(&rig, "").await;
    let head = response.headers().clone();
    let (text, whole) = read(response).await;

    assert_eq!(head["content-type"], "application/x-ndjson");
    assert!(whole);
    let lines = lines(&text);
    let ids: Vec<_> = lines.iter().map(|line| line["id"].clone()).collect();
    let expected: Vec<_> = first
        .iter()
        .chain(&second)
        .map(ToString::to_string)
        .collect();
    assert_eq!(ids, expected);
    for index in [0, 44, 45] {
        let shown = format!("/dead-letters/{}", expected[index]);
        assert_eq!(lines[index], rig.get(&shown).await.ok());
    }
    let attempt = &lines[45]["notifiedData"][0];
    assert_eq!(
        (
            &attempt["statusCode"],
            &attempt["errorClass"],
            &attempt["response"]
        ),
        (&json!(500), &json!("server"), &json!("oops"))
    );
    assert!(lines[45]["body"].as_str().unwrap().contains("CONTACT_ID"));
}

#[tokio::test]
async fn an_export_is_of_what_its_caller_owns_and_its_filter_leaves() {
    let rig = Rig::start().await;
    let (instance, ids) = rig.failed(2).await;
    rig.failed(1).await;
    let silent = rig.notifications(instance, 1).await[0];
    rig.fail_as(silent, NotificationStatus::Failed, ErrorClass::Timeout)
        .await;

    let of_class = export(&rig, &format!("instanceId={instance}&errorClass=server")).await;
    let refused = export(&rig, "errorClass=slow").await;
    let stranger = rig.other_organization().await;
    let others = rig
        .open(Method::GET, "/dead-letters/export", Some(&stranger), "")
        .await;

    let (text, _) = read(of_class).await;
    let found: Vec<_> = lines(&text).iter().map(|line| line["id"].clone()).collect();
    assert_eq!(found, [ids[0].to_string(), ids[1].to_string()]);
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(read(others).await, (String::new(), true));
}

#[tokio::test]
async fn a_fault_in_the_middle_breaks_the_connection_off() {
    let rig = Rig::start().await;
    let (_, ids) = rig.failed(50).await;
    rig.store.break_body(ids[45]).await.unwrap();

    let (text, whole) = read(export(&rig, "").await).await;

    assert!(!whole, "it ended as if it were complete");
    let read = lines(&text).len();
    assert!(read <= 45, "{read} lines");
}

#[tokio::test]
async fn a_fault_before_the_first_line_is_an_answer() {
    let rig = Rig::start().await;
    let (_, ids) = rig.failed(1).await;
    rig.store.break_body(ids[0]).await.unwrap();

    let response = export(&rig, "").await;

    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn what_a_client_has_not_taken_is_not_read_ahead() {
    // Given dead letters that are larger together than what lies in sockets on the way,
    let rig = Rig::start().await;
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let large = |notification: &mut ie_model::Notification| {
        let body = json!({"padding": "x".repeat(400_000)}).to_string();
        notification.body = RawValue::from_string(body).unwrap();
    };
    let ids = rig.notifications_with(instance, 150, large).await;
    for id in &ids {
        rig.fail(*id, NotificationStatus::Failed).await;
    }

    // when the client does not read on before they are discarded,
    let response = export(&rig, "").await;
    let all = json!({"instanceId": instance});
    let discarded = rig.post("/dead-letters/discard", &all).await.ok();

    // then only those on their way come.
    assert_eq!(discarded["discarded"], 150);
    let (text, whole) = read(response).await;
    let read = lines(&text).len();
    assert!(whole && (20..150).contains(&read), "{read} lines");
}
