//! The dashboard's pages: what they show, what they do, and whose they are.

use ie_model::NotificationStatus;
use reqwest::StatusCode;
use serde_json::json;

use crate::browser::Browser;
use crate::rig::{KEY, OTHER_KEY, Rig, id};

/// The fields of the form for a new instance.
fn fields<'a>(name: &'a str, password: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", name),
        ("tags", "sales, eu"),
        ("username", "me@example.com"),
        ("password", password),
        ("callback", "https://example.com/events"),
        ("enabled", "on"),
        ("interval", "15"),
        ("resource", "contacts"),
        ("resource", "leads"),
    ]
}

#[tokio::test]
async fn an_instance_is_created_and_its_secrets_are_told_once() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;

    let page = browser
        .post("/dashboard/instances", &fields("It's mine", KEY))
        .await;

    let html = page.ok();
    let stored = rig.get("/instances").await.ok()[0].clone();
    assert_eq!(stored["name"], "It's mine");
    assert_eq!(stored["tags"], json!(["sales", "eu"]));
    assert_eq!(
        stored["configuration"]["event.poller.configuration"],
        json!({"contacts": {}, "leads": {}})
    );
    let token = stored["token"].as_str().unwrap();
    assert!(html.contains(token) && html.contains("whsec_"), "{html}");
    assert!(html.contains("curl -X POST"), "{html}");
    assert!(!html.contains(KEY), "the key is not sent back");
    let page = browser
        .get(&format!("/dashboard/instances/{}", stored["id"]))
        .await
        .ok();
    assert!(!page.contains(token) && !page.contains("whsec_"), "{page}");
    assert!(page.contains("Healthy"), "{page}");
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_nothing_is_stored() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let mut wrong = fields("", KEY);
    wrong.push(("config.contacts", r#"{"idField": "CONTACT"}"#));

    let page = browser.post("/dashboard/instances", &wrong).await;

    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.html.contains("2 things to mend."), "{}", page.html);
    assert!(page.html.contains("CONTACT_ID"), "the nearest field");
    assert!(!page.html.contains(KEY), "the key is not sent back");
    let refused = browser
        .post("/dashboard/instances", &fields("x", "no key"))
        .await;
    assert!(
        refused.html.contains("refuses the API key"),
        "{}",
        refused.html
    );
    assert_eq!(rig.get("/instances").await.ok(), json!([]));
}

#[tokio::test]
async fn what_is_being_typed_is_checked_and_blank_fields_are_left_in_peace() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let mut typed = fields("", "");
    typed.push(("config.leads", "{"));

    let html = browser
        .post("/dashboard/instances/check", &typed)
        .await
        .ok();

    assert!(html.contains("One thing to mend."), "{html}");
    assert!(html.contains("This is no JSON"), "{html}");
    let html = browser
        .post("/dashboard/instances/check", &fields("x", KEY))
        .await
        .ok();
    assert!(html.contains("Everything fits together."), "{html}");
}

#[tokio::test]
async fn an_instance_is_edited_and_keeps_its_key() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    let path = format!("/dashboard/instances/{}", id(&instance));
    let form = browser.get(&format!("{path}/edit")).await.ok();
    assert!(form.contains("value=\"contacts\" checked"), "{form}");

    let saved = browser
        .post(&format!("{path}/edit"), &fields("Renamed", ""))
        .await;

    assert_eq!(saved.location(), path);
    let stored = rig.get("/instances").await.ok()[0].clone();
    assert_eq!(stored["name"], "Renamed");
    assert_eq!(stored["valid"], true);
    let records = format!("/instances/{}/event-poller-records", id(&instance));
    assert_eq!(rig.get(&records).await.ok().as_array().unwrap().len(), 2);
    browser
        .post(&format!("{path}/edit"), &fields("Other", OTHER_KEY))
        .await
        .location();
}

