//! What operators do with secrets and dead letters in bulk, and what the system tells them.

use std::time::Duration;

use ie_model::{Attempt, ErrorClass, InstanceId, NotificationStatus};
use ie_store::{AttemptRecord, Life};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::browser::{Browser, PASSWORD};
use crate::rig::{Rig, id};
use crate::sign_in::user;

fn told(html: &str, id: &str) -> String {
    let (_, rest) = html.split_once(&format!("<output id=\"{id}\"")).unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_webhook_secret_and_a_hint_url_are_rotated_and_told_once() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let created = rig.instance(&json!({})).await;
    let page = format!("/dashboard/instances/{}", id(&created));
    let path = format!("{page}/secrets");
    let asks = browser.get(&path).await.ok();
    assert!(
        asks.contains("data-ask=\"Replace the webhook secret?"),
        "{asks}"
    );

    let webhook = [("rotate", "webhook"), ("grace", "24")];
    let webhook = browser.post(&path, &webhook).await.ok();
    let hint = browser.post(&path, &[("rotate", "hint")]).await.ok();

    let secret = told(&webhook, "webhook-secret");
    assert!(secret.starts_with("whsec_") && created["webhookSecret"] != secret.as_str());
    assert!(webhook.contains("signs as well until"), "{webhook}");
    assert!(
        webhook.contains("data-copy=\"webhook-secret\""),
        "{webhook}"
    );
    let stored = rig.get(&format!("/instances/{}", id(&created))).await.ok();
    assert_eq!(stored["hintUrl"], told(&hint, "hint-url"));
    assert_ne!(stored["hintUrl"], created["hintUrl"]);
    let shown = browser.get(&page).await.ok();
    assert!(!shown.contains("whsec_"), "{shown}");
    for odd in [
        [("rotate", "token"), ("grace", "24")],
        [("rotate", "webhook"), ("grace", "5")],
    ] {
        let refused = browser.post(&path, &odd).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.html);
    }
}

#[tokio::test]
async fn who_may_only_look_is_offered_no_rotation() {
    let rig = Rig::start().await;
    user(&rig, "lee", ie_model::Role::ReadOnly).await;
    let lee = Browser::signed_in_as(&rig, "lee", PASSWORD).await;
    let path = format!(
        "/dashboard/instances/{}/secrets",
        id(&rig.instance(&json!({})).await)
    );

    let page = lee.get(&path).await.ok();
    let refused = lee.post(&path, &[("rotate", "hint")]).await;

    assert!(!page.contains("name=\"rotate\""), "{page}");
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

/// The fields of the form that moves a run on.
fn fields(html: &str) -> Vec<(String, String)> {
    let page = crate::browser::Page {
        status: StatusCode::OK,
        headers: reqwest::header::HeaderMap::default(),
        html: html.to_owned(),
    };
    ["do", "total", "done", "after", "began"]
        .map(|name| (name.to_owned(), page.field(name)))
        .to_vec()
}

#[tokio::test]
async fn all_of_a_kind_are_redriven_a_part_at_a_time_and_a_reload_goes_on() {
    let rig = Rig::with(&[("REDRIVE_LIMIT", "2"), ("REDRIVE_RATE", "1000")]).await;
    let browser = Browser::signed_in(&rig).await;
    let (instance, ids) = rig.failed(5).await;
    rig.clock.advance(Duration::from_secs(60));
    let group = format!("/dashboard/dead-letters/{instance}/server");
    let begun = browser.post(&group, &[("do", "redrive-all")]).await;
    let mut html = browser.get(begun.location()).await.ok();
    assert!(
        html.contains("0 of 5 redriven") && html.contains("hx-trigger=\"load"),
        "{html}"
    );

    // What dies meanwhile is not meant, and neither is what dies again.
    let late = rig.notifications(instance, 1).await[0];
    rig.fail(late, NotificationStatus::Failed).await;
    let mut told = Vec::new();
    while html.contains("name=\"after\"") {
        let sent = fields(&html);
        let sent: Vec<(&str, &str)> = sent.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let moved = browser.post(&format!("{group}/run"), &sent).await;
        html = browser.get(moved.location()).await.ok();
        rig.fail(ids[0], NotificationStatus::Failed).await;
        let (_, rest) = html.split_once("<h2 id=\"progress\">").unwrap();
        told.push(rest.split('<').next().unwrap().to_owned());
    }

    assert_eq!(told, ["2 of 5 redriven", "4 of 5 redriven", "All redriven"]);
    let status = async |id| rig.store.notification(id).await.unwrap().unwrap().status;
    assert_ne!(status(ids[4]).await, NotificationStatus::Failed);
    assert_eq!(status(late).await, NotificationStatus::Failed);
}

#[tokio::test]
async fn all_of_a_kind_are_discarded_and_no_link_from_elsewhere_does_it() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let (instance, ids) = rig.failed(3).await;
    rig.clock.advance(Duration::from_secs(60));
    let group = format!("/dashboard/dead-letters/{instance}/server");
    let begun = browser.post(&group, &[("do", "discard-all")]).await;
    let own = begun.location().to_owned();
    let (unmarked, _) = own.split_once("&mark=").unwrap();

    let link = browser.get(unmarked).await.ok();
    let page = browser.get(&own).await.ok();

    assert!(
        !link.contains("hx-trigger") && link.contains("Go on"),
        "{link}"
    );
    assert!(page.contains("hx-trigger=\"load"), "{page}");
    let sent = fields(&page);
    let sent: Vec<(&str, &str)> = sent.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let done = browser.post(&format!("{group}/run"), &sent).await;
    let done = browser.get(done.location()).await.ok();
    assert!(done.contains("All discarded"), "{done}");
    let status = rig
        .store
        .notification(ids[2])
        .await
        .unwrap()
        .unwrap()
        .status;
    assert_eq!(status, NotificationStatus::Discarded);
}

