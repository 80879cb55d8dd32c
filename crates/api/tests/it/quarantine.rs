//! `/instances/{id}/quarantine`.

use std::time::Duration;

use ie_model::{Digest, InstanceId};
use ie_store::{NewQuarantined, PageCommit, Progress, QuarantineChange};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{Rig, id, path};

/// Puts records of an instance's contacts aside: those with an id, and one without.
async fn put_aside(rig: &Rig, instance: &Value, ids: &[&str]) {
    rig.clock.advance(Duration::from_secs(60));
    let now = rig.context.clock.now();
    let lease = Duration::from_secs(60);
    let jobs = rig.store.claim_jobs(now, 100, lease).await.unwrap();
    let own = InstanceId(id(instance));
    let job = jobs.iter().find(|job| job.instance == own).unwrap();
    let (poller, _) = rig.store.poll_context(job).await.unwrap().unwrap();
    let ids = ids.iter().map(|id| Some((*id).to_owned())).chain([None]);
    let records = ids.enumerate().map(|(n, object_id)| NewQuarantined {
        retry_at: object_id.as_ref().map(|_| now + Duration::from_secs(300)),
        object_id,
        digest: Digest([u8::try_from(n).unwrap(); 16]),
        reason: "DATE_UPDATED_UTC is missing".to_owned(),
        content: format!(r#"{{"n":{n}}}"#),
        window_start: now,
        seen_at: now,
    });
    let page = PageCommit {
        quarantine: QuarantineChange {
            found: records.collect(),
            limit: 100,
            ..QuarantineChange::default()
        },
        ..PageCommit::new(Progress::UnderWay { lease_until: now })
    };
    rig.store.commit_page(poller.fence(), &page).await.unwrap();
}

async fn listed(rig: &Rig, instance: &Value, query: &str) -> Vec<Value> {
    let listed = format!("{}/quarantine{query}", path(instance));
    rig.get(&listed).await.ok().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_record_in_quarantine_says_why_and_shows_its_content() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    assert_eq!(listed(&rig, &instance, "").await, [json!(null); 0]);

    put_aside(&rig, &instance, &["318219"]).await;

    let mut records = listed(&rig, &instance, "").await;
    records.sort_by_key(|record| record["objectId"].is_null());
    for record in &mut records {
        record["id"] = json!("(id)");
    }
    insta::assert_json_snapshot!(records);
    let pollers = format!("{}/event-poller-records", path(&instance));
    assert_eq!(rig.get(&pollers).await.ok()[0]["quarantined"], 2);
}

#[tokio::test]
async fn the_quarantine_comes_in_pages() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    put_aside(&rig, &instance, &["1", "2"]).await;

    let quarantine = format!("{}/quarantine", path(&instance));
    let first = rig.get(&format!("{quarantine}?pageSize=2")).await;
    let token = first.headers["elements-next-page-token"]
        .to_str()
        .unwrap()
        .to_owned();
    let rest = listed(&rig, &instance, &format!("?pageSize=2&nextPage={token}")).await;

    assert_eq!(first.ok().as_array().unwrap().len(), 2);
    assert_eq!(rest.len(), 1);
}

#[tokio::test]
async fn the_element_token_names_the_instance_and_anothers_does_not_exist() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    put_aside(&rig, &instance, &[]).await;

    let element = format!(
        "{}, Element {}",
        rig.credentials(),
        instance["token"].as_str().unwrap()
    );
    let own = rig.send(Method::GET, "/instances/quarantine", Some(&element), "");
    assert_eq!(own.await.ok().as_array().unwrap().len(), 1);

    let stranger = rig.other_organization().await;
    let foreign = format!("{}/quarantine", path(&instance));
    let foreign = rig.send(Method::GET, &foreign, Some(&stranger), "").await;
    foreign.refused(StatusCode::NOT_FOUND);
}
