//! Signing in to the dashboard: passwords, sessions, roles, and requests from elsewhere.

use std::time::Duration;

use ie_model::Role;
use ie_platform::secret::SecretString;
use ie_store::{KeptSecret, NewUser};
use reqwest::{Method, StatusCode};
use rstest::rstest;

use crate::browser::{Browser, NAME, PASSWORD};
use crate::rig::Rig;

pub(crate) async fn user(rig: &Rig, name: &str, role: Role) {
    let hash = ie_api::hash_secret(&SecretString::from(format!("the secret of {name}")));
    let user = NewUser {
        organization: rig.organization().await,
        name: name.to_owned(),
        secret: KeptSecret {
            hash,
            sealed: String::new(),
        },
        password_hash: Some(ie_api::password::hash(&PASSWORD.into()).unwrap()),
        role,
    };
    rig.store.create_user(&user).await.unwrap();
}

#[tokio::test]
async fn the_root_leads_to_the_dashboard_and_the_dashboard_to_the_sign_in() {
    let rig = Rig::start().await;
    let browser = Browser::new(&rig);

    assert_eq!(browser.get("/").await.location(), "/dashboard");
    assert_eq!(
        browser.get("/dashboard").await.location(),
        "/dashboard/sign-in"
    );
    let page = browser.get("/dashboard/events?status=FAILED").await;
    let to = page.location();
    assert_eq!(
        to,
        "/dashboard/sign-in?next=/dashboard/events%3Fstatus%3DFAILED"
    );
    let form = browser.get(to).await;
    assert_eq!(form.field("next"), "/dashboard/events?status=FAILED");
    let part = browser.part("/dashboard/instances").await;
    assert_eq!(part.status, StatusCode::UNAUTHORIZED);
    assert_eq!(part.header("hx-redirect"), "/dashboard/sign-in");
}

#[tokio::test]
async fn whoever_signs_in_gets_a_cookie_that_scripts_cannot_read() {
    let rig = Rig::start().await;
    let browser = Browser::new(&rig);

    let fields = [
        ("name", NAME),
        ("password", PASSWORD),
        ("next", "/dashboard/events"),
    ];
    let page = browser.post("/dashboard/sign-in", &fields).await;

    assert_eq!(page.location(), "/dashboard/events");
    let cookie = page.header("set-cookie");
    for part in [
        "HttpOnly",
        "SameSite=Lax",
        "Path=/dashboard",
        "Max-Age=43200",
    ] {
        assert!(cookie.contains(part), "{part} is not in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn behind_https_the_cookie_is_sent_over_https_only() {
    let rig = Rig::with(&[("PUBLIC_URL", "https://events.example.com")]).await;

    let fields = [("name", NAME), ("password", PASSWORD)];
    let page = Browser::new(&rig).post("/dashboard/sign-in", &fields).await;

    assert!(page.header("set-cookie").ends_with("; Secure"));
}

#[rstest]
#[case::wrong_password(NAME, "another password")]
#[case::unknown_user("nobody", PASSWORD)]
#[case::nothing("", "")]
#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_the_same(
    #[case] name: &str,
    #[case] password: &str,
) {
    let rig = Rig::start().await;

    let fields = [("name", name), ("password", password)];
    let page = Browser::new(&rig).post("/dashboard/sign-in", &fields).await;

    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.html
            .contains("That name and password do not belong together."),
        "{}",
        page.html
    );
    assert_eq!(page.header("set-cookie"), "");
}

#[tokio::test]
async fn guesses_have_to_wait_and_so_does_the_right_password_among_them() {
    let rig = Rig::start().await;
    let browser = Browser::new(&rig);
    let wrong = [("name", NAME), ("password", "a wrong password")];
    let right = [("name", NAME), ("password", PASSWORD)];

    let mut refused = browser.post("/dashboard/sign-in", &wrong).await;
    for _ in 0..10 {
        refused = browser.post("/dashboard/sign-in", &wrong).await;
    }

    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), "30");
    let page = browser.post("/dashboard/sign-in", &right).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    rig.clock.advance(Duration::from_secs(30));
    browser.post("/dashboard/sign-in", &right).await.location();
}

#[tokio::test]
async fn a_session_ends_by_signing_out_and_by_itself() {
    let rig = Rig::start().await;
    let (first, second) = (
        Browser::signed_in(&rig).await,
        Browser::signed_in(&rig).await,
    );

    let out = first.post("/dashboard/sign-out", &[]).await;

    assert_eq!(out.location(), "/dashboard/sign-in");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let page = first.get("/dashboard/system").await;
    assert!(page.location().starts_with("/dashboard/sign-in"));
    second.get("/dashboard/system").await.ok();
    rig.clock.advance(Duration::from_secs(12 * 60 * 60));
    let page = second.get("/dashboard/system").await;
    assert!(page.location().starts_with("/dashboard/sign-in"));
}

#[tokio::test]
async fn a_request_that_shows_no_token_changes_nothing() {
    let rig = Rig::start().await;
    let mut browser = Browser::signed_in(&rig).await;
    let own = std::mem::take(&mut browser.csrf);
    let other = Browser::signed_in(&rig).await.csrf;

    for shown in ["", "guess", other.as_str()] {
        let form = [("csrf", shown)];
        let page = browser
            .send(Method::POST, "/dashboard/sign-out", &[], Some(&form))
            .await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{shown:?}");
    }
    let form = [("csrf", own.as_str())];
    let elsewhere = [("sec-fetch-site", "cross-site")];
    let page = browser
        .send(Method::POST, "/dashboard/sign-out", &elsewhere, Some(&form))
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    browser.get("/dashboard/system").await.ok();
}

#[tokio::test]
async fn a_read_only_user_looks_and_changes_nothing_here_and_in_the_api() {
    let rig = Rig::start().await;
    user(&rig, "lee", Role::ReadOnly).await;
    let browser = Browser::signed_in_as(&rig, "lee", PASSWORD).await;

    let page = browser.post("/dashboard/instances", &[]).await;

    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.html.contains("read-only"), "{}", page.html);
    let credentials = rig
        .credentials()
        .replace("the-secret-of-a-user=", "the secret of lee");
    let look = rig.send(Method::GET, "/instances", Some(&credentials), "");
    assert_eq!(look.await.status, StatusCode::OK);
    let change = rig.send(Method::POST, "/instances", Some(&credentials), "{}");
    let refused = change.await.refused(StatusCode::FORBIDDEN);
    assert!(refused.contains("read-only"), "{refused}");
    browser.post("/dashboard/sign-out", &[]).await.location();
}

#[tokio::test]
async fn every_answer_has_a_policy_without_inline_scripts_and_pages_are_not_kept() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;

    for path in [
        "/dashboard/sign-in",
        "/dashboard/system",
        "/dashboard/nothing",
        "/dashboard/assets/dashboard.js",
    ] {
        let page = browser.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        let kept = page.header("cache-control");
        assert_eq!(
            kept.contains("immutable"),
            path.contains("assets"),
            "{path}: {kept}"
        );
    }
    let missing = browser.get("/dashboard/nothing").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.html.contains("there is no such page"));
}
