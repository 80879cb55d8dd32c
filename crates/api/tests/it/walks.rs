//! Snapshots and sweeps for deleted records: their settings, and how far they are.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::{InstanceId, Poller};
use ie_store::{PageCommit, Progress, Walk, WalkKind, WalkWrite};
use serde_json::{Value, json};

use crate::rig::{Rig, body, id, path};

async fn poller(rig: &Rig, instance: &Value) -> Poller {
    let pollers = rig.store.pollers(InstanceId(id(instance))).await.unwrap();
    pollers.into_iter().next().unwrap()
}

async fn store(rig: &Rig, instance: &Value, walk: Walk) {
    let page = PageCommit {
        walk: Some(WalkWrite::new(walk)),
        ..PageCommit::new(Progress::Beside { due_at: None })
    };
    let fence = poller(rig, instance).await.fence();
    rig.store.commit_page(fence, &page).await.unwrap();
}

async fn record(rig: &Rig, instance: &Value) -> Value {
    let records = format!("{}/event-poller-records", path(instance));
    rig.get(&records).await.ok()[0].clone()
}

fn shown(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

async fn instance(rig: &Rig, configuration: Value) -> Value {
    let mut wanted = json!({"event.objects": "contacts"});
    wanted
        .as_object_mut()
        .unwrap()
        .extend(configuration.as_object().unwrap().clone());
    rig.instance(&wanted).await
}

#[tokio::test]
async fn an_instance_that_asks_for_neither_has_neither() {
    let rig = Rig::start().await;
    let instance = instance(&rig, json!({"event.poller.deletes.interval": 0})).await;

    let record = record(&rig, &instance).await;

    assert_eq!(
        (&record["snapshot"], &record["deletes"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn the_progress_of_a_snapshot_is_told() {
    let rig = Rig::start().await;
    let instance = instance(&rig, json!({"event.poller.initial": "snapshot"})).await;
    assert_eq!(
        record(&rig, &instance).await["snapshot"],
        json!({"status": "waiting"})
    );
    rig.clock.advance(Duration::from_secs(60));
    let now = rig.context.clock.now();
    let begun = Walk {
        number: 1,
        state: Some("{}".to_owned()),
        records: 499,
        total: Some(1200),
        events: 490,
        started_at: Some(now),
        ..Walk::new(WalkKind::Snapshot, now)
    };

    store(&rig, &instance, begun.clone()).await;
    let told = record(&rig, &instance).await["snapshot"].clone();

    let expected = json!({
        "status": "running", "records": 499, "total": 1200, "events": 490,
        "startedDate": shown(now), "finishedDate": null, "nextDate": shown(now), "lastError": null,
    });
    assert_eq!(told, expected);
    let failing = Walk {
        last_error: Some("503".to_owned()),
        ..begun.clone()
    };
    store(&rig, &instance, failing).await;
    assert_eq!(
        record(&rig, &instance).await["snapshot"]["status"],
        "failing"
    );
    let complete = Walk {
        state: None,
        due_at: None,
        finished_at: Some(now),
        ..begun
    };
    store(&rig, &instance, complete).await;
    let told = record(&rig, &instance).await["snapshot"].clone();
    assert_eq!(told["status"], "complete");
    assert_eq!(told["finishedDate"], shown(now));
    assert_eq!(told["nextDate"], Value::Null);
}

#[tokio::test]
async fn the_last_and_the_next_sweep_are_told() {
    let rig = Rig::start().await;
    let instance = instance(&rig, json!({"event.poller.deletes.interval": "1440"})).await;
    let first = record(&rig, &instance).await["deletes"].clone();
    assert_eq!(
        (&first["interval"], &first["status"]),
        (&json!(1440), &json!("waiting"))
    );
    let due_at = poller(&rig, &instance).await.due_at;
    assert_eq!(first["nextSweepDate"], shown(due_at));
    rig.clock.advance(Duration::from_secs(60));
    let now = rig.context.clock.now();

    let done = Walk {
        number: 1,
        records: 1200,
        total: Some(1200),
        events: 3,
        started_at: Some(now),
        finished_at: Some(now),
        ..Walk::new(WalkKind::Sweep, now + TimeDelta::days(1))
    };
    store(&rig, &instance, done).await;

    let expected = json!({
        "interval": 1440, "status": "waiting", "records": 1200, "total": 1200, "deleted": 3,
        "lastSweepDate": shown(now), "nextSweepDate": shown(now + TimeDelta::days(1)), "lastError": null,
    });
    assert_eq!(record(&rig, &instance).await["deletes"], expected);
    let sooner = json!({"configuration": {"event.poller.deletes.interval": 60}});
    rig.patch(&path(&instance), &sooner).await.ok();
    let told = record(&rig, &instance).await["deletes"].clone();
    assert_eq!(told["nextSweepDate"], shown(now + TimeDelta::hours(1)));
}

#[tokio::test]
async fn settings_that_say_nothing_are_refused() {
    let rig = Rig::start().await;
    let wrong = json!({"event.poller.initial": "everything", "event.poller.deletes.interval": 1.5});

    let refused = rig.post("/instances", &body(&wrong)).await;

    let message = refused.body["message"].as_str().unwrap();
    assert!(message.contains("expected \"none\""), "{message}");
    assert!(message.contains("whole number of minutes"), "{message}");
}