#[tokio::test]
async fn dead_letters_are_exported_as_the_filter_has_them() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let (instance, ids) = rig.failed(2).await;
    let other = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let silent = rig.notifications(other, 1).await[0];
    rig.fail_as(silent, NotificationStatus::Failed, ErrorClass::Timeout)
        .await;
    let groups = browser.get("/dashboard/dead-letters").await.ok();
    assert!(
        groups.contains("/dashboard/dead-letters/export"),
        "{groups}"
    );

    let all = browser.get("/dashboard/dead-letters/export").await;
    let some = format!("/dashboard/dead-letters/{instance}/server/export");
    let some = browser.get(&some).await;

    assert!(
        all.header("content-disposition")
            .contains("dead-letters.jsonl")
    );
    assert_eq!(all.header("content-type"), "application/x-ndjson");
    let letters = |text: String| -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|line| line["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected: Vec<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(letters(some.ok()), expected);
    assert_eq!(letters(all.ok()).len(), 3);
}

#[tokio::test]
async fn recent_errors_are_told_in_plain_words_with_what_helps() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let (instance, _) = rig.failed(2).await;
    let page = format!("/dashboard/instances/{instance}");
    let again = rig.notifications(instance, 1).await[0];
    rig.fail_as(again, NotificationStatus::Dispatched, ErrorClass::Dns)
        .await;

    let html = browser.get(&page).await.ok();

    assert!(html.contains("Recent errors"), "{html}");
    assert!(
        html.contains("The callback fails (5xx)") && html.contains("look at its log"),
        "{html}"
    );
    assert!(
        html.contains("has no address") && html.contains("its DNS record"),
        "{html}"
    );
    assert!(
        html.contains(&format!("/dead-letters/{instance}/server")),
        "{html}"
    );
    assert!(
        !html.contains(&format!("/dead-letters/{instance}/dns")),
        "not a dead letter"
    );
    let well = id(&rig.instance(&json!({})).await);
    let html = browser
        .get(&format!("/dashboard/instances/{well}"))
        .await
        .ok();
    assert!(!html.contains("Recent errors"), "{html}");
}

#[tokio::test]
async fn the_system_tells_who_works_and_what_to_look_at() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let (instance, _) = rig.failed(1).await;
    let now = ie_platform::Clock::now(&rig.clock);
    let life = Life {
        id: "one",
        services: &["scheduler", "fetcher", "api"],
        version: "1.2.3",
        host: "worker-3",
        started_at: now,
    };
    rig.store.beat(&life, now).await.unwrap();
    let why = Some("Authorization has been denied");
    rig.store
        .set_validity(InstanceId(instance), false, why, now)
        .await
        .unwrap();

    let html = browser.part("/dashboard/system/numbers").await.ok();

    for text in [
        "No dispatcher has been seen",
        "1 instance has a key that Insightly refuses",
        "1 event became a dead letter within the last hour",
        "worker-3",
        "1.2.3",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("No fetcher has been seen"), "{html}");
    rig.clock.advance(Duration::from_secs(300));
    let later = browser.part("/dashboard/system/numbers").await.ok();
    assert!(
        later.contains("No fetcher has been seen") && later.contains("Missing"),
        "{later}"
    );
}

#[tokio::test]
async fn charts_tell_how_long_deliveries_took() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let (instance, _) = rig.failed(2).await;
    let accepted = rig.notifications(instance, 1).await[0];
    rig.clock.advance(Duration::from_secs(3));
    let record = AttemptRecord {
        attempt: Attempt {
            notification: accepted,
            number: 1,
            at: ie_platform::Clock::now(&rig.clock),
            duration_ms: 0,
            status_code: Some(200),
            error: None,
            response: None,
            error_class: None,
            headers: None,
        },
        status: NotificationStatus::Notified,
        due_at: None,
    };
    rig.store.record_attempts(&[record]).await.unwrap();

    let chart = async |path: String| -> Value {
        serde_json::from_str(&browser.get(&path).await.ok()).unwrap()
    };
    let lag = chart(format!("/dashboard/instances/{instance}/lag")).await;
    let all = chart("/dashboard/system/lag".to_owned()).await;
    let throughput = chart("/dashboard/system/throughput".to_owned()).await;

    let sum = |values: &Value| -> f64 {
        let values = values.as_array().unwrap().iter();
        values.filter_map(Value::as_f64).sum()
    };
    assert_eq!((&lag["unit"], &lag), (&json!("s"), &all));
    assert_eq!(sum(&lag["series"][1]["values"]), 3.0);
    assert_eq!(sum(&throughput["series"][0]["values"]), 1.0);
    assert_eq!(sum(&throughput["series"][1]["values"]), 2.0);
}
