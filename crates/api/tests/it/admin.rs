//! `/admin`: what the operator does about organizations and users.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::browser::{Browser, PASSWORD};
use crate::rig::{ADMIN_TOKEN, Answer, Rig};

/// A service with an operator.
struct Operated {
    rig: Rig,
}

/// An organization and a user that the operator has made.
struct Tenant {
    organization: i64,
    user: i64,
    organization_secret: String,
    user_secret: String,
}

impl Tenant {
    fn credentials(&self) -> String {
        let (user, organization) = (&self.user_secret, &self.organization_secret);
        format!("User {user}, Organization {organization}")
    }
}

impl Operated {
    async fn start() -> Self {
        let rig = Rig::with(&[("ADMIN_TOKEN", ADMIN_TOKEN)]).await;
        Self { rig }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let credentials = format!("Bearer {ADMIN_TOKEN}");
        let path = format!("/admin{path}");
        self.rig
            .send(method, &path, Some(&credentials), &body.to_string())
            .await
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, &json!({})).await.ok()
    }

    async fn tenant(&self, name: &str) -> Tenant {
        let body = json!({ "name": name });
        let made = self.send(Method::POST, "/organizations", &body).await.ok();
        let organization = made["id"].as_i64().unwrap();
        let body = json!({ "name": format!("user of {name}"), "password": PASSWORD });
        let path = format!("/organizations/{organization}/users");
        let user = self.send(Method::POST, &path, &body).await.ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Tenant {
            organization,
            user: user["id"].as_i64().unwrap(),
            organization_secret: text(&made["secret"]),
            user_secret: text(&user["secret"]),
        }
    }

    /// The status of a look at one's instances.
    async fn looks(&self, credentials: &str) -> StatusCode {
        let look = self
            .rig
            .send(Method::GET, "/instances", Some(credentials), "");
        look.await.status
    }
}

#[tokio::test]
async fn an_operator_makes_organizations_and_users_that_work() {
    let api = Operated::start().await;

    let acme = api.tenant("acme").await;

    assert_eq!(api.looks(&acme.credentials()).await, StatusCode::OK);
    let name = "user of acme";
    Browser::signed_in_as(&api.rig, name, PASSWORD).await;
    let path = format!("/organizations/{}/users", acme.organization);
    let users = api.get(&path).await;
    assert_eq!(
        users,
        json!([{"id": acme.user, "organizationId": acme.organization, "name": name,
            "role": "admin", "disabled": false, "signsIn": true}])
    );
    let all = api.get("/organizations").await;
    let names: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["default", "acme"]);
    let named = api.get("/organizations?name=acme").await;
    assert_eq!(named, json!([{"id": acme.organization, "name": "acme"}]));
    let first = "/organizations?pageSize=1";
    let first = api.send(Method::GET, first, &json!({})).await;
    let next = first.headers["elements-next-page-token"].to_str().unwrap();
    let rest = api
        .get(&format!("/organizations?pageSize=1&nextPage={next}"))
        .await;
    assert_eq!(rest, named);
}

#[tokio::test]
async fn a_replaced_secret_is_good_for_its_grace() {
    let api = Operated::start().await;
    let acme = api.tenant("acme").await;
    let rotate = async |path: String, body: Value| {
        let answer = api.send(Method::POST, &path, &body).await.ok();
        let secret = answer["secret"].as_str().unwrap().to_owned();
        (secret, answer["previousUntil"].clone())
    };

    let path = format!("/users/{}/secret", acme.user);
    let (user_secret, until) = rotate(path, json!({"graceMinutes": 30})).await;
    let path = format!("/organizations/{}/secret", acme.organization);
    let (organization_secret, at_once) = rotate(path, json!({"graceMinutes": 0})).await;

    let fresh = Tenant {
        user_secret,
        organization_secret,
        ..acme
    };
    let old_user = format!(
        "User {}, Organization {}",
        acme.user_secret, fresh.organization_secret
    );
    let old_organization = format!(
        "User {}, Organization {}",
        fresh.user_secret, acme.organization_secret
    );
    assert_eq!(until, "2026-11-24T10:30:00Z");
    assert_eq!(at_once, Value::Null);
    assert_eq!(api.looks(&fresh.credentials()).await, StatusCode::OK);
    assert_eq!(api.looks(&old_user).await, StatusCode::OK);
    let refused = StatusCode::UNAUTHORIZED;
    assert_eq!(api.looks(&old_organization).await, refused);
    api.rig.clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(api.looks(&old_user).await, refused);
    assert_eq!(api.looks(&fresh.credentials()).await, StatusCode::OK);
    let path = format!("/users/{}/secret", fresh.user);
    let (_, until) = rotate(path, Value::Null).await;
    assert_eq!(until, "2026-11-25T10:30:00Z", "api.secret_grace");
}

