//! Secrets are not answered, and not readable in the store.

use std::fs;

use ie_model::InstanceId;
use ie_model::instance::secret;
use ie_platform::secret::ExposeSecret as _;
use serde_json::json;

use crate::rig::{KEY, Rig, id, path};

const SECRETS: [&str; 4] = [
    "signature-key-4711",
    "basic-password-4711",
    "header-value-4711",
    "unknown-token-4711",
];

async fn instance(rig: &Rig) -> serde_json::Value {
    rig.instance(&json!({
        "event.notification.signature.key": SECRETS[0],
        "event.notification.basic.username": "receiver",
        "event.notification.basic.password": SECRETS[1],
        "event.notification.callback.headers": {"X-Api-Key": SECRETS[2]},
        "some.token": SECRETS[3],
    }))
    .await
}

#[tokio::test]
async fn no_answer_has_a_secret_of_the_configuration() {
    let rig = Rig::start().await;
    let created = instance(&rig).await;
    let path = path(&created);

    let answers = [
        created.to_string(),
        rig.get(&path).await.ok().to_string(),
        rig.get("/instances").await.ok().to_string(),
        rig.patch(&path, &json!({"name": "Renamed"}))
            .await
            .ok()
            .to_string(),
    ];

    for answer in &answers {
        for secret in SECRETS.iter().chain([&KEY]) {
            assert!(!answer.contains(secret), "{secret} is in {answer}");
        }
    }
    assert!(answers[0].contains("whsec_"), "told once");
    assert!(
        answers[1..].iter().all(|answer| !answer.contains("whsec_")),
        "and not again"
    );
    assert_eq!(
        created["configuration"]["event.notification.callback.headers"],
        "********"
    );
    assert_eq!(
        created["configuration"]["event.notification.basic.username"],
        "receiver"
    );
}

#[tokio::test]
async fn no_file_of_the_store_has_a_secret() {
    let rig = Rig::start().await;
    let created = instance(&rig).await;
    let hint = created["hintUrl"].as_str().unwrap();
    let hint = hint.rsplit('/').next().unwrap();
    let told = [&created["token"], &created["webhookSecret"]].map(|value| value.as_str().unwrap());
    let hidden: Vec<&str> = SECRETS.into_iter().chain([KEY, hint]).chain(told).collect();

    let mut size = 0;
    for entry in fs::read_dir(rig.folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        size += bytes.len();
        for secret in &hidden {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is readable in the store");
        }
    }
    assert!(size > 0, "the store has files");
}

#[tokio::test]
async fn what_is_sealed_opens_where_it_is_needed() {
    let rig = Rig::start().await;
    let created = instance(&rig).await;
    let number = InstanceId(id(&created));

    let stored = rig.store.instance(number).await.unwrap().unwrap();
    let open = |name: &str| {
        let opened = rig
            .sealer
            .open(&stored.secrets[name], &secret::context(number, name));
        opened.unwrap().expose_secret().to_owned()
    };

    assert_eq!(open(secret::API_KEY), KEY);
    assert_eq!(open(secret::SIGNATURE_KEY), SECRETS[0]);
    assert_eq!(open(secret::BASIC_PASSWORD), SECRETS[1]);
    assert_eq!(
        open(secret::CALLBACK_HEADERS),
        r#"{"X-Api-Key":"header-value-4711"}"#
    );
    assert_eq!(open(secret::TOKEN), created["token"].as_str().unwrap());
    assert_eq!(
        open(secret::WEBHOOK_SECRET),
        created["webhookSecret"].as_str().unwrap()
    );
}

#[tokio::test]
async fn a_client_key_that_is_kept_belongs_to_the_certificate_as_it_is_now() {
    let made = || rcgen::generate_simple_self_signed(["us.example".to_owned()]).unwrap();
    let (first, second) = (made(), made());
    let (certificate, key) = (
        "event.notification.tls.client.certificate",
        secret::CLIENT_KEY,
    );
    let rig = Rig::start().await;
    let entries = json!({certificate: first.cert.pem(), key: first.signing_key.serialize_pem()});
    let created = rig.instance(&entries).await;
    let path = path(&created);
    let patch = |entries: serde_json::Value| json!({ "configuration": entries });

    rig.patch(&path, &patch(json!({certificate: first.cert.pem()})))
        .await
        .ok();
    let message = rig
        .patch(&path, &patch(json!({certificate: second.cert.pem()})))
        .await
        .refused(reqwest::StatusCode::BAD_REQUEST);
    let both = json!({certificate: second.cert.pem(), key: second.signing_key.serialize_pem()});
    let changed = rig.patch(&path, &patch(both)).await.ok();

    let field = format!("$.configuration['{key}']: ");
    assert!(message.starts_with(&field), "{message}");
    assert!(message.contains("another certificate"), "{message}");
    assert_eq!(created["configuration"][key], "********");
    assert_eq!(changed["configuration"][certificate], second.cert.pem());
    let neither = json!({certificate: null, key: null});
    rig.patch(&path, &patch(neither)).await.ok();
}
