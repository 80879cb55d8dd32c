//! Hints, polls on request, and the hint URL.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::InstanceId;
use ie_platform::http;
use ie_store::{PageCommit, Progress};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, id, path};

/// An instance of two resources whose first polls are over.
async fn polled(rig: &Rig) -> Value {
    let instance = rig
        .instance(&json!({"event.objects": "contacts|leads"}))
        .await;
    finish_polls(rig).await;
    instance
}

/// Claims what is due, and ends it.
async fn finish_polls(rig: &Rig) -> usize {
    rig.clock.advance(Duration::from_secs(10));
    let now = rig.context.clock.now();
    let jobs = claim(rig).await;
    for job in &jobs {
        let (poller, _) = rig.store.poll_context(job).await.unwrap().unwrap();
        let page = PageCommit::new(Progress::Finished {
            cursor: now,
            next_due: now + TimeDelta::minutes(15),
            planned: None,
            at: now,
        });
        rig.store.commit_page(poller.fence(), &page).await.unwrap();
    }
    jobs.len()
}

async fn claim(rig: &Rig) -> Vec<ie_model::PollJob> {
    let now = rig.context.clock.now();
    let lease = Duration::from_secs(60);
    rig.store.claim_jobs(now, 100, lease).await.unwrap()
}

/// How many seconds from now the pollers are due.
async fn due(rig: &Rig, instance: &Value) -> Vec<i64> {
    let now: DateTime<Utc> = rig.context.clock.now();
    let pollers = rig.store.pollers(InstanceId(id(instance))).await.unwrap();
    pollers
        .iter()
        .map(|poller| (poller.due_at - now).num_seconds())
        .collect()
}

/// A hint as a workflow rule gives it: no credentials, and any body.
async fn hint(rig: &Rig, url: &str) -> Answer {
    rig.send_to(Method::POST, url, "Record=17&{not json").await
}

