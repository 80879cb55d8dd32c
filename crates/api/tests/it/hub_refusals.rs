//! What `/hubs/crm/…` refuses, and what it says when Insightly does.

use std::time::Duration;

use ie_model::{AccountKey, InstanceId, Role};
use ie_simulator::{Fault, KeyChange, LimitsChange, Rule, Seed};
use ie_store::{Ask, Note, Permit, Rate};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Answer, KEY, Rig, id};
use crate::sign_in::user;

/// A rig with one contact, its instance, and the `Authorization` with the Element token.
struct Site {
    rig: Rig,
    instance: Value,
    element: String,
    contact: String,
}

impl Site {
    async fn start() -> Self {
        let rig = Rig::with(&[("HUB_REQUESTS_PER_SECOND", "1000")]).await;
        let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
        let token = instance["token"].as_str().unwrap();
        let seeded = rig.insightly.control().seed(&Seed::of("Contacts", 1));
        Self {
            element: format!("{}, Element {token}", rig.credentials()),
            contact: format!("/hubs/crm/contacts/{}", seeded.unwrap().first_id),
            instance,
            rig,
        }
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        self.rig.send(method, path, Some(&self.element), body).await
    }

    async fn read(&self) -> Answer {
        self.send(Method::GET, &self.contact, "").await
    }

    async fn create(&self, body: &str) -> Answer {
        self.send(Method::POST, "/hubs/crm/contacts", body).await
    }

    async fn account(&self) -> AccountKey {
        let id = InstanceId(id(&self.instance));
        let stored = self.rig.store.instance(id).await.unwrap();
        stored.unwrap().account
    }

    /// What Insightly said last of the day.
    async fn note(&self, limit: u32, remaining: u32) {
        let note = Note {
            limit: Some(limit),
            remaining: Some(remaining),
            ..Note::default()
        };
        let (account, now) = (self.account().await, self.rig.context.clock.now());
        let noted = self.rig.store.note_budget(&account, note, now);
        noted.await.unwrap();
    }

    fn key(&self, change: KeyChange) {
        let change = KeyChange {
            key: KEY.to_owned(),
            ..change
        };
        self.rig.insightly.control().set_key(&change).unwrap();
    }

    fn requests(&self) -> u64 {
        self.rig.insightly.control().statistics().total()
    }
}

