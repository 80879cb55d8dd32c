//! `GET /instances/{id}/budget`.

use std::time::Duration;

use chrono::TimeDelta;
use ie_model::{AccountKey, InstanceId, Waiting};
use ie_store::{Ask, Note, PageCommit, Permit, Progress, Rate};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Rig, id, path};

async fn account(rig: &Rig, instance: &Value) -> AccountKey {
    let stored = rig.store.instance(InstanceId(id(instance))).await.unwrap();
    stored.unwrap().account
}

#[tokio::test]
async fn a_budget_that_was_never_asked_for_says_so() {
    let rig = Rig::start().await;
    let instance = rig
        .instance(&json!({"insightly.requests.per.second": 4, "insightly.requests.per.day": "500"}))
        .await;

    let budget = rig.get(&format!("{}/budget", path(&instance))).await.ok();

    let expected = json!({
        "account": account(&rig, &instance).await,
        "day": null,
        "limit": 500,
        "used": 0,
        "remaining": 500,
        "perSecond": 4.0,
        "heldUntil": null,
        "resetsAt": null,
        "latePolls": [],
        "stretchedBy": 1.0,
    });
    assert_eq!(budget, expected);
}

/// An account of 1000 requests of which one was sent and 400 are left, held and stretched.
async fn short_of_requests(rig: &Rig, account: &AccountKey) {
    let now = rig.context.clock.now();
    let ask = Ask::at_once(now);
    let permit = rig.store.take_permit(account, Rate::per_second(9.7), ask);
    assert_eq!(permit.await.unwrap(), Permit::Granted { at: now });
    let note = Note {
        limit: Some(1000),
        remaining: Some(400),
        ..Note::default()
    };
    rig.store.note_budget(account, note, now).await.unwrap();
    rig.store.set_stretch(account, 2.5, now).await.unwrap();
    let held = now + TimeDelta::seconds(30);
    rig.store.hold_account(account, held).await.unwrap();
}

/// Claims one poller and puts its poll off; gives its resource.
async fn postpone(rig: &Rig, waiting: Waiting, error: &str, hours: i64) -> String {
    let now = rig.context.clock.now();
    let lease = Duration::from_secs(60);
    let jobs = rig.store.claim_jobs(now, 1, lease).await.unwrap();
    let (poller, _) = rig.store.poll_context(&jobs[0]).await.unwrap().unwrap();
    let page = PageCommit::new(Progress::Postponed {
        waiting,
        error: error.to_owned(),
        next_due: now + TimeDelta::hours(hours),
        at: now,
    });
    rig.store.commit_page(poller.fence(), &page).await.unwrap();
    poller.resource
}

#[tokio::test]
async fn a_budget_says_what_is_left_and_which_polls_are_late() {
    let rig = Rig::start().await;
    let instance = rig
        .instance(&json!({"event.objects": "contacts|leads"}))
        .await;
    let path = path(&instance);
    rig.clock.advance(Duration::from_secs(60));
    short_of_requests(&rig, &account(&rig, &instance).await).await;
    let resource = postpone(&rig, Waiting::Budget, "used up", 14).await;

    let budget = rig.get(&format!("{path}/budget")).await.ok();

    assert_eq!(budget["day"], "2026-11-24");
    let counts = ["limit", "used", "remaining"].map(|name| budget[name].as_i64());
    assert_eq!(counts, [Some(1000), Some(1), Some(400)]);
    assert_eq!(budget["perSecond"], 9.7);
    assert_eq!(budget["stretchedBy"], 2.5);
    assert_eq!(budget["heldUntil"], "2026-11-24T10:01:30Z");
    assert_eq!(budget["resetsAt"], "2026-11-25T00:00:00Z");
    let late = budget["latePolls"].as_array().unwrap();
    assert_eq!((late.len(), &late[0]["reason"]), (1, &json!("budget")));
    assert_eq!(late[0]["resource"], resource);
    let records = rig.get(&format!("{path}/event-poller-records")).await.ok();
    let mut records = records.as_array().unwrap().iter();
    let record = records.find(|record| record["name"] == resource).unwrap();
    assert_eq!(record["status"], "waiting");
    assert_eq!(record["late"]["reason"], "budget");
}

#[tokio::test]
async fn the_next_day_begins_with_the_whole_limit() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    short_of_requests(&rig, &account(&rig, &instance).await).await;

    rig.clock.advance(Duration::from_secs(86_400));

    let budget = rig.get(&format!("{}/budget", path(&instance))).await.ok();
    assert_eq!(budget["day"], "2026-11-25");
    assert_eq!(
        (&budget["used"], &budget["remaining"]),
        (&json!(0), &json!(1000))
    );
    assert_eq!(budget["stretchedBy"], 1.0);
    assert_eq!(budget["heldUntil"], Value::Null);
}

#[tokio::test]
async fn a_check_of_a_key_is_counted() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let account = account(&rig, &instance).await;
    let now = rig.context.clock.now();
    let note = Note::default();
    rig.store.note_budget(&account, note, now).await.unwrap();

    rig.instance(&json!({})).await;

    let budget = rig.get(&format!("{}/budget", path(&instance))).await.ok();
    assert_eq!(budget["used"], 2);
}

#[tokio::test]
async fn an_object_that_the_account_may_not_read_is_said_to_be_skipped() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    rig.clock.advance(Duration::from_secs(60));
    postpone(&rig, Waiting::Skipped, "skipped: not for you", 6).await;

    let records = rig
        .get(&format!("{}/event-poller-records", path(&instance)))
        .await
        .ok();

    assert_eq!(records[0]["status"], "skipped");
    assert_eq!(records[0]["lastError"], "skipped: not for you");
    assert_eq!(records[0]["nextPollDate"], "2026-11-24T16:01:00Z");
    assert_eq!(rig.get(&path(&instance)).await.ok()["valid"], true);
}

#[tokio::test]
async fn the_budget_of_anothers_instance_is_not_shown() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let other = rig.other_organization().await;

    let path = format!("{}/budget", path(&instance));
    let answer = rig
        .send(reqwest::Method::GET, &path, Some(&other), "")
        .await;

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}
