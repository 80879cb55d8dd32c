//! The configuration, the start and the stop.

use std::time::Duration;

use ie_api::process;
use ie_platform::config;
use ie_platform::lifecycle::Drained;
use reqwest::StatusCode;

use crate::rig::Rig;

fn problems(variables: &[(&str, &str)]) -> String {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    config::load_from::<process::Config>(None, variables)
        .unwrap_err()
        .to_string()
}

#[test]
fn every_wrong_setting_is_named() {
    let text = problems(&[
        (
            "IE__SECRETS__MASTER_KEY",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
        ("IE__STORE__URL", "sqlite:x.db"),
        ("IE__API__ADDRESS", "localhost"),
        ("IE__API__PAGE_SIZE", "0"),
        ("IE__API__REQUEST_TIMEOUT", "0s"),
        ("IE__API__REDRIVE_LIMIT", "0"),
        ("IE__API__DEFAULT_INSIGHTLY_URL", "insightly"),
        ("IE__API__BOOTSTRAP_USER_SECRET", "short"),
        ("IE__API__ADMIN_TOKEN", "thirty-one characters are short"),
        ("IE__API__TOKEN_LIFETIME", "0s"),
        ("IE__API__BODY_TIMEOUT", "0s"),
        ("IE__API__IDEMPOTENCY_RETENTION", "0s"),
        ("IE__API__SECRET_GRACE", "31d"),
    ]);

    let keys = [
        "api.address",
        "api.page_size",
        "api.request_timeout",
        "api.redrive_limit",
        "api.default_insightly_url",
        "api.bootstrap_user_secret",
        "api.bootstrap_organization_secret",
        "api.admin_token",
        "api.token_lifetime",
        "api.body_timeout",
        "api.idempotency_retention",
        "api.secret_grace",
    ];
    for key in keys {
        assert!(text.contains(key), "{key} is not in {text}");
    }
}

#[test]
fn an_address_pattern_is_explained() {
    let text = problems(&[
        (
            "IE__SECRETS__MASTER_KEY",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
        ("IE__STORE__URL", "sqlite:x.db"),
        ("IE__API__INSIGHTLY_URLS", "[anything]"),
    ]);

    assert!(text.contains("https://api.*.insightly.com"), "{text}");
}

#[tokio::test]
async fn it_is_ready_once_it_is_served_and_stops_when_asked() {
    let rig = Rig::start().await;
    assert!(rig.context.health.is_ready());
    assert_eq!(rig.get("/instances").await.status, StatusCode::OK);

    rig.context.lifecycle.stop();

    let drained = rig.context.lifecycle.drain(Duration::from_secs(10)).await;
    assert_eq!(drained, Drained::Complete);
    assert!(!rig.context.lifecycle.failed());
}
