//! Who may do what: credentials, and what they mean. `tenants` tries every route with those of another organization.

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::rig::{Rig, path};

const FORM: &str = "expected Authorization: User <user secret>, Organization <organization secret>";

#[rstest]
#[case::none(None, "the request has no credentials; ")]
#[case::other_form(Some("Basic abc"), "the credentials have another form; ")]
#[case::no_organization(
    Some("User u"),
    "the Organization secret or an Element token is missing; "
)]
#[case::unknown(
    Some("User u, Organization o"),
    "the User or Organization secret is not known here; "
)]
#[case::unknown_token(
    Some("User u, Organization o, Element e"),
    "the Element token is not known here; "
)]
#[tokio::test]
async fn without_good_credentials_there_is_a_401(
    #[case] credentials: Option<&str>,
    #[case] why: &str,
) {
    let rig = Rig::start().await;

    for (method, path) in [
        (Method::GET, "/instances"),
        (Method::POST, "/instances"),
        (Method::GET, "/dead-letters"),
    ] {
        let answer = rig.send(method, path, credentials, "{}").await;

        assert_eq!(
            answer.refused(StatusCode::UNAUTHORIZED),
            format!("{why}{FORM}")
        );
    }
}

#[tokio::test]
async fn a_secret_of_one_organization_opens_no_other() {
    let rig = Rig::start().await;
    let other = rig.other_organization().await;
    let mixed = rig
        .credentials()
        .replace("an-organization-secret=", "other-organization");

    assert_eq!(
        rig.send(Method::GET, "/instances", Some(&other), "")
            .await
            .ok(),
        json!([])
    );
    assert_eq!(
        rig.send(Method::GET, "/instances", Some(&mixed), "")
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn with_an_element_token_instances_means_that_instance() {
    let rig = Rig::start().await;
    let first = rig.instance(&json!({})).await;
    rig.instance(&json!({})).await;
    let token = first["token"].as_str().unwrap();
    let full = format!("{}, Element {token}", rig.credentials());
    let user = rig.credentials().split(',').next().unwrap().to_owned();
    let short = format!("{user}, Element {token}");

    for credentials in [&full, &short] {
        let found = rig
            .send(Method::GET, "/instances", Some(credentials), "")
            .await
            .ok();
        assert_eq!(found["id"], first["id"]);
        let patch = json!({"name": "By token"}).to_string();
        let patched = rig
            .send(Method::PATCH, "/instances", Some(credentials), &patch)
            .await
            .ok();
        assert_eq!(patched["name"], "By token");
        let off = rig
            .send(Method::DELETE, "/instances/enabled", Some(credentials), "")
            .await
            .ok();
        assert_eq!(off["disabled"], true);
        let records = rig
            .send(
                Method::GET,
                "/instances/event-poller-records",
                Some(credentials),
                "",
            )
            .await
            .ok();
        assert_eq!(records.as_array().unwrap().len(), 4);
    }
    rig.send(Method::DELETE, "/instances", Some(&short), "")
        .await
        .ok();
    assert_eq!(
        rig.send(Method::GET, "/instances", Some(&short), "")
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(rig.get(&path(&first)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_element_token_is_of_no_use_to_another_organization() {
    let rig = Rig::start().await;
    let token = rig.instance(&json!({})).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = rig.other_organization().await;

    for credentials in [
        format!("{other}, Element {token}"),
        format!("User other-user, Element {token}"),
    ] {
        let answer = rig
            .send(Method::GET, "/instances", Some(&credentials), "")
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{credentials}");
    }
}

#[tokio::test]
async fn changing_an_instance_needs_to_say_which() {
    let rig = Rig::start().await;

    let answer = rig.call(Method::DELETE, "/instances", None).await;

    assert_eq!(
        answer.refused(StatusCode::BAD_REQUEST),
        "which instance? name its id in the path, or its Element token in the Authorization header"
    );
    let numberless = rig.call(Method::GET, "/instances/mine", None).await;
    assert_eq!(
        numberless.refused(StatusCode::NOT_FOUND),
        "there is no instance \"mine\""
    );
}

#[tokio::test]
async fn each_organization_lists_its_own() {
    let rig = Rig::start().await;
    rig.instance(&json!({})).await;
    let (created, other) = rig.foreign_instance(&json!({})).await;

    let listed = rig
        .send(Method::GET, "/instances", Some(&other), "")
        .await
        .ok();

    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["id"], created["id"]);
    assert_ne!(
        listed[0]["user"],
        rig.get("/instances").await.ok()[0]["user"]
    );
}
