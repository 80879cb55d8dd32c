//! Events counted by time, and what became of them.

use ie_model::NotificationStatus::{Dispatched, Failed, Notified};
use ie_model::{Attempt, NotificationId};
use ie_store::AttemptRecord;
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Rig, id, ids};

const ROUTES: [&str; 3] = [
    "/instances/events/analytics",
    "/instances/events/analytics/instances",
    "/instances/events/analytics/accounts",
];

/// The rig's notifications are stored a minute after 10:00, one second after another.
const AN_HOUR: &str = "from=2026-11-24T10:00:00Z&to=2026-11-24T11:00:00Z&interval=minute";

async fn accept(rig: &Rig, id: NotificationId) {
    let attempt = Attempt {
        notification: id,
        number: 1,
        at: rig.context.clock.now(),
        duration_ms: 3,
        status_code: Some(204),
        error: None,
        response: None,
        error_class: None,
        headers: None,
    };
    let record = AttemptRecord {
        attempt,
        status: Notified,
        due_at: None,
    };
    rig.store.record_attempts(&[record]).await.unwrap();
}

fn rows(answer: &Value) -> &Vec<Value> {
    answer.as_array().unwrap()
}

#[tokio::test]
async fn an_hour_by_minute_has_sixty_one_rows_with_the_events_of_each() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    rig.notifications(id(&instance), 61).await;

    let answer = rig.get(&format!("{}?{AN_HOUR}", ROUTES[0])).await.ok();

    let rows = rows(&answer);
    assert_eq!(rows.len(), 61);
    assert_eq!(
        rows[0],
        json!({"timestamp": "2026-11-24T10:00:00Z", "count": 0})
    );
    assert_eq!(
        rows[1],
        json!({"timestamp": "2026-11-24T10:01:00Z", "count": 60})
    );
    assert_eq!(rows[2]["count"], 1);
    assert_eq!(rows[60]["timestamp"], "2026-11-24T11:00:00Z");
}

#[tokio::test]
async fn outcomes_are_told_of_each_instance_and_of_the_account() {
    let rig = Rig::start().await;
    let one = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let two = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let ones = rig.notifications(one, 3).await;
    rig.notifications(two, 1).await;
    accept(&rig, ones[0]).await;
    rig.fail(ones[1], Failed).await;

    let query = "from=2026-11-24T10:00:00Z&to=2026-11-24T10:30:00Z&interval=hour";
    let instances = rig.get(&format!("{}?{query}", ROUTES[1])).await.ok();
    let accounts = rig.get(&format!("{}?{query}", ROUTES[2])).await.ok();

    let timestamp = "2026-11-24T10:00:00Z";
    assert_eq!(
        instances,
        json!([{"timestamp": timestamp, "total": 4, "records": [
            {"instanceId": one, "count": 3, "success": 1, "failed": 1},
            {"instanceId": two, "count": 1, "success": 0, "failed": 0},
        ]}])
    );
    assert_eq!(
        accounts,
        json!([{"timestamp": timestamp, "total": 4, "records": [
            {"accountId": 1, "count": 4, "success": 1, "failed": 1},
        ]}])
    );
}

#[tokio::test]
async fn an_element_token_counts_its_own_instance_alone() {
    let rig = Rig::start().await;
    let one = rig.instance(&json!({"event.objects": "contacts"})).await;
    let two = rig.instance(&json!({"event.objects": "contacts"})).await;
    rig.notifications(id(&one), 2).await;
    rig.notifications(id(&two), 3).await;
    let token = two["token"].as_str().unwrap();
    let credentials = format!("{}, Element {token}", rig.credentials());

    let path = format!("{}?{AN_HOUR}", ROUTES[1]);
    let answer = rig.send(Method::GET, &path, Some(&credentials), "").await;

    let answer = answer.ok();
    let total: u64 = rows(&answer)
        .iter()
        .map(|row| row["total"].as_u64().unwrap())
        .sum();
    assert_eq!(total, 3);
}

#[rstest]
#[case(
    "interval=second",
    StatusCode::BAD_REQUEST,
    "interval: expected minute, hour or day, got \"second\""
)]
#[case(
    "from=2026-11-24T11:00:00Z&to=2026-11-24T10:00:00Z",
    StatusCode::BAD_REQUEST,
    "from: expected a time before"
)]
#[case("from=soon", StatusCode::BAD_REQUEST, "from: expected a time such as")]
#[case(
    "from=2020-01-01&to=2026-01-01&interval=minute",
    StatusCode::BAD_REQUEST,
    "11000 are the most of one answer"
)]
#[case(
    "accountIds[]=0",
    StatusCode::FORBIDDEN,
    "accountIds[]: 0 is not the account of these credentials"
)]
#[case(
    "accountIds%5B%5D=1&accountIds%5B%5D=2",
    StatusCode::FORBIDDEN,
    "accountIds[]: 2 is not"
)]
#[case(
    "accountIds[]=mine",
    StatusCode::BAD_REQUEST,
    "accountIds[]: expected the accountId"
)]
#[tokio::test]
async fn what_cannot_be_counted_is_refused_with_its_field(
    #[case] query: &str,
    #[case] status: StatusCode,
    #[case] why: &str,
) {
    let rig = Rig::start().await;

    for route in ROUTES {
        let message = rig.get(&format!("{route}?{query}")).await.refused(status);
        assert!(message.contains(why), "{message}");
    }
}

#[tokio::test]
async fn without_parameters_the_last_day_is_counted_by_hour_and_of_ones_own_account() {
    let rig = Rig::start().await;
    let (foreign, _) = rig
        .foreign_instance(&json!({"event.objects": "contacts"}))
        .await;
    rig.notifications(id(&foreign), 2).await;

    for route in ROUTES {
        let answer = rig.get(&format!("{route}?accountIds[]=1")).await.ok();
        let rows = rows(&answer);
        assert_eq!(rows.len(), 25);
        assert_eq!(rows[24]["timestamp"], "2026-11-24T10:00:00Z");
        let events = rows
            .iter()
            .filter(|row| row["count"] != 0 && row["total"] != 0);
        assert_eq!(events.count(), 0, "{answer}");
    }
}

#[tokio::test]
async fn dispositions_say_in_pages_what_became_of_each_event() {
    let rig = Rig::start().await;
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let events = rig.notifications(instance, 3).await;
    accept(&rig, events[0]).await;
    rig.fail(events[1], Dispatched).await;
    let path = "/instances/events/dispositions?pageSize=2";

    let first = rig.get(path).await;
    let next = first.headers["elements-next-page-token"].to_str().unwrap();
    let second = rig.get(&format!("{path}&nextPage={next}")).await;
    let refused = rig.get(&format!("{path}&status=DISPATCHED")).await.ok();

    let first = first.ok();
    assert_eq!(first[0]["eventId"], events[0].to_string());
    assert_eq!(first[0]["elementInstanceId"], instance);
    let accepted = &first[0]["notificationData"][0]["message"];
    assert_eq!(accepted, "Event delivered: the callback answered 204");
    let failed = first[1]["notificationData"][0]["message"].as_str().unwrap();
    assert_eq!(failed, "Error delivering event: the callback answered 500");
    assert!(second.headers.get("elements-next-page-token").is_none());
    assert_eq!(second.ok()[0]["notificationData"], json!([]));
    assert_eq!(refused, json!([first[1]]));
    let listed = rig.get("/instances/events").await.ok();
    assert_eq!(ids(&listed).len(), 3);
}
