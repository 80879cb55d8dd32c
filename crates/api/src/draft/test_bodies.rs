//! Bodies that the tests of this module begin with.

use std::time::Duration;

use ie_platform::OutgoingConfig;
use serde_json::{Value, json};

use super::{Draft, Rules, parse};

pub(super) fn rules() -> Rules {
    Rules {
        default_url: "https://api.na1.insightly.com/v3.1".to_owned(),
        allowed_urls: vec!["https://api.*.insightly.com".parse().unwrap()],
        overlap: 120,
        longest_delay: Duration::from_secs(24 * 60 * 60),
        outgoing: OutgoingConfig::default(),
    }
}

pub(super) fn minimal() -> Value {
    json!({
        "element": {"key": "insightly"},
        "name": "My CRM",
        "configuration": {"username": "me@example.com", "password": "the-api-key"},
    })
}

/// The minimal body with entries of `configuration` added.
pub(crate) fn with(entries: Value) -> Value {
    let mut body = minimal();
    for (key, value) in entries.as_object().unwrap() {
        body["configuration"][key] = value.clone();
    }
    body
}

pub(crate) fn draft(body: &Value) -> Draft {
    parse(body, &[], &rules()).unwrap()
}

pub(super) fn refusal(body: &Value) -> String {
    parse(body, &[], &rules()).unwrap_err().to_string()
}
