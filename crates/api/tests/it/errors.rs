//! Every error has one form, whatever went wrong.

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::rig::{Answer, Rig};

/// The form: an id in the body and in the header, a message, and nothing else.
fn assert_form(answer: &Answer) {
    let id = answer.body["requestId"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(answer.headers["elements-request-id"], id);
    assert_eq!(answer.headers["content-type"], "application/json");
    let known = ["requestId", "message", "providerMessage"];
    assert!(
        answer
            .body
            .as_object()
            .unwrap()
            .keys()
            .all(|key| known.contains(&key.as_str()))
    );
}

#[rstest]
#[case::unknown_path(
    Method::GET,
    "/formulas",
    StatusCode::NOT_FOUND,
    "there is nothing at /elements/api-v2/formulas; the API is at /elements/api-v2"
)]
#[case::wrong_method(
    Method::POST,
    "/instances/1",
    StatusCode::METHOD_NOT_ALLOWED,
    "/elements/api-v2/instances/1 does not offer POST"
)]
#[case::no_body(
    Method::POST,
    "/instances",
    StatusCode::BAD_REQUEST,
    "the body is empty, expected a JSON object"
)]
#[case::no_instance(
    Method::GET,
    "/instances/4711",
    StatusCode::NOT_FOUND,
    "there is no instance \"4711\""
)]
#[case::page_size(
    Method::GET,
    "/instances?pageSize=0",
    StatusCode::BAD_REQUEST,
    "pageSize: expected a whole number from 1 to 2000, got \"0\""
)]
#[case::token(
    Method::GET,
    "/instances?nextPage=x",
    StatusCode::BAD_REQUEST,
    "nextPage: expected the token of the elements-next-page-token header of the page before, got \"x\""
)]
#[tokio::test]
async fn an_error_says_what_is_wrong(
    #[case] method: Method,
    #[case] path: &str,
    #[case] status: StatusCode,
    #[case] message: &str,
) {
    let rig = Rig::start().await;

    let answer = rig.call(method, path, None).await;

    assert_form(&answer);
    assert_eq!(answer.refused(status), message);
}

#[tokio::test]
async fn paths_outside_of_the_api_have_the_form_too() {
    let rig = Rig::start().await;

    let answer = rig.get("/../../favicon.ico").await;

    assert_form(&answer);
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn broken_json_is_told_with_line_and_column() {
    let rig = Rig::start().await;
    let credentials = rig.credentials().to_owned();

    let answer = rig
        .send(
            Method::POST,
            "/instances",
            Some(&credentials),
            "{\n  \"name\": \n}",
        )
        .await;

    assert_form(&answer);
    assert_eq!(
        answer.refused(StatusCode::BAD_REQUEST),
        "the body is not valid JSON: expected value at line 3 column 1; \
         look at that place and just before it, for a comma, a quote or a bracket"
    );
}

#[tokio::test]
async fn nesting_without_end_is_an_error_like_others() {
    let rig = Rig::start().await;
    let credentials = rig.credentials().to_owned();

    let answer = rig
        .send(
            Method::POST,
            "/instances",
            Some(&credentials),
            &"[".repeat(100_000),
        )
        .await;

    assert_form(&answer);
    let message = answer.refused(StatusCode::BAD_REQUEST);
    assert!(
        message.contains("recursion limit exceeded at line 1 column 128"),
        "{message}"
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_is_a_413() {
    let rig = Rig::with(&[("BODY_LIMIT", "1000")]).await;

    let answer = rig
        .post("/instances", &json!({"name": "x".repeat(2000)}))
        .await;

    assert_form(&answer);
    assert_eq!(
        answer.refused(StatusCode::PAYLOAD_TOO_LARGE),
        "the body is larger than 1000 bytes"
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_503() {
    let rig = Rig::with(&[("REQUEST_TIMEOUT", "50ms")]).await;
    let slow = ie_simulator::Fault::Latency {
        min_ms: 60_000,
        max_ms: 60_000,
    };
    rig.insightly
        .control()
        .misbehave(ie_simulator::Rule::always(slow));

    let answer = rig.post("/instances", &crate::rig::body(&json!({}))).await;

    assert_form(&answer);
    let message = answer.refused(StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        message.starts_with("the request took too long"),
        "{message}"
    );
}

#[tokio::test]
async fn a_success_has_its_id_in_the_header() {
    let rig = Rig::start().await;

    let first = rig.get("/instances").await;
    let second = rig.get("/instances").await;

    assert_ne!(
        first.headers["elements-request-id"],
        second.headers["elements-request-id"]
    );
}

#[tokio::test]
async fn what_is_broken_inside_is_not_told() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let id = ie_model::InstanceId(crate::rig::id(&instance));
    // A token sealed for another place, as after a row was copied by hand.
    let mut stored = rig.store.instance(id).await.unwrap().unwrap();
    stored
        .secrets
        .insert("token".to_owned(), rig.sealer.seal("token", "elsewhere"));
    rig.store
        .update_instance(
            &stored,
            &ie_store::PollerChanges {
                keep_others: true,
                upsert: Vec::new(),
            },
        )
        .await
        .unwrap();

    let answer = rig.get(&crate::rig::path(&instance)).await;

    assert_form(&answer);
    assert_eq!(
        answer.refused(StatusCode::INTERNAL_SERVER_ERROR),
        "something went wrong here; the operator finds it by the request's id"
    );
}
