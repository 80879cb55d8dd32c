//! What a callback gets, and what is kept of its answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ie_model::NotificationStatus::{Dispatched, Notified};
use ie_model::instance::secret;
use sha2::Sha256;

use crate::support::{Answer, NewInstance, Receiver, Rig};

fn hmac_of(key: &[u8], text: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn a_notification_is_posted_and_recorded() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let instance = rig.instance(&receiver.url("/hook?token=t")).await;

    let notification = rig.notify(instance).await;

    let received = receiver.next().await;
    assert_eq!(received.method, "POST");
    assert_eq!(received.path, "/hook?token=t");
    assert_eq!(received.body, notification.body.get());
    assert_eq!(received.header("content-type"), "application/json");
    let id = notification.id.to_string();
    assert_eq!(received.header("elements-webhook-id"), id);
    assert!(
        received
            .header("user-agent")
            .starts_with("insightly-events/")
    );
    let stored = rig.reaches(&notification, Notified).await;
    assert_eq!((stored.attempts, stored.due_at), (1, None));
    let attempts = rig.attempts(&notification).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].status_code, Some(200));
    assert_eq!(attempts[0].error, None);
    assert_eq!(attempts[0].response.as_deref(), Some("thank you"));
    rig.stop(0).await;
}

#[tokio::test]
async fn both_signatures_can_be_verified_by_the_receiver() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let webhook_key = b"0123456789abcdef0123456789abcdef";
    let new = NewInstance::notifying(&receiver.url("/"))
        .with_secret(secret::SIGNATURE_KEY, "the signature key")
        .with_secret(
            secret::WEBHOOK_SECRET,
            &format!("whsec_{}", STANDARD.encode(webhook_key)),
        );
    let instance = rig.instance_with(new).await;

    let notification = rig.notify(instance).await;

    let received = receiver.next().await;
    let elements = format!("sha256={}", hmac_of(b"the signature key", &received.body));
    assert_eq!(received.header("elements-webhook-signature"), elements);
    let id = received.header("webhook-id").to_owned();
    assert_eq!(id, notification.id.to_string());
    let timestamp = received.header("webhook-timestamp").to_owned();
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(&received.body);
    let standard = format!("v1,{}", hmac_of(webhook_key, &signed));
    assert_eq!(received.header("webhook-signature"), standard);
    let age = crate::support::now().timestamp() - timestamp.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{age}");
    rig.reaches(&notification, Notified).await;
    rig.stop(0).await;
}

#[tokio::test]
async fn basic_authentication_and_extra_headers_are_sent_and_reserved_ones_are_not() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let new = NewInstance::notifying(&receiver.url("/"))
        .with_configuration("event.notification.basic.username", "user")
        .with_secret(secret::BASIC_PASSWORD, "open sesame")
        .with_secret(
            secret::CALLBACK_HEADERS,
            r#"{"X-Tenant": "7", "Host": "evil.example", "Content-Length": "1"}"#,
        );
    let instance = rig.instance_with(new).await;

    let notification = rig.notify(instance).await;

    let received = receiver.next().await;
    let credentials = STANDARD.encode("user:open sesame");
    assert_eq!(
        received.header("authorization"),
        format!("Basic {credentials}")
    );
    assert_eq!(received.header("x-tenant"), "7");
    let host = format!("127.0.0.1:{}", receiver.port());
    assert_eq!(received.header("host"), host);
    assert_eq!(received.body, notification.body.get());
    rig.reaches(&notification, Notified).await;
    rig.stop(0).await;
}

#[tokio::test]
async fn every_attempt_posts_the_same_bytes_under_the_same_id() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([Answer::status(500), Answer::status(503)]);
    let new = NewInstance::notifying(&receiver.url("/"))
        .with_secret(secret::SIGNATURE_KEY, "the signature key");
    let instance = rig.instance_with(new).await;

    let notification = rig.notify(instance).await;

    let attempts = [
        receiver.next().await,
        receiver.next().await,
        receiver.next().await,
    ];
    for attempt in &attempts {
        assert_eq!(attempt.body, notification.body.get());
        let id = notification.id.to_string();
        assert_eq!(attempt.header("elements-webhook-id"), id);
        let signature = attempt.header("elements-webhook-signature");
        assert_eq!(signature, attempts[0].header("elements-webhook-signature"));
    }
    rig.reaches(&notification, Notified).await;
    rig.stop(0).await;
}

#[tokio::test]
async fn of_a_long_answer_4_kib_are_kept() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(200).with_body("x".repeat(1_000_000)));
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    receiver.next().await;
    rig.reaches(&notification, Notified).await;
    let attempts = rig.attempts(&notification).await;
    assert_eq!(attempts[0].response, Some("x".repeat(4096)));
    rig.stop(0).await;
}

#[tokio::test]
async fn an_answer_that_is_no_text_is_kept_as_text() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(200).with_body(b"a\0\xff".to_vec()));
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    receiver.next().await;
    rig.reaches(&notification, Notified).await;
    let attempts = rig.attempts(&notification).await;
    assert_eq!(attempts[0].response.as_deref(), Some("a\u{fffd}\u{fffd}"));
    rig.stop(0).await;
}

#[tokio::test]
async fn any_2xx_is_an_acceptance() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([201, 202, 204].map(Answer::status));
    let instance = rig.instance(&receiver.url("/")).await;

    for status in [201, 202, 204] {
        let notification = rig.notify(instance).await;
        receiver.next().await;
        rig.reaches(&notification, Notified).await;

        let attempts = rig.attempts(&notification).await;
        assert_eq!(attempts[0].status_code, Some(status));
    }
    rig.stop(0).await;
}

#[tokio::test]
async fn a_changed_callback_is_used_soon() {
    let rig = Rig::start(&[(
        "schedule",
        "[20ms, 20ms, 20ms, 20ms, 20ms, 20ms, 20ms, 20ms]",
    )])
    .await;
    let mut former = Receiver::start().await;
    former.answer(Answer::status(500));
    let mut latter = Receiver::start().await;
    let instance = rig.instance(&former.url("/")).await;
    let notification = rig.notify(instance).await;
    former.next().await;
    rig.reaches(&notification, Dispatched).await;

    let mut changed = rig.store.instance(instance).await.unwrap().unwrap();
    changed.settings.callback_url = Some(latter.url("/"));
    let pollers = ie_store::PollerChanges {
        keep_others: true,
        ..Default::default()
    };
    rig.store.update_instance(&changed, &pollers).await.unwrap();

    latter.next().await;
    rig.reaches(&notification, Notified).await;
    rig.stop(0).await;
}
