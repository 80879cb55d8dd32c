//! `/authentication`: a name and a password for a token, and the token for the secrets.

use std::time::Duration;

use ie_model::Role;
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::browser::{NAME, PASSWORD};
use crate::rig::{Answer, Rig};
use crate::sign_in::user;

async fn sign_in(rig: &Rig, name: &str, password: &str) -> Answer {
    let body = json!({"username": name, "password": password}).to_string();
    rig.send(Method::POST, "/authentication", None, &body).await
}

async fn bearer(rig: &Rig, name: &str) -> String {
    let answer = sign_in(rig, name, PASSWORD).await.ok();
    format!("Bearer {}", answer["token"].as_str().unwrap())
}

async fn get(rig: &Rig, path: &str, credentials: &str) -> Answer {
    rig.send(Method::GET, path, Some(credentials), "").await
}

#[tokio::test]
async fn a_name_and_a_password_lead_to_the_secrets() {
    let rig = Rig::start().await;

    let token = bearer(&rig, NAME).await;
    let secrets = get(&rig, "/authentication/secrets", &token).await.ok();

    let of = |name: &str| secrets[name].as_str().unwrap().to_owned();
    let credentials = format!(
        "User {}, Organization {}",
        of("userSecret"),
        of("organizationSecret")
    );
    assert_eq!(credentials, rig.credentials());
}

#[tokio::test]
async fn a_token_stands_for_both_secrets_until_it_ends() {
    let rig = Rig::start().await;
    let instance = rig.instance(&json!({})).await;
    let token = bearer(&rig, NAME).await;
    let element = format!("{token}, Element {}", instance["token"].as_str().unwrap());

    let listed = get(&rig, "/instances", &token).await.ok();
    let own = get(&rig, "/instances", &element).await.ok();
    rig.clock.advance(Duration::from_secs(60 * 60));
    let ended = get(&rig, "/instances", &token).await;

    assert_eq!(listed[0]["id"], instance["id"]);
    assert_eq!(own["id"], instance["id"]);
    let why = ended.refused(StatusCode::UNAUTHORIZED);
    assert!(why.contains("POST /authentication gives another"), "{why}");
}

#[tokio::test]
async fn a_token_has_the_role_of_its_user() {
    let rig = Rig::start().await;
    user(&rig, "lee", Role::ReadOnly).await;
    let token = bearer(&rig, "lee").await;

    get(&rig, "/instances", &token).await.ok();
    let change = rig.send(Method::POST, "/instances", Some(&token), "{}");

    let why = change.await.refused(StatusCode::FORBIDDEN);
    assert!(why.contains("read-only"), "{why}");
}

#[rstest]
#[case::wrong_password(NAME, "another password")]
#[case::unknown_user("nobody", PASSWORD)]
#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_the_same(
    #[case] name: &str,
    #[case] password: &str,
) {
    let rig = Rig::start().await;

    let answer = sign_in(&rig, name, password).await;

    assert_eq!(
        answer.refused(StatusCode::UNAUTHORIZED),
        "the username and the password do not belong together; check both and try again"
    );
}

#[tokio::test]
async fn guesses_have_to_wait_as_they_have_to_in_the_dashboard() {
    let rig = Rig::start().await;
    for _ in 0..10 {
        sign_in(&rig, NAME, "a wrong password").await;
    }

    let right = sign_in(&rig, NAME, PASSWORD).await;

    assert_eq!(right.headers["retry-after"], "30");
    right.refused(StatusCode::TOO_MANY_REQUESTS);
    let browser = crate::browser::Browser::new(&rig);
    let fields = [("name", NAME), ("password", PASSWORD)];
    let page = browser.post("/dashboard/sign-in", &fields).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    rig.clock.advance(Duration::from_secs(30));
    sign_in(&rig, NAME, PASSWORD).await.ok();
}

#[rstest]
#[case(json!({}), "$.password: expected the password of that user as a string, got nothing")]
#[case(json!({"username": 7, "password": "x"}), "$.username: expected the name of a user as a string, got 7")]
#[case(json!({"username": "a", "password": "b", "user": "c"}), "$.user: is not known here; expected username, password")]
#[tokio::test]
async fn a_body_of_another_form_is_explained(#[case] body: Value, #[case] why: &str) {
    let rig = Rig::start().await;

    let body = body.to_string();
    let answer = rig.send(Method::POST, "/authentication", None, &body).await;

    let text = answer.refused(StatusCode::BAD_REQUEST);
    assert!(text.contains(why), "{text}");
}

#[tokio::test]
async fn a_dashboards_cookie_is_no_token_and_the_secrets_take_a_token() {
    let rig = Rig::start().await;
    let browser = crate::browser::Browser::signed_in(&rig).await;
    let (_, cookie) = browser.cookie.split_once('=').unwrap();

    let as_token = get(&rig, "/instances", &format!("Bearer {cookie}")).await;
    let by_secrets = get(&rig, "/authentication/secrets", rig.credentials()).await;

    as_token.refused(StatusCode::UNAUTHORIZED);
    let why = by_secrets.refused(StatusCode::UNAUTHORIZED);
    assert!(why.contains("Authorization: Bearer <token>"), "{why}");
}

#[tokio::test]
async fn a_secret_without_a_copy_is_not_told_and_it_is_said_what_helps() {
    let rig = Rig::start().await;
    let account = ie_store::NewAccount {
        organization: "old".to_owned(),
        user: "max".to_owned(),
        organization_secret_hash: "cc".to_owned(),
        user_secret_hash: "dd".to_owned(),
    };
    let max = rig.store.ensure_account(&account).await.unwrap().user;
    let hash = ie_api::password::hash(&PASSWORD.into()).unwrap();
    rig.store.give_password(max, &hash).await.unwrap();
    let token = bearer(&rig, "max").await;

    let answer = get(&rig, "/authentication/secrets", &token).await;

    let why = answer.refused(StatusCode::CONFLICT);
    assert!(
        why.contains("`insightly-events user rotate-secret`"),
        "{why}"
    );
}
