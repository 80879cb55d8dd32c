//! Tests of [`super`]: what an instance says about its callback.

use ie_model::{AccountKey, OrganizationId, Settings, UserId};
use rstest::rstest;
use serde_json::{Map, json};

use super::*;

fn sealer() -> Sealer {
    Sealer::from_base64(&Sealer::generate_key()).unwrap()
}

fn instance() -> Instance {
    let at = chrono::DateTime::UNIX_EPOCH;
    Instance {
        id: InstanceId(17),
        organization: OrganizationId(1),
        user: UserId(1),
        name: "My CRM".to_owned(),
        tags: Vec::new(),
        configuration: Map::new(),
        secrets: std::collections::BTreeMap::new(),
        settings: Settings {
            base_url: "https://api.na1.insightly.com/v3.1".to_owned(),
            events_enabled: true,
            callback_url: Some("https://callback.example/hook?token=t".to_owned()),
            refresh_interval: 15,
            zone: "UTC".to_owned(),
            overlap: 5,
            batch: 10,
            raw_enabled: true,
            deletes_interval: 0,
            initial: ie_model::Initial::None,
            changes: false,
            skip_unchanged: false,
            requests_per_second: None,
            requests_per_day: None,
            delivery: ie_model::DeliverySettings::default(),
        },
        account: AccountKey("1".to_owned()),
        valid: true,
        disabled: false,
        reason: None,
        hint_hash: None,
        failing_since: None,
        created_at: at,
        updated_at: at,
    }
}

fn seal(instance: &mut Instance, sealer: &Sealer, name: &str, value: &str) {
    let sealed = sealer.seal(value, &secret::context(instance.id, name));
    instance.secrets.insert(name.to_owned(), sealed);
}

#[test]
fn an_instance_without_secrets_has_a_callback_without_credentials() {
    let target = target(Some(&instance()), Purpose::Changes, &sealer());

    let Target::Ready(callback) = target else {
        panic!("expected a callback, found {target:?}");
    };
    assert_eq!(
        callback.url.as_str(),
        "https://callback.example/hook?token=t"
    );
    assert!(callback.credentials.signature_key.is_none());
    assert!(callback.credentials.basic.is_none());
}

