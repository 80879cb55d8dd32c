//! The parsing of bodies: those of the Insightly Events page, and every spelling of the contract.

use ie_platform::OutgoingConfig;
use rstest::rstest;
use serde_json::{Value, json};

use super::test_bodies::{draft, minimal, refusal, rules, with};
use super::*;

/// The page's first body, joined where the page's break cut it in two.
const FIRST: &str = include_str!("../../tests/fixtures/seed-first.json");
/// The body of the page's curl command, with its errors.
const SECOND: &str = include_str!("../../tests/fixtures/seed-second.json");

fn first_filled_in() -> Value {
    let mut body: Value = serde_json::from_str(FIRST).unwrap();
    body["name"] = json!("My CRM");
    body["configuration"]["username"] = json!("me@example.com");
    body["configuration"]["password"] = json!("the-api-key");
    body
}

#[test]
fn the_pages_first_body_is_taken_once_its_blanks_are_filled_in() {
    // The page's callback has no TLS.
    let rules = Rules {
        outgoing: OutgoingConfig { allow_http: true },
        ..rules()
    };

    let draft = parse(&first_filled_in(), &[], &rules).unwrap();

    assert!(draft.settings.events_enabled);
    assert_eq!(
        draft.settings.refresh_interval, 15,
        "a blank interval is the default"
    );
    assert_eq!(draft.tags, [""]);
    assert_eq!(draft.warnings, [""; 0]);
    insta::assert_debug_snapshot!("first_body_resources", draft.resources);
}

#[test]
fn the_pages_second_body_breaks_where_its_comma_is_missing() {
    let error = serde_json::from_str::<Value>(SECOND).unwrap_err();

    assert_eq!(error.to_string(), "expected `,` or `}` at line 11 column 3");
}

#[test]
fn the_pages_second_body_names_fields_that_no_record_has() {
    let mended = SECOND.replace(
        "x\"\n  \"event.notification.enabled\"",
        "x\",\n  \"event.notification.enabled\"",
    );
    let body = serde_json::from_str(&mended).unwrap();
    insta::assert_snapshot!("second_body", refusal(&body));

    let mended = mended
        .replace("DATE_UPDATED.UTC", "DATE_UPDATED_UTC")
        .replace("DATE_CREATED.UTC", "DATE_CREATED_UTC");
    let draft = draft(&serde_json::from_str(&mended).unwrap());
    assert_eq!(draft.name, "API Instance with Polling");
    assert_eq!(draft.tags, ["Docs"]);
    assert_eq!(draft.resources.len(), 1);
    assert!(
        draft.resources[0].config.url.ends_with("}'"),
        "blanks around it are cut"
    );
}

#[rstest]
#[case::spelling_of_the_reference("Date")]
#[case::spelling_of_the_page("At")]
fn the_six_date_fields_are_read_in_both_spellings(#[case] word: &str) {
    let dates = json!({
        format!("updated{word}Field"): "LAST_ACTIVITY_DATE_UTC",
        format!("updated{word}Format"): "milliseconds",
        format!("updated{word}Timezone"): "Europe/Berlin",
        format!("created{word}Field"): "NEXT_ACTIVITY_DATE_UTC",
        format!("created{word}Format"): "yyyy-MM-dd'T'HH:mm:ssXXX",
        format!("created{word}Timezone"): "America/New_York",
    });
    let entry = json!({"contacts": {"datesConfiguration": dates}});

    let draft = draft(&with(json!({"event.poller.configuration": entry.clone()})));

    let config = &draft.resources[0].config;
    assert_eq!(
        (
            config.updated.path.as_str(),
            config.updated.format.as_str(),
            config.updated.zone.as_str()
        ),
        ("LAST_ACTIVITY_DATE_UTC", "milliseconds", "Europe/Berlin")
    );
    let created = config.created.as_ref().unwrap();
    assert_eq!(
        (
            created.path.as_str(),
            created.format.as_str(),
            created.zone.as_str()
        ),
        (
            "NEXT_ACTIVITY_DATE_UTC",
            "yyyy-MM-dd'T'HH:mm:ssXXX",
            "America/New_York"
        )
    );
    assert_eq!(
        draft.configuration["event.poller.configuration"], entry,
        "given back as sent"
    );
    assert_eq!(draft.warnings, [""; 0]);
}

#[test]
fn types_and_strings_mean_the_same() {
    let resources =
        json!({"leads": {"pageSize": 50, "pollDelay": 3, "filterByUpdatedDate": false}});
    let typed = draft(&with(json!({
        "event.notification.enabled": true,
        "event.notification.callback.url": "https://example.com/in",
        "event.poller.refresh_interval": 7,
        "event.notification.batch": 20,
        "event.raw.enabled": false,
        "event.changes": true,
        "event.skip.unchanged": true,
        "event.poller.configuration": resources,
    })));
    let strings = draft(&with(json!({
        "event.notification.enabled": "true",
        "event.notification.callback.url": " https://example.com/in ",
        "event.poller.refresh_interval": "7",
        "event.notification.batch": "20",
        "event.raw.enabled": "false",
        "event.changes": "true",
        "event.skip.unchanged": "true",
        "event.poller.configuration":
            r#"{"leads": {"pageSize": "50", "pollDelay": "3", "filterByUpdatedDate": "false"}}"#,
    })));

    assert_eq!(typed.settings, strings.settings);
    assert!(typed.settings.changes && typed.settings.skip_unchanged);
    assert_eq!(typed.resources, strings.resources);
}

