//! Bodies that are JSON and not what is taken, and what of each is wrong: the answer names one of these words.

use serde_json::{Value, json};

use super::attacks::Dice;
use super::endpoints::Takes;
use crate::rig::body;

/// What is named, separated by blanks, and the JSON that is wrong.
type Wrong = (&'static str, &'static str);

const NO_OBJECTS: &[&str] = &["[]", "7", "\"x\"", "true", "[[{}]]"];

const LETTERS: &[Wrong] = &[
    ("limit", r#"{"limit": 0}"#),
    ("limit", r#"{"limit": "many"}"#),
    ("ids", r#"{"ids": 7}"#),
    ("ids", r#"{"ids": [{}, null, "x"]}"#),
    ("instance", r#"{"instanceId": "x"}"#),
    ("from", r#"{"from": "2026-11-25", "to": "2026-11-24"}"#),
    ("to", r#"{"to": {"a": 1}}"#),
    ("errorClass", r#"{"errorClass": "NOPE"}"#),
    ("surprise", r#"{"surprise": true}"#),
];

const REPLAYS: &[Wrong] = &[
    ("limit", r#"{"limit": -1}"#),
    ("dryRun", r#"{"dryRun": "perhaps"}"#),
    ("objectTypes", r#"{"objectTypes": 7}"#),
    ("status", r#"{"status": "NEW"}"#),
    ("from", r#"{"from": "soon"}"#),
    ("surprise", r#"{"surprise": null, "limit": 1}"#),
];

const ROTATIONS: &[Wrong] = &[
    ("secret", "{}"),
    ("secret", r#"{"secret": "password"}"#),
    ("grace", r#"{"secret": "webhook", "grace": "a while"}"#),
    ("surprise", r#"{"secret": "webhook", "surprise": 1}"#),
];

const RECORDS: &[Wrong] = &[("$", "null"), ("$", r#"[{"FIRST_NAME": "Kim"}]"#)];

const ADDRESSES: &[Wrong] = &[
    (
        "PLANET ADDRESS_TYPE",
        r#"{"ADDRESS_TYPE": "MOON", "PLANET": "x"}"#,
    ),
    ("PLANET", r#"{"ADDRESS_TYPE": "MAIL", "PLANET": "x"}"#),
];

/// Members of an instance's body; empty stands for none.
const MEMBERS: &[Wrong] = &[
    ("name", r#"{"name": null}"#),
    ("name", r#"{"name": ""}"#),
    ("name", r#"{"name": 5}"#),
    ("name", r#"{"name": {}}"#),
    ("element connector", r#"{"element": {"key": "salesforce"}}"#),
    ("element", r#"{"element": 5}"#),
    ("element", r#"{"element": {"key": []}}"#),
    ("tags", r#"{"tags": 5}"#),
    ("tags", r#"{"tags": {"a": 1}}"#),
    ("tags", r#"{"tags": [[]]}"#),
    ("configuration", r#"{"configuration": 5}"#),
    ("configuration", r#"{"configuration": [1]}"#),
    ("configuration", r#"{"configuration": "x"}"#),
    ("configuration", r#"{"configuration": null}"#),
];

/// Entries of a configuration, and values that each cannot have.
const ENTRIES: &[(&str, &[&str])] = &[
    ("password", &["5", "{}"]),
    ("event.notification.enabled", &["\"perhaps\"", "7", "[]"]),
    ("event.vendor.type", &["\"webhook\"", "1"]),
    (
        "event.notification.callback.url",
        &[
            "\"ftp://x\"",
            "\"nonsense\"",
            "5",
            "\"https://\"",
            "\"http://169.254.169.254/\"",
        ],
    ),
    (
        "event.poller.refresh_interval",
        &["\"x\"", "0", "-5", "1.5", "[]", "1e300"],
    ),
    (
        "event.poller.configuration",
        &[
            "\"{\"",
            "5",
            r#"{"contacts": 7}"#,
            r#"{"contacts": {"idField": "NO_SUCH"}}"#,
            r#"{"unicorns": {}}"#,
        ],
    ),
    ("event.poller.urls", &["\"unicorns\"", r#"{"a": 1}"#]),
    ("event.objects", &["\"unicorns,contacts\"", "7"]),
    ("event.poller.timezone", &["\"Mars/Olympus\"", "7"]),
    ("event.poller.overlap", &["\"x\"", "-1", "99999999"]),
    ("event.poller.initial", &["\"everything\"", "7"]),
    (
        "event.poller.deletes.interval",
        &["-1", "\"often\"", "99999999"],
    ),
    ("event.changes", &["\"perhaps\"", "{}"]),
    ("event.notification.batch", &["0", "501", "\"many\""]),
    (
        "event.notification.retry.schedule",
        &["\"soon\"", "\"0s\"", r#"{"a": 1}"#],
    ),
    ("event.notification.rate", &["\"fast\"", "-1", "\"0/m\""]),
    ("event.notification.order", &["\"alphabetical\"", "7"]),
    ("event.notification.format", &["\"xml\"", "[]"]),
    (
        "event.filter",
        &[
            "\"{\"",
            r#"{"eventTypes": ["NOPE"]}"#,
            r#"{"where": [{"path": "$["}]}"#,
            r#"{"surprise": 1}"#,
        ],
    ),
    (
        "event.notification.callback.headers",
        &[r#"{"Host": "x", "a b": "c"}"#, "\"no colon\"", "7"],
    ),
    ("event.notification.tls.ca", &["\"no certificate\"", "7"]),
    ("event.operational.url", &["\"nonsense\"", "7"]),
    (
        "base.url",
        &["\"http://169.254.169.254/\"", "\"nonsense\"", "7"],
    ),
    ("insightly.requests.per.day", &["-1", "\"all\"", "0.5"]),
];

const SIGN_INS: &[Wrong] = &[
    ("username", "{}"),
    ("username", r#"{"username": 7, "password": "x"}"#),
    ("password", r#"{"username": "kim"}"#),
    ("password", r#"{"username": "kim", "password": ["x"]}"#),
];

const ORGANIZATIONS: &[Wrong] = &[
    ("name", "{}"),
    ("name", r#"{"name": 7}"#),
    ("name", r#"{"name": " "}"#),
];

const USERS: &[Wrong] = &[
    ("name", r#"{"role": "admin"}"#),
    ("name", r#"{"name": {}, "role": "admin"}"#),
    ("role", r#"{"name": "kim", "role": "king"}"#),
    (
        "password",
        r#"{"name": "kim", "role": "admin", "password": 7}"#,
    ),
];

const USER_CHANGES: &[Wrong] = &[
    ("role", r#"{"role": "king"}"#),
    ("disabled", r#"{"disabled": "perhaps"}"#),
    ("password", r#"{"password": 7}"#),
];

const GRACES: &[Wrong] = &[
    ("graceMinutes", r#"{"graceMinutes": -1}"#),
    ("graceMinutes", r#"{"graceMinutes": "long"}"#),
    ("graceMinutes", r#"{"graceMinutes": 99999999}"#),
];

/// A wrong body, and the words of which its refusal has to hold one.
pub(super) fn wrong_body(takes: Takes, dice: &mut Dice) -> Option<(Vec<String>, Value)> {
    if takes == Takes::Nothing {
        return None;
    }
    if dice.below(4) == 0 {
        let names = ["$", "body", "propertyValue", "ADDRESS_TYPE"];
        return Some((
            names.map(str::to_owned).into(),
            parsed(dice.one_of(NO_OBJECTS)),
        ));
    }
    let (names, value) = match takes {
        Takes::Nothing => return None,
        Takes::Instance => wrong_instance(dice),
        Takes::Changes => {
            let (key, value) = wrong_entry(dice);
            (key, json!({"configuration": {key: value}}))
        }
        Takes::Entry => ("propertyValue key", json!({"key": "another"})),
        Takes::Letters => wrong(dice, LETTERS),
        Takes::Replay => wrong(dice, REPLAYS),
        Takes::Rotation => wrong(dice, ROTATIONS),
        Takes::Record => wrong(dice, RECORDS),
        Takes::Address => wrong(dice, ADDRESSES),
        Takes::SignIn => wrong(dice, SIGN_INS),
        Takes::Organization => wrong(dice, ORGANIZATIONS),
        Takes::User => wrong(dice, USERS),
        Takes::UserChange => wrong(dice, USER_CHANGES),
        Takes::Grace => wrong(dice, GRACES),
    };
    Some((names.split(' ').map(str::to_owned).collect(), value))
}

fn wrong(dice: &mut Dice, list: &[Wrong]) -> (&'static str, Value) {
    let (names, json) = dice.one_of(list);
    (names, parsed(json))
}

fn wrong_instance(dice: &mut Dice) -> (&'static str, Value) {
    let mut whole = body(&json!({}));
    if dice.below(2) == 0 {
        let (names, members) = wrong(dice, MEMBERS);
        for (member, value) in members.as_object().into_iter().flatten() {
            whole[member] = value.clone();
        }
        return (names, whole);
    }
    let (key, value) = wrong_entry(dice);
    whole["configuration"][key] = value;
    (key, whole)
}

fn wrong_entry(dice: &mut Dice) -> (&'static str, Value) {
    let (key, values) = dice.one_of(ENTRIES);
    (key, parsed(dice.one_of(values)))
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}
