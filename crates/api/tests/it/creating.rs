//! `POST /instances`.

use ie_model::PollerStatus;
use ie_simulator::{Fault, KeyChange, LimitsChange, Rule};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{INSIGHTLYS_NOW, KEY, NOW, Rig, body, id, path};

const FIRST: &str = include_str!("../fixtures/seed-first.json");
const SECOND: &str = include_str!("../fixtures/seed-second.json");
/// What stands in the page's second body for a user and a key.
const PLACEHOLDER: &str = "\"xxxxxxxxxxxxxxxxxxxxxxxx\"";

#[tokio::test]
async fn the_pages_first_body_makes_an_instance_with_four_pollers() {
    // The page's callback has no TLS.
    let rig = Rig::with(&[("OUTGOING__ALLOW_HTTP", "true")]).await;
    let mut body: Value = serde_json::from_str(FIRST).unwrap();
    body["name"] = json!("My CRM");
    body["configuration"]["username"] = json!("me@example.com");
    body["configuration"]["password"] = json!(KEY);

    let mut answer = rig.post("/instances", &body).await.ok();

    let pollers = rig
        .store
        .pollers(ie_model::InstanceId(id(&answer)))
        .await
        .unwrap();
    let polled: Vec<&str> = pollers
        .iter()
        .map(|poller| poller.resource.as_str())
        .collect();
    assert_eq!(polled, ["accounts", "contacts", "leads", "opportunities"]);
    for secret in ["token", "webhookSecret", "hintUrl"] {
        assert!(answer[secret].as_str().unwrap().len() > 40);
        answer[secret] = json!("(chance)");
    }
    insta::assert_json_snapshot!(answer);
}