#[test]
fn every_secret_is_opened_for_its_purpose() {
    let sealer = sealer();
    let mut instance = instance();
    let secrets = [
        (secret::SIGNATURE_KEY, "signature key"),
        (secret::WEBHOOK_SECRET, "whsec_c2VjcmV0"),
        (secret::BASIC_PASSWORD, "password"),
        (secret::CALLBACK_HEADERS, r#"{"X-Tenant": "7"}"#),
        (secret::CLIENT_KEY, "client key"),
    ];
    for (name, value) in secrets {
        seal(&mut instance, &sealer, name, value);
    }
    let configuration = &mut instance.configuration;
    configuration.insert(BASIC_USERNAME.to_owned(), json!("user"));
    instance.settings.delivery.tls.certificate = Some("certificate".to_owned());

    let target = target(Some(&instance), Purpose::Changes, &sealer);

    let Target::Ready(callback) = target else {
        panic!("expected a callback, found {target:?}");
    };
    let credentials = &callback.credentials;
    let key = credentials.signature_key.as_ref().unwrap();
    assert_eq!(key.expose_secret(), "signature key");
    assert!(credentials.webhook_secret.is_some());
    let (user, password) = credentials.basic.as_ref().unwrap();
    assert_eq!(
        (user.as_str(), password.expose_secret()),
        ("user", "password")
    );
    assert_eq!(credentials.extra["x-tenant"], "7");
    let tls = OwnTls::new(
        None,
        Some("certificate".to_owned()),
        Some("client key".into()),
    );
    assert_eq!(callback.tls.as_deref(), tls.unwrap().as_ref());
}

#[test]
fn notices_are_signed_and_carry_nothing_that_is_for_the_callback_alone() {
    let sealer = sealer();
    let mut instance = instance();
    instance.disabled = true;
    let notices = "https://ops.example/notices";
    instance.settings.delivery.operational_url = Some(notices.to_owned());
    let tls = &mut instance.settings.delivery.tls;
    tls.authorities = Some("authorities".to_owned());
    tls.certificate = Some("certificate".to_owned());
    let secrets = [
        (secret::CLIENT_KEY, "client key"),
        (secret::SIGNATURE_KEY, "signature key"),
        (secret::BASIC_PASSWORD, "password"),
        (secret::CALLBACK_HEADERS, r#"{"X-Tenant": "7"}"#),
    ];
    for (name, value) in secrets {
        seal(&mut instance, &sealer, name, value);
    }
    let configuration = &mut instance.configuration;
    configuration.insert(BASIC_USERNAME.to_owned(), json!("user"));

    let target = target(Some(&instance), Purpose::Operational, &sealer);

    let Target::Ready(callback) = target else {
        panic!("expected an address, found {target:?}");
    };
    assert_eq!(callback.url.as_str(), notices);
    assert!(callback.credentials.signature_key.is_some());
    assert!(callback.credentials.basic.is_none());
    assert!(callback.credentials.extra.is_empty());
    assert!(callback.tls.is_none());
}

#[test]
fn a_test_goes_to_the_callback_of_an_instance_that_is_off() {
    let mut instance = instance();
    instance.disabled = true;
    instance.settings.events_enabled = false;

    let tested = target(Some(&instance), Purpose::Test, &sealer());
    let told = target(Some(&instance), Purpose::Changes, &sealer());

    assert!(matches!(tested, Target::Ready(_)));
    assert!(matches!(told, Target::Off(_)));
}

#[test]
fn a_secret_sealed_with_another_key_makes_the_callback_unusable() {
    let mut instance = instance();
    seal(&mut instance, &sealer(), secret::SIGNATURE_KEY, "key");

    let target = target(Some(&instance), Purpose::Changes, &sealer());

    let Target::Unusable(reason) = target else {
        panic!("a notification must not go out unsigned: {target:?}");
    };
    assert!(reason.contains("secrets.master_key"), "{reason}");
    assert!(reason.contains(secret::SIGNATURE_KEY), "{reason}");
}

#[rstest]
#[case(secret::WEBHOOK_SECRET, "whsec_?")]
#[case(secret::CALLBACK_HEADERS, "X-Tenant: 7")]
fn a_malformed_secret_makes_the_callback_unusable(#[case] name: &str, #[case] value: &str) {
    let sealer = sealer();
    let mut instance = instance();
    seal(&mut instance, &sealer, name, value);

    let target = target(Some(&instance), Purpose::Changes, &sealer);

    assert!(matches!(target, Target::Unusable(_)), "{target:?}");
}

#[test]
fn an_address_that_is_no_url_makes_the_callback_unusable() {
    let mut instance = instance();
    instance.settings.callback_url = Some("callback.example/hook".to_owned());

    let target = target(Some(&instance), Purpose::Changes, &sealer());

    assert!(matches!(target, Target::Unusable(_)), "{target:?}");
}

#[test]
fn a_disabled_instance_is_off_and_says_why() {
    let mut instance = instance();
    instance.disabled = true;
    instance.reason = Some("the callback answered 410".to_owned());

    let target = target(Some(&instance), Purpose::Changes, &sealer());

    let Target::Off(reason) = target else {
        panic!("expected it to be off, found {target:?}");
    };
    assert!(reason.contains("the callback answered 410"), "{reason}");
}

#[test]
fn an_instance_without_events_or_without_a_callback_is_off() {
    let mut without_events = instance();
    without_events.settings.events_enabled = false;
    let mut without_callback = instance();
    without_callback.settings.callback_url = None;

    for instance in [without_events, without_callback] {
        let target = target(Some(&instance), Purpose::Changes, &sealer());

        assert!(matches!(target, Target::Off(_)), "{target:?}");
    }
}

#[test]
fn an_instance_whose_key_was_refused_still_delivers_what_was_found() {
    let mut instance = instance();
    instance.valid = false;

    let target = target(Some(&instance), Purpose::Changes, &sealer());

    assert!(matches!(target, Target::Ready(_)), "{target:?}");
}

#[test]
fn no_instance_is_a_deleted_one() {
    assert!(matches!(
        target(None, Purpose::Changes, &sealer()),
        Target::Deleted
    ));
}
