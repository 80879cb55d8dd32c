//! The control API over HTTP.

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Rig, eventually};

#[tokio::test]
async fn records_are_seeded_changed_and_seen_in_the_ledger() {
    let rig = Rig::with_contacts(0).await;

    let seeded = rig
        .command_json(
            Method::POST,
            "/seed",
            json!({"object": "Leads", "count": 3}),
        )
        .await;
    let id = &seeded.json()["first_id"];
    let change =
        json!({"object": "Leads", "action": "update", "id": id, "fields": {"FIRST_NAME": "Ada"}});
    let changed = rig.command_json(Method::POST, "/change", change).await;
    let ledger = rig
        .send(rig.command(Method::GET, "/ledger?object=Leads&seeded=false"))
        .await;
    let state = rig
        .send(rig.command(Method::GET, "/state?object=Leads"))
        .await;

    assert_eq!(seeded.status, StatusCode::CREATED);
    assert_eq!(rig.get("/Leads").await.records()[0]["FIRST_NAME"], "Ada");
    let lines: Vec<Value> = ledger
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, [changed.json()]);
    assert_eq!(lines[0]["kind"], "updated");
    assert_eq!(lines[0]["revision"], 2);
    assert_eq!(lines[0]["updated"], "2026-06-01T12:00:00Z");
    assert_eq!(lines[0]["first_served_at"], json!(null));
    assert_eq!(state.text.lines().count(), 3);
}

#[tokio::test]
async fn faults_are_set_listed_and_taken_back() {
    let rig = Rig::with_contacts(1).await;
    let rule = json!({"kind": "status", "status": 503, "retry_after": 2, "object": "Contacts"});

    let made = rig.command_json(Method::POST, "/faults", rule).await;
    let failed = rig.get("/Contacts").await;
    let listed = rig.send(rig.command(Method::GET, "/faults")).await.json();
    let path = format!("/faults/{}", made.json()["id"]);
    let taken_back = rig.send(rig.command(Method::DELETE, &path)).await;
    let again = rig.send(rig.command(Method::DELETE, &path)).await;

    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(listed[0]["kind"], "status");
    assert_eq!(listed[0]["retry_after"], 2);
    assert_eq!(taken_back.status, StatusCode::NO_CONTENT);
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/Contacts").await.status, StatusCode::OK);
}

#[tokio::test]
async fn streams_are_started_watched_and_stopped() {
    let rig = Rig::with_contacts(5).await;
    let stream = json!({"rate": 1000, "count": 30, "mix": {"create": 1, "update": 1}, "objects": {"Contacts": 1}});

    let started = rig.command_json(Method::POST, "/streams", stream).await;
    eventually("the end of the stream", || rig.control.streams()[0].done).await;
    let progress = rig.send(rig.command(Method::GET, "/streams")).await.json();
    rig.send(rig.command(Method::DELETE, "/streams")).await;

    assert_eq!(started.status, StatusCode::CREATED);
    assert_eq!(progress[0]["applied"], 30);
    assert!(rig.control.streams().is_empty());
}

#[tokio::test]
async fn clock_behaviour_limits_keys_and_accounts_can_be_changed() {
    let rig = Rig::with_contacts(1).await;

    let clock = rig
        .command_json(Method::PUT, "/clock", json!({"offset_ms": 60_000}))
        .await;
    let behaviour = json!({"updated_after": "exclusive", "order": "shuffled", "page_limit": 50});
    let behaviour = rig
        .command_json(Method::PATCH, "/behaviour", behaviour)
        .await;
    let limits = rig
        .command_json(
            Method::PUT,
            "/limits",
            json!({"per_second": 3, "per_day": 40}),
        )
        .await;
    let key = rig
        .command_json(
            Method::PUT,
            "/keys",
            json!({"key": "new", "forbidden": ["Leads"]}),
        )
        .await;
    let account = rig
        .command_json(
            Method::POST,
            "/accounts",
            json!({"name": "b", "keys": ["key-b"]}),
        )
        .await;

    assert_eq!(clock.json()["now"], "2026-06-01T12:01:00Z");
    assert_eq!(behaviour.json()["order"], "shuffled");
    assert_eq!(
        (limits.status, key.status),
        (StatusCode::NO_CONTENT, StatusCode::NO_CONTENT)
    );
    assert_eq!(account.status, StatusCode::CREATED);
    let leads = rig.send(rig.as_key("new", Method::GET, "/Leads")).await;
    assert_eq!(leads.status, StatusCode::FORBIDDEN);
    assert_eq!(leads.header("x-ratelimit-limit"), Some("40"));
    assert_eq!(
        rig.send(rig.as_key("key-b", Method::GET, "/Contacts"))
            .await
            .records()
            .len(),
        1
    );
    let accounts = rig.send(rig.command(Method::GET, "/accounts")).await.json();
    assert_eq!(accounts[1]["name"], "b");
}

#[tokio::test]
async fn statistics_are_shown_and_set_back() {
    let rig = Rig::with_contacts(1).await;
    rig.get("/Contacts").await;

    let before = rig
        .send(rig.command(Method::GET, "/statistics"))
        .await
        .json();
    rig.send(rig.command(Method::DELETE, "/statistics")).await;
    let after = rig
        .send(rig.command(Method::GET, "/statistics"))
        .await
        .json();

    assert_eq!(before["requests"]["GET /v3.1/Contacts 200"], 1);
    assert_eq!(before["by_account"]["default"]["max_in_one_second"], 1);
    assert_eq!(after["requests"], json!({}));
    assert_eq!(after["by_account"]["default"]["max_in_one_second"], 0);
}

#[rstest]
#[case(Method::POST, "/seed", json!({"object": "Contact", "count": 1}), 404)]
#[case(Method::POST, "/seed", json!({"object": "Contacts", "cuont": 1}), 400)]
#[case(Method::POST, "/change", json!({"object": "Contacts", "action": "update", "id": 1}), 404)]
#[case(Method::POST, "/change", json!({"object": "Contacts", "action": "create", "fields": {"FIRST_NAME": 1}}), 400)]
#[case(Method::POST, "/streams", json!({"rate": -1}), 400)]
#[case(Method::POST, "/faults", json!({"kind": "latencyy"}), 400)]
#[case(Method::POST, "/accounts", json!({"name": "default", "keys": []}), 400)]
#[case(Method::PUT, "/keys", json!({"key": "x", "account": "nobody"}), 404)]
#[case(Method::PUT, "/clock", json!({}), 400)]
#[tokio::test]
async fn mistakes_are_explained(
    #[case] method: Method,
    #[case] path: &str,
    #[case] body: Value,
    #[case] status: u16,
) {
    let rig = Rig::with_contacts(0).await;

    let answer = rig.command_json(method, path, body).await;

    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert!(!answer.json()["message"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn the_index_names_every_path_and_views_can_be_cut() {
    let rig = Rig::with_contacts(9).await;

    let index = rig.send(rig.command(Method::GET, "")).await;
    let part = rig
        .send(rig.command(Method::GET, "/ledger?object=Contacts&skip=7&limit=5"))
        .await;
    let wrong = rig
        .send(rig.command(Method::GET, "/ledger?objekt=Contacts"))
        .await;

    for path in [
        "seed",
        "change",
        "streams",
        "faults",
        "clock",
        "behaviour",
        "statistics",
        "ledger",
        "state",
        "keys",
    ] {
        assert!(index.text.contains(path), "{path}");
    }
    assert_eq!(part.text.lines().count(), 2);
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}
