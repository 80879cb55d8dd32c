//! Requests that are too many, and bodies that come too slowly.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::browser::Browser;
use crate::rig::Rig;

#[tokio::test]
async fn a_user_that_sends_too_many_requests_waits_and_no_other_does() {
    let rig = Rig::with(&[("REQUESTS_PER_SECOND", "2")]).await;
    let other = rig.other_organization().await;
    for _ in 0..20 {
        rig.get("/instances").await.ok();
    }

    let refused = rig.get("/instances").await;
    let others = rig.send(Method::GET, "/instances", Some(&other), "").await;

    assert_eq!(refused.headers["retry-after"], "1");
    assert!(refused.body["requestId"].is_string());
    let why = refused.refused(StatusCode::TOO_MANY_REQUESTS);
    assert!(why.contains("api.requests_per_second"), "{why}");
    others.ok();
    Browser::signed_in(&rig).await;
    rig.clock.advance(Duration::from_millis(500));
    rig.get("/instances").await.ok();
    let refused = rig.get("/instances").await;
    refused.refused(StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn zero_is_no_limit() {
    let rig = Rig::with(&[("REQUESTS_PER_SECOND", "0")]).await;

    for _ in 0..50 {
        rig.get("/instances").await.ok();
    }
}

/// Sends a request of whose body one byte is missing; gives the status line and the JSON of the answer.
async fn half(rig: &Rig, header: &str) -> (String, Value) {
    let origin = rig.origin();
    let address = origin.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /elements/api-v2/instances HTTP/1.1\r\nhost: {address}\r\nauthorization: {}\r\n{header}\
         connection: close\r\ncontent-length: 3\r\n\r\n{{}}",
        rig.credentials()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = connection.read_to_string(&mut answer);
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, read).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().to_owned();
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_a_408() {
    let rig = Rig::with(&[("BODY_TIMEOUT", "50ms")]).await;

    for header in ["", "idempotency-key: a\r\n"] {
        let (status, body) = half(&rig, header).await;

        assert_eq!(status, "HTTP/1.1 408 Request Timeout");
        assert_eq!(
            body["message"],
            "the body did not arrive within 0.05 seconds"
        );
        assert!(body["requestId"].is_string());
    }
}

#[tokio::test]
async fn a_body_that_outlasts_the_whole_request_is_a_503() {
    let rig = Rig::with(&[("REQUEST_TIMEOUT", "50ms")]).await;

    let (status, body) = half(&rig, "").await;

    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    let message = body["message"].as_str().unwrap();
    assert!(
        message.starts_with("the request took too long"),
        "{message}"
    );
}