#[tokio::test]
async fn an_instance_is_paused_resumed_polled_and_deleted() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let instance = rig.instance(&json!({})).await;
    let path = format!("/dashboard/instances/{}", id(&instance));

    browser.post(&format!("{path}/pause"), &[]).await.location();
    let paused = browser.get(&path).await.ok();
    browser
        .post(&format!("{path}/resume"), &[])
        .await
        .location();
    let polled = browser.post(&format!("{path}/poll"), &[]).await;

    assert!(paused.contains("Paused"), "{paused}");
    assert_eq!(polled.location(), format!("{path}?polled=4"));
    assert!(
        browser
            .get(polled.location())
            .await
            .ok()
            .contains("Polling now")
    );
    browser.get(&format!("{path}/delete")).await.ok();
    browser
        .post(&format!("{path}/delete"), &[])
        .await
        .location();
    assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn instances_are_searched_and_listed_in_pages() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let empty = browser.get("/dashboard/instances").await.ok();
    assert!(empty.contains("Create the first instance"), "{empty}");
    for _ in 0..51 {
        rig.instance(&json!({"event.objects": "contacts"})).await;
    }

    let first = browser.get("/dashboard/instances").await.ok();

    assert_eq!(first.matches("class=\"strong\"").count(), 50);
    let (_, next) = first
        .split_once("href=\"/dashboard/instances?search=")
        .unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    let second = browser
        .get(&format!("/dashboard/instances?search={next}"))
        .await
        .ok();
    assert_eq!(second.matches("class=\"strong\"").count(), 1);
    let part = browser
        .part("/dashboard/instances?search=nothing")
        .await
        .ok();
    assert!(
        part.contains("No instance fits") && !part.contains("<html"),
        "{part}"
    );
}

#[tokio::test]
async fn an_event_shows_its_payload_escaped_and_its_attempts() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let name = json!({"event.objects": "contacts"});
    let instance = id(&rig.instance(&name).await);
    let path = format!("/instances/{instance}");
    rig.patch(&path, &json!({"name": "<script>alert(1)</script>"}))
        .await
        .ok();
    let events = rig.notifications(instance, 2).await;
    rig.fail(events[0], NotificationStatus::Failed).await;

    let list = browser.get("/dashboard/events").await.ok();
    let page = browser
        .get(&format!("/dashboard/events/{}", events[0]))
        .await
        .ok();

    for html in [&list, &page] {
        assert!(!html.contains("<script>alert"), "{html}");
        assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    }
    assert!(list.contains("Failed") && list.contains("New"), "{list}");
    assert!(
        page.contains("CONTACT_ID") && page.contains("the callback answered 500"),
        "{page}"
    );
    let failed = browser
        .get("/dashboard/events?status=FAILED&live=off")
        .await
        .ok();
    assert_eq!(failed.matches("id=\"event-").count(), 1);
    let redelivered = format!("/dashboard/events/{}/redeliver", events[0]);
    let sent = browser.post(&redelivered, &[]).await;
    assert!(sent.location().ends_with("?sent=true"));
    let stored = rig.store.notification(events[0]).await.unwrap().unwrap();
    assert_ne!(stored.status, NotificationStatus::Failed);
    let again = browser.post(&redelivered, &[]).await;
    assert!(again.location().ends_with("?sent=false"));
}

#[tokio::test]
async fn dead_letters_are_grouped_redriven_and_discarded() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let none = browser.get("/dashboard/dead-letters").await.ok();
    assert!(none.contains("There is nothing to do"), "{none}");
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let events = rig.notifications(instance, 3).await;
    for event in &events {
        rig.fail(*event, NotificationStatus::Failed).await;
    }
    let group = format!("/dashboard/dead-letters/{instance}/server");

    let groups = browser.get("/dashboard/dead-letters").await.ok();
    let nothing = browser.post(&group, &[("do", "redrive")]).await;
    let first = events[0].to_string();
    let redriven = browser
        .post(&group, &[("do", "redrive"), ("id", &first)])
        .await;
    let second = events[1].to_string();
    let discarded = browser
        .post(&group, &[("do", "discard"), ("id", &second)])
        .await;

    assert!(
        groups.contains("3 dead letters") && groups.contains(&group),
        "{groups}"
    );
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    assert_eq!(redriven.location(), format!("{group}?redriven=1"));
    assert_eq!(discarded.location(), format!("{group}?discarded=1"));
    let page = browser.get(redriven.location()).await.ok();
    assert!(page.contains("1 dead letter redriven"), "{page}");
}

