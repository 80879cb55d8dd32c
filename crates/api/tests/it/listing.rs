//! `GET /instances` and `GET /instances/{id}/event-poller-records`.

use std::time::Duration;

use chrono::TimeDelta;
use ie_model::InstanceId;
use ie_store::{PageCommit, Progress};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{Rig, body, id, path};

async fn named(rig: &Rig, name: &str, tags: &[&str]) -> i64 {
    let mut body = body(&json!({}));
    body["name"] = json!(name);
    body["tags"] = json!(tags);
    id(&rig.post("/instances", &body).await.ok())
}

fn ids(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn instances_are_found_by_tags_and_text() {
    let rig = Rig::start().await;
    let sales = named(&rig, "Sales Europe", &["sales", "eu"]).await;
    let support = named(&rig, "Support Europe", &["eu"]).await;
    named(&rig, "Elsewhere", &[]).await;

    let find = async |query: &str| ids(&rig.get(&format!("/instances?{query}")).await.ok());

    assert_eq!(find("tags[]=eu").await, [sales, support]);
    assert_eq!(find("tags%5B%5D=eu&tags[]=sales").await, [sales]);
    assert_eq!(find("search=europe").await, [sales, support]);
    assert_eq!(find("search=europe&tags[]=sales").await, [sales]);
    assert_eq!(find("search=nobody").await, [0; 0]);
    assert_eq!(find("search=").await.len(), 3);
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let rig = Rig::start().await;
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(
            named(
                &rig,
                &format!("CRM {number}"),
                if number % 2 == 0 { &["even"] } else { &[] },
            )
            .await,
        );
    }

    let mut seen = Vec::new();
    let mut query = "pageSize=2".to_owned();
    for rest in [3, 1, 0] {
        let page = rig.get(&format!("/instances?{query}")).await;
        let token = page
            .headers
            .get("elements-next-page-token")
            .map(|token| token.to_str().unwrap().to_owned());
        seen.extend(ids(&page.ok()));
        assert_eq!(token.is_some(), rest > 0);
        query = format!("pageSize=2&nextPage={}", token.unwrap_or_default());
    }
    assert_eq!(seen, all);

    let even = rig.get("/instances?pageSize=2&tags[]=even").await;
    assert!(even.headers.contains_key("elements-next-page-token"));
    assert_eq!(ids(&even.ok()), [all[0], all[2]]);
}

#[tokio::test]
async fn a_page_is_never_larger_than_the_operator_allows() {
    let rig = Rig::with(&[("PAGE_SIZE", "1"), ("MAX_PAGE_SIZE", "2")]).await;
    for _ in 0..3 {
        rig.instance(&json!({})).await;
    }

    assert_eq!(ids(&rig.get("/instances").await.ok()).len(), 1);
    assert_eq!(
        ids(&rig.get("/instances?pageSize=1000").await.ok()).len(),
        2
    );
}

#[tokio::test]
async fn a_poller_record_tells_where_the_poller_stands() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    let records = format!("{}/event-poller-records", path(&instance));

    let fresh = rig.get(&records).await.ok();
    assert_eq!(fresh[0]["status"], "active");
    assert_eq!(fresh[0]["lastPollDate"], Value::Null);

    rig.clock.advance(Duration::from_secs(60));
    let now = rig.context.clock.now();
    let jobs = rig
        .store
        .claim_jobs(now, 1, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(rig.get(&records).await.ok()[0]["status"], "polling");

    let (poller, _) = rig.store.poll_context(&jobs[0]).await.unwrap().unwrap();
    assert_eq!(poller.instance, InstanceId(id(&instance)));
    let failed = PageCommit::new(Progress::Failed {
        error: "insightly answered 503".to_owned(),
        next_due: now + TimeDelta::minutes(5),
        at: now,
    });
    rig.store
        .commit_page(poller.fence(), &failed)
        .await
        .unwrap();

    let mut record = rig.get(&records).await.ok();
    record[0]["id"] = json!("(id)");
    record[0]["late"]["dueAt"] = json!("(within the spread of first polls)");
    insta::assert_json_snapshot!(record);
}

#[tokio::test]
async fn a_page_size_that_is_none_is_refused_with_an_element_token_too() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let token = instance["token"].as_str().unwrap();
    let credentials = format!("{}, Element {token}", rig.credentials());

    let answer = rig.send(Method::GET, "/instances?pageSize=0", Some(&credentials), "");

    assert!(
        answer
            .await
            .refused(StatusCode::BAD_REQUEST)
            .contains("pageSize")
    );
}