#[tokio::test]
async fn the_pages_second_body_is_refused_until_its_errors_are_mended() {
    let rig = Rig::start().await;
    let credentials = rig.credentials().to_owned();
    let send = |text: String| {
        let (rig, credentials) = (&rig, &credentials);
        async move {
            rig.send(Method::POST, "/instances", Some(credentials), &text)
                .await
        }
    };

    let as_it_stands = send(SECOND.to_owned())
        .await
        .refused(StatusCode::BAD_REQUEST);
    assert_eq!(
        as_it_stands,
        "the body is not valid JSON: expected `,` or `}` at line 11 column 3; \
         look at that place and just before it, for a comma, a quote or a bracket"
    );

    let comma = SECOND.replace(
        "\"\n  \"event.notification.enabled\"",
        "\",\n  \"event.notification.enabled\"",
    );
    let with_comma = send(comma.clone()).await.refused(StatusCode::BAD_REQUEST);
    assert!(
        with_comma.contains(r#"got "DATE_UPDATED.UTC"; did you mean DATE_UPDATED_UTC?"#),
        "{with_comma}"
    );
    assert!(
        with_comma.contains(r#"got "DATE_CREATED.UTC"; did you mean DATE_CREATED_UTC?"#),
        "{with_comma}"
    );

    let fields = comma.replace("ED.UTC", "ED_UTC");
    let refused_key = send(fields.clone()).await;
    assert_eq!(
        refused_key.body["providerMessage"],
        "Authorization has been denied for this request."
    );

    let answer = send(fields.replace(PLACEHOLDER, &format!("\"{KEY}\"")))
        .await
        .ok();
    assert_eq!(answer["name"], "API Instance with Polling");
    assert_eq!(answer["tags"], json!(["Docs"]));
    let sent =
        &answer["configuration"]["event.poller.configuration"]["contacts"]["datesConfiguration"];
    assert_eq!(
        sent["updatedAtField"], "DATE_UPDATED_UTC",
        "the spelling is given back as sent"
    );
}

#[tokio::test]
async fn pollers_begin_at_insightlys_time_and_are_due_at_once() {
    let rig = Rig::start().await;

    let answer = rig
        .instance(&json!({"event.objects": "contacts", "event.poller.refresh_interval": "7"}))
        .await;

    let pollers = rig
        .store
        .pollers(ie_model::InstanceId(id(&answer)))
        .await
        .unwrap();
    let poller = &pollers[0];
    assert_eq!(
        poller.cursor,
        INSIGHTLYS_NOW
            .parse::<chrono::DateTime<chrono::Utc>>()
            .unwrap()
    );
    assert_eq!(poller.baseline, poller.cursor);
    assert_eq!(poller.interval_minutes, 7);
    assert_eq!(poller.status, PollerStatus::Active);
    let now: chrono::DateTime<chrono::Utc> = NOW.parse().unwrap();
    assert!(poller.due_at >= now && poller.due_at <= now + chrono::TimeDelta::seconds(5));
}

#[tokio::test]
async fn without_events_the_pollers_are_paused() {
    let rig = Rig::start().await;

    let answer = rig
        .instance(&json!({"event.notification.enabled": false}))
        .await;

    let pollers = rig
        .store
        .pollers(ie_model::InstanceId(id(&answer)))
        .await
        .unwrap();
    assert!(
        pollers
            .iter()
            .all(|poller| poller.status == PollerStatus::Paused)
    );
}

#[tokio::test]
async fn the_account_is_the_one_that_insightly_names() {
    let rig = Rig::start().await;

    let answer = rig.instance(&json!({})).await;

    let instance = rig
        .store
        .instance(ie_model::InstanceId(id(&answer)))
        .await
        .unwrap()
        .unwrap();
    let address = rig.insightly.address().to_string();
    assert!(
        instance.account.0.starts_with(&address),
        "{}",
        instance.account
    );
}

#[tokio::test]
async fn a_refused_key_is_told_in_insightlys_words_and_nothing_is_stored() {
    let rig = Rig::start().await;

    let answer = rig
        .post("/instances", &body(&json!({"password": "wrong"})))
        .await;

    assert_eq!(
        answer.body["providerMessage"],
        "Authorization has been denied for this request."
    );
    let message = answer.refused(StatusCode::BAD_REQUEST);
    assert_eq!(
        message,
        "insightly refuses the API key in configuration.password; Insightly shows the right one in User Settings, under API"
    );
    assert_eq!(rig.get("/instances").await.ok(), json!([]));
}

#[tokio::test]
async fn an_insightly_that_cannot_be_reached_is_a_502_and_nothing_is_stored() {
    let rig = Rig::with(&[("INSIGHTLY_URLS", r#"["http://127.0.0.1:*"]"#)]).await;
    // A port that was free a moment ago: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();

    let answer = rig
        .post(
            "/instances",
            &body(&json!({"base.url": format!("http://{free}/v3.1")})),
        )
        .await;

    assert_eq!(
        answer.refused(StatusCode::BAD_GATEWAY),
        "insightly cannot be reached or is failing, so that the key could not be checked; nothing was stored, try again"
    );
    assert_eq!(rig.get("/instances").await.ok(), json!([]));
}

#[tokio::test]
async fn an_insightly_that_never_answers_is_a_502_after_the_time_limit() {
    let rig = Rig::with(&[("INSIGHTLY_TIMEOUT", "50ms")]).await;
    let slow = Fault::Latency {
        min_ms: 60_000,
        max_ms: 60_000,
    };
    rig.insightly.control().misbehave(Rule::always(slow));

    let answer = rig.post("/instances", &body(&json!({}))).await;

    let message = answer.refused(StatusCode::BAD_GATEWAY);
    assert!(
        message.starts_with("insightly did not answer in time"),
        "{message}"
    );
    assert_eq!(rig.get("/instances").await.ok(), json!([]));
}

#[tokio::test]
async fn an_insightly_under_maintenance_is_a_502() {
    let rig = Rig::start().await;
    rig.insightly
        .control()
        .misbehave(Rule::always(Fault::Maintenance { status: 200 }));

    let answer = rig.post("/instances", &body(&json!({}))).await;

    let message = answer.refused(StatusCode::BAD_GATEWAY);
    assert!(
        message.starts_with("insightly's answer cannot be read"),
        "{message}"
    );
}

#[tokio::test]
async fn a_rate_limit_says_when_to_try_again() {
    let rig = Rig::start().await;
    let limited = Fault::Status {
        status: 429,
        retry_after: Some(3),
    };
    rig.insightly.control().misbehave(Rule::always(limited));

    let answer = rig.post("/instances", &body(&json!({}))).await;

    assert_eq!(answer.headers["retry-after"], "3");
    let message = answer.refused(StatusCode::TOO_MANY_REQUESTS);
    assert!(
        message.starts_with("insightly limits the rate"),
        "{message}"
    );
}

#[tokio::test]
async fn a_spent_day_says_so() {
    let rig = Rig::start().await;
    let spent = LimitsChange {
        per_day: Some(10),
        used_today: Some(10),
        ..LimitsChange::default()
    };
    rig.insightly.control().set_limits(&spent).unwrap();

    let answer = rig.post("/instances", &body(&json!({}))).await;

    let message = answer.refused(StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        message.contains("used up its requests of the day"),
        "{message}"
    );
}

#[tokio::test]
async fn a_user_without_api_access_is_told_so() {
    let rig = Rig::start().await;
    let forbidden = KeyChange {
        key: KEY.to_owned(),
        forbidden: Some(vec!["Users".to_owned()]),
        ..KeyChange::default()
    };
    rig.insightly.control().set_key(&forbidden).unwrap();

    let answer = rig.post("/instances", &body(&json!({}))).await;

    let message = answer.refused(StatusCode::BAD_REQUEST);
    assert!(
        message.starts_with("insightly does not let the user of this API key"),
        "{message}"
    );
}

#[tokio::test]
async fn an_unknown_connector_is_a_404_that_names_the_known() {
    let rig = Rig::start().await;
    let mut body = body(&json!({}));
    body["element"]["key"] = json!("salesforce");

    let answer = rig.post("/instances", &body).await;

    assert_eq!(
        answer.refused(StatusCode::NOT_FOUND),
        r#"no such connector "salesforce", the known ones are: insightly"#
    );
}

#[tokio::test]
async fn everything_wrong_is_told_at_once_and_insightly_is_not_asked() {
    let rig = Rig::start().await;
    rig.insightly
        .control()
        .misbehave(Rule::always(Fault::CutBefore));
    let wrong = json!({
        "event.notification.callback.url": "mycoolapp.com",
        "event.poller.refresh_interval": 0.5,
        "event.objects": "contcts",
    });

    let message = rig
        .post("/instances", &body(&wrong))
        .await
        .refused(StatusCode::BAD_REQUEST);

    assert_eq!(
        message,
        "3 problems: \
         (1) $.configuration['event.notification.callback.url']: expected an http or https address, \
         got \"mycoolapp.com\"; put https:// or http:// in front of it; \
         (2) $.configuration['event.poller.refresh_interval']: \
         expected a whole number of minutes from 1 to 43200, got 0.5; \
         (3) $.configuration['event.objects']: expected the name of a resource that can be polled, \
         got \"contcts\"; did you mean contacts?"
    );
}

#[tokio::test]
async fn the_operator_decides_which_addresses_may_be_asked() {
    let rig = Rig::start().await;
    let elsewhere = body(&json!({"base.url": "http://169.254.169.254/v3.1"}));

    let message = rig
        .post("/instances", &elsewhere)
        .await
        .refused(StatusCode::BAD_REQUEST);

    assert_eq!(
        message,
        "$.configuration['base.url']: expected an address that this service's operator allows \
         (https://api.*.insightly.com), got \"http://169.254.169.254/v3.1\""
    );
}

#[tokio::test]
async fn unknown_entries_are_given_back_and_listed() {
    let rig = Rig::start().await;

    let answer = rig
        .instance(&json!({"event.metadata": {"polling": 1}}))
        .await;

    assert_eq!(
        answer["configuration"]["event.metadata"],
        json!({"polling": 1})
    );
    assert_eq!(
        answer["warnings"],
        json!(["$.configuration['event.metadata'] is not known: it is kept and has no effect"])
    );
    let again = rig.get(&path(&answer)).await.ok();
    assert_eq!(again["configuration"], answer["configuration"]);
}