#[track_caller]
fn retry_after(answer: &Answer) -> u64 {
    answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn what_insightly_does_not_take_keeps_its_words() {
    let site = Site::start().await;

    let created = site.create(r#"{"ORGANISATION_ID": "seven"}"#).await;
    let updated = site
        .send(Method::PATCH, &site.contact, r#"{"ORGANISATION_ID": []}"#)
        .await;

    for answer in [created, updated] {
        let words = answer.body["providerMessage"].as_str().unwrap();
        assert!(words.contains("ORGANISATION_ID"), "{words}");
        answer.refused(StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_key_that_may_not_is_told_from_secrets_that_are_wrong() {
    let site = Site::start().await;

    site.key(KeyChange {
        forbidden: Some(vec!["Contacts".to_owned()]),
        ..KeyChange::default()
    });
    let forbidden = site.read().await;
    site.key(KeyChange {
        revoked: Some(true),
        ..KeyChange::default()
    });
    let refused = site.read().await;

    let words = &forbidden.body["providerMessage"];
    assert_eq!(words, "You do not have permission to access this object.");
    forbidden.refused(StatusCode::FORBIDDEN);
    let words = &refused.body["providerMessage"];
    assert_eq!(words, "Authorization has been denied for this request.");
    let message = refused.refused(StatusCode::UNAUTHORIZED);
    assert!(
        message.contains("the API key of this instance"),
        "{message}"
    );
}

#[rstest]
#[case(Method::GET, "/hubs/crm/contacts/999999999", StatusCode::NOT_FOUND)]
#[case(Method::DELETE, "/hubs/crm/contacts/999999999", StatusCode::NOT_FOUND)]
#[case(Method::POST, "/hubs/crm/users", StatusCode::METHOD_NOT_ALLOWED)]
#[case(Method::POST, "/hubs/crm/me", StatusCode::METHOD_NOT_ALLOWED)]
#[case(Method::DELETE, "/hubs/crm/contacts", StatusCode::METHOD_NOT_ALLOWED)]
#[tokio::test]
async fn what_is_not_there_or_not_offered(
    #[case] method: Method,
    #[case] path: &str,
    #[case] status: StatusCode,
) {
    let site = Site::start().await;

    site.send(method, path, "{}").await.refused(status);
}

#[rstest]
#[case("", "the body is empty")]
#[case("[]", "$: expected an object")]
#[case("{\"FIRST_NAME\": \"Ada\"", "the body is not valid JSON")]
#[tokio::test]
async fn a_body_that_is_no_record_is_not_sent(#[case] body: &str, #[case] why: &str) {
    let site = Site::start().await;
    let before = site.requests();

    let message = site.create(body).await.refused(StatusCode::BAD_REQUEST);

    assert!(message.contains(why), "{message}");
    assert_eq!(site.requests(), before);
}

#[tokio::test]
async fn a_body_without_end_is_not_sent() {
    let site = Site::start().await;
    let body = json!({"FIRST_NAME": "a".repeat(2_000_000)}).to_string();

    site.create(&body)
        .await
        .refused(StatusCode::PAYLOAD_TOO_LARGE);
}

#[rstest]
#[case::failing(Fault::Status { status: 503, retry_after: Some(7) }, Some(7))]
#[case::maintenance(Fault::Maintenance { status: 200 }, None)]
#[case::cut_off(Fault::CutBefore, None)]
#[case::truncated(Fault::TruncatedJson, None)]
#[tokio::test]
async fn an_insightly_that_fails_is_no_fault_of_the_client(
    #[case] fault: Fault,
    #[case] wait: Option<u64>,
) {
    let site = Site::start().await;
    site.rig.insightly.control().misbehave(Rule::always(fault));

    let read = site.read().await;
    let changed = site.create("{}").await;

    let told = read.headers.get("retry-after").map(|_| retry_after(&read));
    assert_eq!(told, wait);
    let message = read.refused(StatusCode::BAD_GATEWAY);
    assert!(message.ends_with("; try again"), "{message}");
    let message = changed.refused(StatusCode::BAD_GATEWAY);
    assert!(
        message.contains("whether it had an effect is not known"),
        "{message}"
    );
}

#[tokio::test]
async fn an_insightly_that_is_too_slow_is_not_waited_for() {
    let fields = [
        ("INSIGHTLY_TIMEOUT", "1s"),
        ("HUB_REQUESTS_PER_SECOND", "1000"),
    ];
    let rig = Rig::with(&fields).await;
    let instance = rig.instance(&json!({})).await;
    let element = format!(
        "{}, Element {}",
        rig.credentials(),
        instance["token"].as_str().unwrap()
    );
    let slow = Fault::Latency {
        min_ms: 60_000,
        max_ms: 60_000,
    };
    rig.insightly.control().misbehave(Rule::always(slow));

    let answer = rig
        .send(Method::GET, "/hubs/crm/contacts", Some(&element), "")
        .await;

    answer.refused(StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn another_organization_and_no_token_reach_nothing() {
    let site = Site::start().await;
    let token = site.instance["token"].as_str().unwrap();
    let other = site.rig.other_organization().await;
    let before = site.requests();

    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for credentials in [
            format!("{other}, Element {token}"),
            format!("User other-user, Element {token}"),
        ] {
            let path = &site.contact;
            let answer = site
                .rig
                .send(method.clone(), path, Some(&credentials), "{}")
                .await;
            answer.refused(StatusCode::UNAUTHORIZED);
        }
        let answer = site.rig.call(method, &site.contact, Some(&json!({}))).await;
        let message = answer.refused(StatusCode::BAD_REQUEST);
        assert!(message.contains("Element token"), "{message}");
    }
    assert_eq!(site.requests(), before);
}

#[tokio::test]
async fn a_read_only_user_reads_and_writes_nothing() {
    let site = Site::start().await;
    user(&site.rig, "lee", Role::ReadOnly).await;
    let credentials = site
        .element
        .replace("the-secret-of-a-user=", "the secret of lee");

    let read = site
        .rig
        .send(Method::GET, &site.contact, Some(&credentials), "")
        .await;
    read.ok();
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = site
            .rig
            .send(method, &site.contact, Some(&credentials), "{}")
            .await;
        answer.refused(StatusCode::FORBIDDEN);
    }
    let created = site
        .rig
        .send(Method::POST, "/hubs/crm/contacts", Some(&credentials), "{}")
        .await;
    created.refused(StatusCode::FORBIDDEN);
    site.read().await.ok();
}

#[tokio::test]
async fn a_request_counts_against_the_budget_of_the_account() {
    let site = Site::start().await;
    let limits = LimitsChange {
        per_day: Some(1000),
        per_second: Some(1000),
        ..LimitsChange::default()
    };
    site.rig.insightly.control().set_limits(&limits).unwrap();

    site.read().await.ok();
    site.create("{}").await.ok();
    site.send(Method::GET, "/hubs/crm/contacts/999999999", "")
        .await;

    let budget = site
        .rig
        .get(&format!("/instances/{}/budget", site.instance["id"]))
        .await
        .ok();
    assert_eq!(
        (&budget["used"], &budget["limit"]),
        (&json!(3), &json!(1000))
    );
}

#[tokio::test]
async fn a_day_that_is_spent_is_told_with_the_time_until_the_next() {
    let site = Site::start().await;
    site.note(1000, 0).await;
    let before = site.requests();

    let answer = site.read().await;

    // From 10:00 to midnight.
    assert_eq!(retry_after(&answer), 14 * 3600);
    let message = answer.refused(StatusCode::TOO_MANY_REQUESTS);
    assert!(message.contains("used up its requests"), "{message}");
    assert_eq!(site.requests(), before);
}

#[tokio::test]
async fn a_day_that_insightly_says_is_spent_is_remembered() {
    let site = Site::start().await;
    let limits = LimitsChange {
        per_day: Some(1),
        used_today: Some(1),
        ..LimitsChange::default()
    };
    site.rig.insightly.control().set_limits(&limits).unwrap();

    let asked = site.read().await;
    let before = site.requests();
    let again = site.read().await;

    assert_eq!(retry_after(&asked), 14 * 3600);
    asked.refused(StatusCode::TOO_MANY_REQUESTS);
    again.refused(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(site.requests(), before);
}

#[tokio::test]
async fn what_polls_need_of_the_day_is_left_to_them() {
    let site = Site::start().await;
    // One poller, every 15 minutes, one request each: 56 from 10:00 to midnight.
    site.note(1000, 57).await;
    let limits = LimitsChange {
        per_day: Some(1000),
        per_second: Some(1000),
        used_today: Some(943),
        ..LimitsChange::default()
    };
    site.rig.insightly.control().set_limits(&limits).unwrap();

    site.read().await.ok();
    let refused = site.read().await.refused(StatusCode::TOO_MANY_REQUESTS);

    assert!(
        refused.contains("but for 56 that its polls need"),
        "{refused}"
    );
    let now = site.rig.context.clock.now() + Duration::from_secs(1);
    let (account, rate) = (site.account().await, Rate::per_second(9.7));
    let poll = site
        .rig
        .store
        .take_permit(&account, rate, Ask::at_once(now));
    assert_eq!(poll.await.unwrap(), Permit::Granted { at: now });
}

#[tokio::test]
async fn a_burst_holds_the_account_and_clients_do_not_wait_long() {
    let site = Site::start().await;
    let burst = Fault::Status {
        status: 429,
        retry_after: Some(30),
    };
    site.rig
        .insightly
        .control()
        .misbehave(Rule::always(burst).times(1));

    let burst = site.read().await;
    let before = site.requests();
    let held = site.read().await;
    site.rig.clock.advance(Duration::from_secs(30));
    let later = site.read().await;

    assert_eq!((retry_after(&burst), retry_after(&held)), (30, 30));
    burst.refused(StatusCode::TOO_MANY_REQUESTS);
    held.refused(StatusCode::TOO_MANY_REQUESTS);
    later.ok();
    assert_eq!(site.requests(), before + 1);
}
