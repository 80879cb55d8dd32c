//! Tests of [`super`]: known answers of the two specifications, and which header is there when.

use super::*;

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_614_265_330, 0).unwrap()
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_elements_signature_is_hmac_sha256_as_in_rfc_4231_case_2() {
    let signature = elements_signature(b"Jefe", b"what do ya want for nothing?");

    let expected = "sha256=W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
    assert_eq!(signature, expected);
}

#[test]
fn a_key_longer_than_a_block_is_hashed_first_as_in_rfc_4231_case_6() {
    let key = [0xaa; 131];
    let body = b"Test Using Larger Than Block-Size Key - Hash Key First";

    let signature = elements_signature(&key, body);

    let expected = "sha256=YOQxWR7gtn8Niiaqy/W3f44LxiE3KMUUBUYEDw7jf1Q=";
    assert_eq!(signature, expected);
}

#[test]
fn the_webhook_signature_is_the_one_of_the_standards_libraries() {
    let secret = WebhookSecret::parse(&secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();

    let signature = webhook_signature(
        &secret,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        br#"{"test": 2432232314}"#,
    );

    let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(signature, expected);
}

#[test]
fn a_secret_is_read_with_and_without_prefix_and_padding() {
    let written = ["whsec_YQ==", "whsec_YQ", "YQ==", "YQ"];

    let decoded = written.map(|text| WebhookSecret::parse(&secret(text)).unwrap().0);

    assert_eq!(decoded, [b"a", b"a", b"a", b"a"].map(|key| key.to_vec()));
}

#[test]
fn a_secret_that_is_not_base64_is_malformed_and_not_shown() {
    let refused = WebhookSecret::parse(&secret("whsec_not base64!")).unwrap_err();

    assert!(!refused.to_string().contains("not base64!"), "{refused}");
    assert!(refused.to_string().contains("whsec_"), "{refused}");
}

#[test]
fn without_credentials_only_the_id_is_said() {
    let headers = headers(&Credentials::default(), "1042", at(), b"{}").unwrap();

    assert_eq!(names(&headers), ["elements-webhook-id"]);
    assert_eq!(headers["elements-webhook-id"], "1042");
}

#[test]
fn every_credential_adds_its_headers() {
    let credentials = Credentials {
        signature_key: Some(secret("key")),
        webhook_secret: Some(WebhookSecret::parse(&secret("whsec_c2VjcmV0")).unwrap()),
        previous_secret: None,
        basic: Some(("user".to_owned(), secret("open sesame"))),
        extra: HeaderMap::from_iter([(
            HeaderName::from_static("x-tenant"),
            HeaderValue::from_static("7"),
        )]),
    };

    let headers = headers(&credentials, "1042", at(), b"{}").unwrap();

    assert_eq!(
        names(&headers),
        [
            "authorization",
            "elements-webhook-id",
            "elements-webhook-signature",
            "webhook-id",
            "webhook-signature",
            "webhook-timestamp",
            "x-tenant",
        ]
    );
    assert_eq!(headers["authorization"], "Basic dXNlcjpvcGVuIHNlc2FtZQ==");
    assert!(headers["authorization"].is_sensitive());
    assert_eq!(headers["webhook-id"], "1042");
    assert_eq!(headers["webhook-timestamp"], "1614265330");
    assert_eq!(headers["x-tenant"], "7");
}

#[test]
fn a_later_attempt_signs_its_own_time_and_the_same_body() {
    let credentials = Credentials {
        signature_key: Some(secret("key")),
        webhook_secret: Some(WebhookSecret::parse(&secret("whsec_c2VjcmV0")).unwrap()),
        ..Credentials::default()
    };

    let first = headers(&credentials, "1", at(), b"{}").unwrap();
    let later = headers(&credentials, "1", at() + chrono::TimeDelta::hours(1), b"{}").unwrap();

    let same = "elements-webhook-signature";
    assert_eq!(first[same], later[same]);
    assert_ne!(first["webhook-signature"], later["webhook-signature"]);
}

#[test]
fn the_secret_before_signs_after_the_new_one_until_it_ends() {
    let parse = |text| WebhookSecret::parse(&secret(text)).unwrap();
    let (new, old) = ("whsec_bmV3", "whsec_b2xk");
    let until = at() + chrono::TimeDelta::hours(24);
    let credentials = Credentials {
        webhook_secret: Some(parse(new)),
        previous_secret: Some((parse(old), until)),
        ..Credentials::default()
    };
    let last = until - chrono::TimeDelta::milliseconds(1);

    let during = headers(&credentials, "1", last, b"{}").unwrap();
    let after = headers(&credentials, "1", until, b"{}").unwrap();

    let by = |text, at: DateTime<Utc>| webhook_signature(&parse(text), "1", at.timestamp(), b"{}");
    let both = format!("{} {}", by(new, last), by(old, last));
    assert_eq!(during["webhook-signature"], both);
    assert_eq!(after["webhook-signature"], by(new, until));
}

#[test]
fn credentials_are_not_shown_by_debug() {
    let credentials = Credentials {
        signature_key: Some(secret("hidden-key")),
        webhook_secret: Some(WebhookSecret::parse(&secret("whsec_aGlkZGVu")).unwrap()),
        previous_secret: Some((
            WebhookSecret::parse(&secret("whsec_aGlkZGVu")).unwrap(),
            at(),
        )),
        basic: Some(("user".to_owned(), secret("hidden-password"))),
        extra: crate::extra_headers::parse(r#"{"X-Api-Key": "hidden-header"}"#).unwrap(),
    };

    let shown = format!("{credentials:?}");

    assert!(!shown.contains("hidden"), "{shown}");
}