#[tokio::test]
async fn another_organizations_things_are_not_there() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let theirs = json!({"event.objects": "contacts"});
    let (created, _) = rig.foreign_instance(&theirs).await;
    let instance = id(&created);
    let event = rig.notifications(instance, 1).await[0];
    rig.fail(event, NotificationStatus::Failed).await;
    let own = format!("/dashboard/instances/{instance}");

    for path in [
        own.clone(),
        format!("{own}/status"),
        format!("{own}/chart"),
        format!("{own}/edit"),
        format!("{own}/delete"),
        format!("{own}/lag"),
        format!("{own}/secrets"),
        format!("/dashboard/events?instance={instance}"),
        format!("/dashboard/events/live?instance={instance}"),
        format!("/dashboard/events/{event}"),
        format!("/dashboard/dead-letters/{instance}/none"),
        format!("/dashboard/dead-letters/{instance}/none/export"),
        format!(
            "/dashboard/dead-letters/{instance}/none/run?do=discard&total=1&done=0&after=0&began=0"
        ),
    ] {
        let page = browser.get(&path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}: {}", page.html);
    }
    for (path, action) in [
        (format!("{own}/edit"), ""),
        (format!("{own}/poll"), ""),
        (format!("{own}/test"), ""),
        (format!("{own}/pause"), ""),
        (format!("{own}/resume"), ""),
        (format!("{own}/delete"), ""),
        (format!("{own}/secrets"), ""),
        (
            format!("/dashboard/dead-letters/{instance}/none/run"),
            "discard",
        ),
        (format!("/dashboard/events/{event}/redeliver"), ""),
        (
            format!("/dashboard/dead-letters/{instance}/none"),
            "redrive-all",
        ),
    ] {
        let page = browser.post(&path, &[("do", action)]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}: {}", page.html);
    }
}

#[tokio::test]
async fn another_organizations_things_are_not_listed_counted_or_tried() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let theirs = json!({"event.objects": "contacts"});
    let (created, _) = rig.foreign_instance(&theirs).await;
    let instance = id(&created);
    let event = rig.notifications(instance, 1).await[0];
    rig.fail(event, NotificationStatus::Failed).await;

    for path in [
        "/dashboard/instances",
        "/dashboard/events",
        "/dashboard/dead-letters",
    ] {
        let page = browser.get(path).await.ok();
        assert!(!page.contains("My CRM"), "{path}");
    }
    let instance = instance.to_string();
    for path in ["test-key", "test-callback"] {
        let fields = [
            ("instance", instance.as_str()),
            ("callback", "https://a.example"),
        ];
        let page = browser
            .post(&format!("/dashboard/instances/{path}"), &fields)
            .await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}: {}", page.html);
    }
    for path in ["system/chart", "system/lag", "system/throughput"] {
        let chart = browser.get(&format!("/dashboard/{path}")).await.ok();
        assert!(chart.contains("\"series\":[]"), "{path}: {chart}");
    }
    let export = browser.get("/dashboard/dead-letters/export").await.ok();
    assert_eq!(export, "");
    let system = browser.get("/dashboard/system").await.ok();
    assert!(!system.contains("dead letter within"), "{system}");
}

#[tokio::test]
async fn charts_count_events_and_the_system_tells_its_queues() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    rig.notifications(instance, 3).await;
    rig.clock.advance(std::time::Duration::from_secs(60));

    let chart = browser
        .get(&format!("/dashboard/instances/{instance}/chart"))
        .await
        .ok();
    let system = browser.get("/dashboard/system").await.ok();

    let chart: serde_json::Value = serde_json::from_str(&chart).unwrap();
    assert_eq!(chart["series"][0]["name"], "contacts");
    let values = chart["series"][0]["values"].as_array().unwrap();
    let sum: u64 = values.iter().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!((values.len(), sum), (60, 3));
    assert!(
        system.contains("Polls") && system.contains(env!("CARGO_PKG_VERSION")),
        "{system}"
    );
}
