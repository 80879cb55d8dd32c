//! Server-sent events: `GET /events/stream`, and the live rows of the dashboard.

use std::time::Duration;

use ie_model::NotificationStatus;
use ie_platform::http::{self, ClientSettings};
use ie_platform::lifecycle::Drained;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::rig::{Rig, id};

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream that is being read.
struct Stream {
    response: Response,
    read: String,
}

impl Stream {
    async fn open(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> Self {
        let client = http::client(&ClientSettings::default()).unwrap();
        let mut request = client.request(Method::GET, format!("{}{path}", rig.origin()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = http::send(request, &client, "stream").await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            response,
            read: String::new(),
        }
    }

    /// The next event's name, id and data; none at the end.
    async fn next(&mut self) -> Option<(String, String, String)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = event.lines().filter_map(|line| line.strip_prefix(name));
                    lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
                };
                let parsed = (field("event:"), field("id:"), field("data:"));
                self.read = rest.to_owned();
                if parsed.2.is_empty() {
                    continue;
                }
                return Some(parsed);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("something comes in time").unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

async fn api(rig: &Rig, query: &str, headers: &[(&str, &str)]) -> Stream {
    let mut all = vec![("authorization", rig.credentials())];
    all.extend(headers);
    Stream::open(rig, &format!("/elements/api-v2/events/stream{query}"), &all).await
}

#[tokio::test]
async fn events_are_told_when_they_are_stored_and_when_they_move_on() {
    let rig = Rig::start().await;
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    rig.notifications(instance, 1).await;
    let mut stream = api(&rig, "", &[]).await;

    let new = rig.notifications(instance, 2).await;
    let (first, second) = (stream.next().await.unwrap(), stream.next().await.unwrap());
    rig.fail(new[0], NotificationStatus::Failed).await;
    let moved = stream.next().await.unwrap();

    assert_eq!((first.0.as_str(), first.1), ("event", new[0].to_string()));
    assert_eq!((second.0.as_str(), second.1), ("event", new[1].to_string()));
    let told: Value = serde_json::from_str(&first.2).unwrap();
    assert_eq!(told["instanceId"], instance);
    assert_eq!(told["status"], "NEW");
    assert_eq!((moved.0.as_str(), moved.1.as_str()), ("status", ""));
    let told: Value = serde_json::from_str(&moved.2).unwrap();
    assert_eq!(told["status"], "FAILED");
}

#[tokio::test]
async fn a_client_goes_on_after_the_last_event_it_has_seen() {
    let rig = Rig::start().await;
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let events = rig.notifications(instance, 3).await;
    let seen = events[0].to_string();

    let mut stream = api(&rig, "", &[("last-event-id", &seen)]).await;

    assert_eq!(stream.next().await.unwrap().1, events[1].to_string());
    assert_eq!(stream.next().await.unwrap().1, events[2].to_string());
}

#[tokio::test]
async fn a_stream_is_of_one_organization_and_of_one_instance_if_asked() {
    let rig = Rig::start().await;
    let one = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let theirs = json!({"event.objects": "contacts"});
    let (created, _) = rig.foreign_instance(&theirs).await;
    let theirs = id(&created);
    let mut all = api(&rig, "", &[]).await;
    let mut own = api(&rig, &format!("?instanceId={one}"), &[]).await;

    rig.notifications(theirs, 1).await;
    let ours = rig.notifications(one, 1).await;

    assert_eq!(all.next().await.unwrap().1, ours[0].to_string());
    assert_eq!(own.next().await.unwrap().1, ours[0].to_string());
    let foreign = rig
        .get(&format!("/events/stream?instanceId={theirs}"))
        .await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let unknown = rig.get("/events/stream?status=odd").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stream_ends_when_the_service_stops() {
    let rig = Rig::start().await;
    let mut stream = api(&rig, "", &[]).await;

    rig.context.lifecycle.stop();

    assert_eq!(stream.next().await, None);
    let drained = rig.context.lifecycle.drain(PATIENCE).await;
    assert_eq!(drained, Drained::Complete);
}

#[tokio::test]
async fn there_is_room_for_so_many_watchers_and_for_another_when_one_leaves() {
    let rig = Rig::start().await;
    let mut watching = Vec::new();
    for _ in 0..100 {
        watching.push(api(&rig, "", &[]).await);
    }

    let refused = rig.get("/events/stream").await;

    assert_eq!(refused.headers["retry-after"], "30");
    let text = refused.refused(StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.starts_with("100 others are watching"), "{text}");
    watching.pop();
    let begin = std::time::Instant::now();
    loop {
        let client = http::client(&ClientSettings::default()).unwrap();
        let request = client
            .request(
                Method::GET,
                format!("{}/elements/api-v2/events/stream", rig.origin()),
            )
            .header("authorization", rig.credentials());
        let answer = http::send(request, &client, "stream").await.unwrap();
        if answer.status() == StatusCode::OK {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "no room comes free");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_dashboard_is_told_rows() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    let cookie = [("cookie", browser.cookie.as_str())];
    let mut stream = Stream::open(&rig, "/dashboard/events/live", &cookie).await;

    let event = rig.notifications(instance, 1).await[0];
    let row = stream.next().await.unwrap();
    rig.fail(event, NotificationStatus::Failed).await;
    let moved = stream.next().await.unwrap();

    assert_eq!(row.1, event.to_string());
    assert!(row.2.contains("hx-target=\"#rows\""), "{}", row.2);
    assert!(
        moved.2.contains(&format!("hx-target=\"#event-{event}\"")),
        "{}",
        moved.2
    );
    assert!(moved.2.contains("Failed"), "{}", moved.2);
}
