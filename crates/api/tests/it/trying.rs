//! A key and a callback are tried before they are saved.

use std::sync::Arc;

use ie_broker::{ConsumerSettings, Delivery, Failure, Handler};
use ie_model::instance::secret;
use ie_model::{Attempt, Instance, Notification, NotificationStatus, Purpose, Role};
use ie_platform::secret::ExposeSecret as _;
use ie_store::{AttemptRecord, Store};
use reqwest::StatusCode;
use serde_json::json;
use tokio::sync::mpsc;

use crate::browser::{Browser, PASSWORD};
use crate::rig::{KEY, Rig, id};
use crate::sign_in::user;

const KEY_PATH: &str = "/dashboard/instances/test-key";
const CALLBACK_PATH: &str = "/dashboard/instances/test-callback";

/// A dispatcher that finds the trial, as the real one does, and whose callback accepts.
struct Dispatcher {
    store: Store,
    seen: mpsc::UnboundedSender<(Notification, Instance)>,
}

#[async_trait::async_trait]
impl Handler<Notification> for Dispatcher {
    async fn handle(&self, message: Notification, _: &Delivery) -> Result<(), Failure> {
        assert_eq!(message.purpose, Purpose::Test);
        let trial = self.store.trial(message.instance).await.unwrap().unwrap();
        let attempt = Attempt {
            notification: message.id,
            number: 1,
            at: message.created_at,
            duration_ms: 41,
            status_code: Some(202),
            error: None,
            response: Some("thank you".to_owned()),
            error_class: None,
            headers: None,
        };
        let record = AttemptRecord {
            attempt,
            status: NotificationStatus::Notified,
            due_at: None,
        };
        self.store.record_attempts(&[record]).await.unwrap();
        self.seen.send((message, trial)).unwrap();
        Ok(())
    }
}

fn dispatch(rig: &Rig) -> mpsc::UnboundedReceiver<(Notification, Instance)> {
    let (seen, trials) = mpsc::unbounded_channel();
    let (broker, lifecycle) = (rig.broker.clone(), rig.context.lifecycle.clone());
    let store = rig.store.clone();
    rig.context.lifecycle.spawn("dispatcher", async move {
        let handler = Arc::new(Dispatcher { store, seen });
        let settings = ConsumerSettings { prefetch: 1 };
        broker.consume(settings, handler, &lifecycle).await
    });
    trials
}

fn opened(rig: &Rig, trial: &Instance, name: &str) -> Option<String> {
    let sealed = trial.secrets.get(name)?;
    let context = secret::context(trial.id, name);
    let opened = rig.sealer.open(sealed, &context).unwrap();
    Some(opened.expose_secret().to_owned())
}

#[tokio::test]
async fn a_good_key_says_whose_it_is_and_a_wrong_one_why_it_is_refused() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;

    let good = browser
        .post(KEY_PATH, &[("password", KEY), ("username", "me")])
        .await
        .ok();
    let wrong = browser
        .post(KEY_PATH, &[("password", "no key"), ("username", "me")])
        .await
        .ok();
    let none = browser.post(KEY_PATH, &[("username", "me")]).await.ok();
    let elsewhere = [
        ("password", KEY),
        ("username", "me"),
        ("base_url", "https://example.com"),
    ];
    let elsewhere = browser.post(KEY_PATH, &elsewhere).await.ok();

    assert!(
        good.contains("accepts the key") && good.contains("(simulated)"),
        "{good}"
    );
    assert!(
        good.contains("Left today") && !good.contains("without a name"),
        "{good}"
    );
    assert!(wrong.contains("refuses the API key"), "{wrong}");
    assert!(none.contains("API key: "), "{none}");
    assert!(elsewhere.contains("API address: "), "{elsewhere}");
    for page in [good, wrong, none, elsewhere] {
        assert!(!page.contains(KEY) && !page.contains("no key"), "{page}");
    }
    assert_eq!(
        rig.get("/instances").await.ok(),
        json!([]),
        "nothing is stored"
    );
}

#[tokio::test]
async fn the_stored_key_is_tried_while_none_is_entered() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let instance = id(&rig.instance(&json!({})).await).to_string();

    let stored = browser
        .post(KEY_PATH, &[("instance", &instance), ("username", "me")])
        .await
        .ok();
    let entered = [
        ("instance", instance.as_str()),
        ("username", "me"),
        ("password", "no key"),
    ];
    let entered = browser.post(KEY_PATH, &entered).await.ok();

    assert!(stored.contains("accepts the key"), "{stored}");
    assert!(entered.contains("refuses the API key"), "{entered}");
}