#[tokio::test]
async fn a_user_is_changed_kept_out_and_deleted() {
    let api = Operated::start().await;
    let acme = api.tenant("acme").await;
    let path = format!("/users/{}", acme.user);
    let change = async |body: Value| api.send(Method::PATCH, &path, &body).await.ok();
    let browser = Browser::signed_in_as(&api.rig, "user of acme", PASSWORD).await;

    let reader = change(json!({"role": "read-only"})).await;
    assert_eq!(reader["role"], "read-only");
    let credentials = acme.credentials();
    let create = api
        .rig
        .send(Method::POST, "/instances", Some(&credentials), "{}");
    create.await.refused(StatusCode::FORBIDDEN);

    let out = change(json!({"disabled": true})).await;
    assert_eq!(out["disabled"], true);
    assert_eq!(api.looks(&credentials).await, StatusCode::UNAUTHORIZED);
    let page = browser.get("/dashboard/system").await;
    assert!(page.location().starts_with("/dashboard/sign-in"));

    change(json!({"disabled": false, "password": "quite another password"})).await;
    assert_eq!(api.looks(&credentials).await, StatusCode::OK);
    Browser::signed_in_as(&api.rig, "user of acme", "quite another password").await;

    let delete = api.send(Method::DELETE, &path, &json!({})).await;
    assert_eq!(delete.status, StatusCode::OK);
    assert_eq!(api.looks(&credentials).await, StatusCode::UNAUTHORIZED);
    let again = api.send(Method::DELETE, &path, &json!({})).await;
    again.refused(StatusCode::NOT_FOUND);
}

#[rstest]
#[case(Method::POST, "/organizations", json!({"name": " "}), StatusCode::BAD_REQUEST, "$.name: expected the name")]
#[case(Method::POST, "/organizations", json!({"name": "default"}), StatusCode::CONFLICT, "an organization of this name")]
#[case(Method::POST, "/organizations/1/users", json!({"name": "a\u{7}"}), StatusCode::BAD_REQUEST, "name: expected 1 to 100")]
#[case(Method::POST, "/organizations/1/users", json!({"name": "admin"}), StatusCode::CONFLICT, "a user of this name")]
#[case(Method::POST, "/organizations/1/users", json!({"name": "kim", "role": "owner", "password": 7}), StatusCode::BAD_REQUEST, "$.role: expected admin or read-only, got \"owner\"")]
#[case(Method::POST, "/organizations/1/users", json!({"name": "kim", "password": "short"}), StatusCode::BAD_REQUEST, "password: expected a password of 10 to 200")]
#[case(Method::POST, "/organizations/99/users", json!({"name": "kim"}), StatusCode::NOT_FOUND, "there is no organization 99")]
#[case(Method::GET, "/organizations/x/users", json!({}), StatusCode::NOT_FOUND, "there is no organization \"x\"")]
#[case(Method::POST, "/organizations/99/secret", json!({}), StatusCode::NOT_FOUND, "there is no organization 99")]
#[case(Method::POST, "/users/1/secret", json!({"graceMinutes": 43201}), StatusCode::BAD_REQUEST, "$.graceMinutes: expected a whole number of minutes from 0 to 43200")]
#[case(Method::PATCH, "/users/99", json!({"role": "admin"}), StatusCode::NOT_FOUND, "there is no user 99")]
#[case(Method::PATCH, "/users/1", json!({"name": "kim"}), StatusCode::BAD_REQUEST, "$.name: is not known here; expected role, disabled, password")]
#[tokio::test]
async fn what_cannot_be_done_is_told_with_its_reason(
    #[case] method: Method,
    #[case] path: &str,
    #[case] body: Value,
    #[case] status: StatusCode,
    #[case] why: &str,
) {
    let api = Operated::start().await;

    let refused = api.send(method, path, &body).await.refused(status);

    assert!(refused.contains(why), "{refused}");
}

#[tokio::test]
async fn only_the_operators_token_opens_and_without_one_it_is_off() {
    let api = Operated::start().await;
    let users = api.rig.credentials().to_owned();
    for credentials in [
        None,
        Some(users.as_str()),
        Some("Bearer an-admin-token-of-32-characters?"),
        Some("Bearer "),
    ] {
        let answer = api
            .rig
            .send(Method::GET, "/admin/organizations", credentials, "");
        answer.await.refused(StatusCode::UNAUTHORIZED);
    }

    let off = Rig::start().await;
    let credentials = format!("Bearer {ADMIN_TOKEN}");
    let answer = off.send(Method::GET, "/admin/organizations", Some(&credentials), "");

    let why = answer.await.refused(StatusCode::NOT_FOUND);
    assert!(why.contains("api.admin_token"), "{why}");
}