fn url(instance: &Value) -> String {
    instance["hintUrl"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_hint_makes_every_poller_due_and_says_nothing() {
    let rig = Rig::start().await;
    let instance = polled(&rig).await;

    let answer = hint(&rig, &url(&instance)).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.body, json!(""));
    // The shortest time between two polls is kept.
    assert_eq!(due(&rig, &instance).await, [2, 2]);
}

#[tokio::test]
async fn a_hint_names_its_resource_in_the_path_or_the_query() {
    let rig = Rig::start().await;
    let instance = polled(&rig).await;

    hint(&rig, &format!("{}/leads", url(&instance))).await;
    assert_eq!(due(&rig, &instance).await, [900, 2]);

    hint(&rig, &format!("{}?resource=contacts", url(&instance))).await;
    assert_eq!(due(&rig, &instance).await, [2, 2]);
    let unknown = hint(&rig, &format!("{}/tasks", url(&instance))).await;
    assert_eq!(unknown.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn hints_during_a_poll_are_folded_into_one_more() {
    let rig = Rig::start().await;
    let instance = polled(&rig).await;
    hint(&rig, &url(&instance)).await;
    rig.clock.advance(Duration::from_secs(2));
    let jobs = claim(&rig).await;
    assert_eq!(jobs.len(), 2);

    for _ in 0..5 {
        hint(&rig, &url(&instance)).await;
    }
    for job in &jobs {
        let (poller, _) = rig.store.poll_context(job).await.unwrap().unwrap();
        let now = rig.context.clock.now();
        let page = PageCommit::new(Progress::Finished {
            cursor: now,
            next_due: now + TimeDelta::minutes(15),
            planned: None,
            at: now,
        });
        rig.store.commit_page(poller.fence(), &page).await.unwrap();
    }

    assert_eq!(due(&rig, &instance).await, [2, 2]);
    assert_eq!(finish_polls(&rig).await, 2);
    assert_eq!(due(&rig, &instance).await, [900, 900]);
}

#[tokio::test]
async fn an_unknown_token_finds_nothing_and_is_not_repeated() {
    let rig = Rig::start().await;
    let instance = polled(&rig).await;
    let wrong = url(&instance).replace("/insightly/", "/insightly/0");

    let answer = hint(&rig, &wrong).await;

    let message = answer.refused(StatusCode::NOT_FOUND);
    assert_eq!(message, "there is nothing at this address");
    assert_eq!(due(&rig, &instance).await, [900, 900]);
    let got = rig.send_to(Method::GET, &url(&instance), "").await;
    assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_flood_of_hints_is_taken_and_its_end_is_not_missed() {
    let rig = Rig::start().await;
    let instance = polled(&rig).await;
    let url = url(&instance);
    for _ in 0..10 {
        assert_eq!(hint(&rig, &url).await.status, StatusCode::ACCEPTED);
    }
    // What the first ten asked for is done, within what is one moment for the API.
    let now = rig.context.clock.now();
    rig.clock.set(now + TimeDelta::seconds(2));
    assert_eq!(claim(&rig).await.len(), 2);
    rig.clock.set(now);
    finish_without_moving(&rig, &instance).await;
    assert_eq!(due(&rig, &instance).await, [900, 900]);

    // Nobody looks for these at once, and one for all a little later.
    for _ in 0..5 {
        assert_eq!(hint(&rig, &url).await.status, StatusCode::ACCEPTED);
    }

    let limit = tokio::time::Instant::now() + Duration::from_secs(20);
    while due(&rig, &instance).await != [2, 2] {
        assert!(tokio::time::Instant::now() < limit, "the flood had no end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn finish_without_moving(rig: &Rig, instance: &Value) {
    let now = rig.context.clock.now();
    let pollers = rig.store.pollers(InstanceId(id(instance))).await.unwrap();
    for poller in pollers {
        let page = PageCommit::new(Progress::Finished {
            cursor: now,
            next_due: now + TimeDelta::minutes(15),
            planned: None,
            at: now,
        });
        rig.store.commit_page(poller.fence(), &page).await.unwrap();
    }
}

#[tokio::test]
async fn a_hint_url_stays_until_it_is_rotated() {
    let rig = Rig::start().await;
    let instance = polled(&rig).await;
    let old = url(&instance);
    let patch = json!({"configuration": {"event.poller.refresh_interval": 3}});
    assert_eq!(url(&rig.patch(&path(&instance), &patch).await.ok()), old);
    assert_eq!(url(&rig.get(&path(&instance)).await.ok()), old);

    let rotate = format!("{}/hint/rotate", path(&instance));
    let rotated = rig.post(&rotate, &json!({})).await.ok();

    let new = url(&rotated);
    assert_ne!(new, old);
    assert_eq!(url(&rig.get(&path(&instance)).await.ok()), new);
    assert_eq!(hint(&rig, &old).await.status, StatusCode::NOT_FOUND);
    assert_eq!(hint(&rig, &new).await.status, StatusCode::ACCEPTED);
    rig.call(Method::DELETE, &path(&instance), None).await;
    assert_eq!(hint(&rig, &new).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_hint_url_is_where_the_operator_says_that_the_service_is() {
    let rig = Rig::with(&[("PUBLIC_URL", "https://events.example.com/")]).await;

    let instance = rig.instance(&json!({})).await;

    let start = "https://events.example.com/events/insightly/";
    assert!(url(&instance).starts_with(start), "{instance}");
}

#[tokio::test]
async fn a_poll_on_request_concerns_the_resource_that_it_names() {
    let rig = Rig::start().await;
    let instance = polled(&rig).await;

    let poll = format!("{}/poll?resource=leads", path(&instance));
    let answer = rig.post(&poll, &json!({})).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.body, json!({"due": 1}));
    assert_eq!(due(&rig, &instance).await, [900, 2]);
    let answer = rig
        .post(&format!("{}/poll", path(&instance)), &json!({}))
        .await;
    assert_eq!(answer.body, json!({"due": 2}));
}

#[tokio::test]
async fn an_instance_that_goes_on_after_a_pause_is_polled_at_once_from_where_it_stood() {
    let rig = Rig::start().await;
    let instance = polled(&rig).await;
    let number = InstanceId(id(&instance));
    let before = rig.store.pollers(number).await.unwrap();
    let enabled = format!("{}/enabled", path(&instance));
    rig.call(Method::DELETE, &enabled, None).await.ok();
    rig.clock.advance(Duration::from_secs(86_400));
    assert_eq!(finish_polls(&rig).await, 0);
    hint(&rig, &url(&instance)).await;

    rig.call(Method::PUT, &enabled, None).await.ok();

    let after = rig.store.pollers(number).await.unwrap();
    assert_eq!(after[0].cursor, before[0].cursor);
    assert_eq!(finish_polls(&rig).await, 2);
}

impl Rig {
    /// A request to an address of its own, without credentials.
    async fn send_to(&self, method: Method, url: &str, body: &str) -> Answer {
        let client = http::client(&http::ClientSettings::default()).unwrap();
        let request = client.request(method, url).body(body.to_owned());
        let response = http::send(request, &client, "test").await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }
}