#[tokio::test]
async fn a_callback_is_called_signed_and_nothing_is_left_of_the_trial() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let mut trials = dispatch(&rig);
    let fields = [
        ("callback", "https://example.com/new"),
        ("signature_key", "a signature key"),
    ];

    let page = browser.post(CALLBACK_PATH, &fields).await.ok();

    assert!(
        page.contains("accepted it") && page.contains("thank you"),
        "{page}"
    );
    let (message, trial) = trials.recv().await.unwrap();
    assert_eq!(
        trial.settings.callback_url.as_deref(),
        Some("https://example.com/new")
    );
    assert_eq!(
        opened(&rig, &trial, secret::SIGNATURE_KEY).as_deref(),
        Some("a signature key")
    );
    assert!(
        opened(&rig, &trial, secret::WEBHOOK_SECRET)
            .unwrap()
            .starts_with("whsec_")
    );
    assert_eq!(opened(&rig, &trial, secret::API_KEY), None);
    assert!(
        message.body.get().contains("\"test\":true"),
        "{}",
        message.body
    );
    assert_eq!(rig.store.trial(trial.id).await.unwrap(), None);
    assert_eq!(rig.get("/instances").await.ok(), json!([]));
    let events = browser.get("/dashboard/events").await.ok();
    assert!(events.contains("No events here"), "{events}");
}

#[tokio::test]
async fn another_callback_of_an_instance_is_tried_with_its_own_secrets() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let mut trials = dispatch(&rig);
    let own = json!({"event.notification.signature.key": "the stored one",
        "event.notification.basic.username": "me", "event.notification.basic.password": "basic"});
    let created = rig.instance(&own).await;
    let instance = id(&created).to_string();
    let fields = [
        ("instance", instance.as_str()),
        ("callback", "https://example.com/other"),
    ];

    browser.post(CALLBACK_PATH, &fields).await.ok();

    let (_, trial) = trials.recv().await.unwrap();
    assert_eq!(
        opened(&rig, &trial, secret::SIGNATURE_KEY).as_deref(),
        Some("the stored one")
    );
    assert_eq!(
        opened(&rig, &trial, secret::BASIC_PASSWORD).as_deref(),
        Some("basic")
    );
    let webhook = opened(&rig, &trial, secret::WEBHOOK_SECRET);
    assert_eq!(webhook.as_deref(), created["webhookSecret"].as_str());
    let stored = rig.get(&format!("/instances/{instance}")).await.ok();
    assert_eq!(
        stored["configuration"]["event.notification.callback.url"],
        "https://example.com/events"
    );
}

#[tokio::test]
async fn a_callback_that_cannot_be_one_is_not_called() {
    let rig = Rig::with(&[("OUTGOING__ALLOW_HTTP", "false")]).await;
    let browser = Browser::signed_in(&rig).await;

    let none = browser.post(CALLBACK_PATH, &[]).await.ok();
    let plain = browser
        .post(CALLBACK_PATH, &[("callback", "http://example.com")])
        .await
        .ok();
    let odd = browser
        .post(CALLBACK_PATH, &[("callback", "ftp://example.com")])
        .await
        .ok();

    assert!(none.contains("Enter the callback URL first"), "{none}");
    assert!(
        plain.contains("Callback URL: ") && plain.contains("https"),
        "{plain}"
    );
    assert!(odd.contains("Callback URL: "), "{odd}");
}

#[tokio::test]
async fn tries_are_for_admins_with_a_token_and_not_too_many() {
    let rig = Rig::start().await;
    user(&rig, "lee", Role::ReadOnly).await;
    let lee = Browser::signed_in_as(&rig, "lee", PASSWORD).await;
    let browser = Browser::signed_in(&rig).await;
    let mut stranger = browser.clone();
    stranger.csrf = "another".to_owned();
    let fields = [("password", "no key"), ("username", "me")];

    for path in [KEY_PATH, CALLBACK_PATH] {
        let refused = lee.post(path, &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.html);
        let forged = stranger.post(path, &fields).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN, "{}", forged.html);
    }
    for _ in 0..10 {
        browser.post(KEY_PATH, &fields).await.ok();
    }
    let many = browser.post(KEY_PATH, &fields).await;
    assert_eq!(many.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(many.header("retry-after"), "30");
    rig.clock.advance(std::time::Duration::from_secs(30));
    browser.post(KEY_PATH, &fields).await.ok();
}