#[test]
fn the_configuration_itself_may_be_a_string_of_json() {
    let mut body = minimal();
    body["configuration"] = json!(body["configuration"].to_string());

    assert_eq!(draft(&body).settings, draft(&minimal()).settings);
}

#[rstest]
#[case::absent(json!({}), &["contacts", "accounts", "leads", "opportunities"])]
#[case::bars(json!({"event.objects": "leads|tasks"}), &["leads", "tasks"])]
#[case::commas(json!({"event.poller.urls": " leads, contacts "}), &["leads", "contacts"])]
#[case::newlines(json!({"event.poller.urls": "leads\ncontacts\n"}), &["leads", "contacts"])]
#[case::a_list(json!({"event.objects": ["leads", "leads"]}), &["leads"])]
#[case::both(json!({"event.objects": "leads", "event.poller.urls": "tasks"}), &["tasks", "leads"])]
#[case::blank(json!({"event.objects": ""}), &["contacts", "accounts", "leads", "opportunities"])]
#[case::subset(
    json!({"event.objects": "tasks,mine", "event.poller.configuration": {
        "mine": {"url": "/hubs/crm/contacts"}, "leads": {}}}),
    &["tasks", "mine"]
)]
fn resources_are_chosen_by_name(#[case] entries: Value, #[case] names: &[&str]) {
    let draft = draft(&with(entries));

    let polled: Vec<&str> = draft
        .resources
        .iter()
        .map(|resource| resource.name.as_str())
        .collect();
    assert_eq!(polled, names);
}

#[test]
fn unknown_entries_are_kept_and_listed() {
    let mut body = with(
        json!({"event.metadata": {"a": 1}, "event.poller.configuration": {
        "contacts": {"metadata": {}, "datesConfiguration": {"updatedDateZone": "GMT"}, "pageSize": 1000}}}),
    );
    body["colour"] = json!("red");

    let draft = draft(&body);

    assert_eq!(draft.configuration["event.metadata"], json!({"a": 1}));
    insta::assert_debug_snapshot!("warnings", draft.warnings);
    assert_eq!(draft.resources[0].config.page_size, Some(500));
}

#[test]
fn secrets_are_taken_out_of_the_configuration() {
    let draft = draft(&with(json!({
        "event.notification.signature.key": "s1gn",
        "event.notification.basic.username": "receiver",
        "event.notification.basic.password": "b4sic",
        "event.notification.callback.headers": "X-Api-Key: h3ader\nX-Other: 1",
        "some.token": "t0ken",
    })));

    let text = format!("{draft:?}");
    for secret in ["the-api-key", "s1gn", "b4sic", "h3ader", "t0ken"] {
        assert!(!text.contains(secret), "{secret} is in the draft");
    }
    let names: Vec<&str> = draft.secrets.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "configuration:some.token",
            "event.notification.basic.password",
            "event.notification.callback.headers",
            "event.notification.signature.key",
            "password",
        ]
    );
    assert_eq!(draft.configuration["username"], "me@example.com");
}

#[test]
fn a_patch_replaces_entries_one_by_one() {
    let stored = draft(&with(
        json!({"event.objects": "leads", "event.poller.refresh_interval": 5}),
    ));
    let patch = json!({"name": "Other", "configuration": {
        "event.objects": "tasks", "event.poller.refresh_interval": null, "password": "********"}});

    let body = merge(&patch, &stored.name, &stored.tags, &stored.configuration).unwrap();
    let changed = parse(&body, &["password".to_owned()], &rules()).unwrap();

    assert_eq!(changed.name, "Other");
    assert_eq!(changed.settings.refresh_interval, 15);
    assert_eq!(changed.resources[0].name, "tasks");
    assert!(matches!(changed.secrets["password"], Secret::Kept));
}

#[test]
fn stars_are_no_key_when_none_is_stored() {
    assert_eq!(
        refusal(&with(json!({"password": "********"}))),
        "$.configuration.password: expected the value itself: \"********\" keeps a stored one, and none is stored"
    );
}

#[rstest]
#[case("event.notification.callback.url")]
#[case("event.operational.url")]
fn an_address_without_tls_is_taken_only_where_the_operator_allows_it(#[case] key: &str) {
    let body = with(json!({ key: "http://example.com/in" }));
    let allowing = Rules {
        outgoing: OutgoingConfig { allow_http: true },
        ..rules()
    };

    let problem = refusal(&body);

    assert!(
        problem.starts_with(&format!(
            "$.configuration['{key}']: expected an https address"
        )),
        "{problem}"
    );
    assert!(problem.contains("outgoing.allow_http"), "{problem}");
    assert!(parse(&body, &[], &allowing).is_ok());
}

#[test]
fn the_operators_own_address_needs_no_permission() {
    let rules = Rules {
        default_url: "http://127.0.0.1:4711/v3.1".to_owned(),
        ..rules()
    };

    let draft = parse(
        &with(json!({"base.url": "http://127.0.0.1:4711/v3.1/"})),
        &[],
        &rules,
    )
    .unwrap();

    assert_eq!(draft.settings.base_url, "http://127.0.0.1:4711/v3.1");
}

#[rstest]
#[case(json!({"insightly.pod": "eu1"}), "https://api.eu1.insightly.com/v3.1")]
#[case(json!({"base.url": "https://api.ap1.insightly.com/v3.1/"}), "https://api.ap1.insightly.com/v3.1")]
#[case(json!({}), "https://api.na1.insightly.com/v3.1")]
fn the_address_follows_the_pod(#[case] entries: Value, #[case] expected: &str) {
    assert_eq!(draft(&with(entries)).settings.base_url, expected);
}
