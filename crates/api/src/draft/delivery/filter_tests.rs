//! Tests of [`super`]: every spelling of a filter, and every mistake with its place.

use rstest::rstest;
use serde_json::json;

use super::super::super::test_bodies::{draft, minimal, refusal, with};
use super::*;

fn whole() -> Value {
    json!({
        "eventTypes": ["CREATED", "updated"],
        "objectTypes": ["contacts", "leads"],
        "where": [
            {"path": "$.LEAD_SOURCE", "equals": ["Web", "Fair"]},
            {"path": "$.CUSTOMFIELDS[?@.FIELD_NAME == 'Region__c'].FIELD_VALUE", "equals": null},
        ],
    })
}

#[rstest]
#[case::object(whole())]
#[case::string(Value::from(whole().to_string()))]
fn a_filter_is_read_in_both_spellings(#[case] filter: Value) {
    let draft = draft(&with(json!({ FILTER: filter })));

    let expected = EventFilter {
        event_types: vec![EventType::Created, EventType::Updated],
        object_types: vec!["contacts".to_owned(), "leads".to_owned()],
        conditions: vec![
            Condition::new("$.LEAD_SOURCE", vec![json!("Web"), json!("Fair")]).unwrap(),
            Condition::new(
                "$.CUSTOMFIELDS[?@.FIELD_NAME == 'Region__c'].FIELD_VALUE",
                vec![Value::Null],
            )
            .unwrap(),
        ],
    };
    assert_eq!(draft.settings.delivery.filter, Some(expected));
    assert_eq!(draft.warnings, Vec::<String>::new());
}

#[test]
fn no_filter_and_an_empty_one_let_everything_through() {
    for body in [
        minimal(),
        with(json!({ FILTER: {} })),
        with(json!({ FILTER: "" })),
    ] {
        assert_eq!(draft(&body).settings.delivery.filter, None);
    }
}

#[rstest]
#[case(json!([]), "['event.filter']: expected an object")]
#[case(json!("{\"eventTypes\": "), "['event.filter']: expected an object, or a string holding one")]
#[case(json!({"eventType": ["CREATED"]}), "['event.filter'].eventType: is not known here; expected only eventTypes, objectTypes, where")]
#[case(json!({"eventTypes": ["CREATE"]}), ".eventTypes[0]: expected CREATED, UPDATED or DELETED, got \"CREATE\"")]
#[case(json!({"eventTypes": "CREATED"}), ".eventTypes: expected a list of strings")]
#[case(json!({"eventTypes": []}), ".eventTypes: expected at least one name")]
#[case(json!({"objectTypes": ["contacts", 7]}), ".objectTypes[1]: expected a string, got 7")]
#[case(json!({"objectTypes": ["leads", "contcts"]}), ".objectTypes[1]: expected a resource that this instance polls (contacts, accounts, leads, opportunities), got \"contcts\"")]
#[case(json!({"where": {}}), ".where: expected a list of at most 50 conditions")]
#[case(json!({"where": ["$.A"]}), ".where[0]: expected an object with path and equals")]
#[case(json!({"where": [{"equals": 1}]}), ".where[0].path: expected a JSONPath such as \"$.LEAD_SOURCE\", got nothing")]
#[case(json!({"where": [{"path": "LEAD_SOURCE", "equals": 1}]}), ".where[0].path: expected a JSONPath")]
#[case(json!({"where": [{"path": "$.A"}]}), ".where[0].equals: expected a string")]
#[case(json!({"where": [{"path": "$.A", "equals": []}]}), ".where[0].equals: expected a string")]
#[case(json!({"where": [{"path": "$.A", "equals": ["a", {}]}]}), ".where[0].equals[1]: expected a string")]
#[case(json!({"where": [{"path": "$.A", "equals": 1, "not": true}]}), ".where[0].not: is not known here")]
fn a_mistake_is_told_with_its_place(#[case] filter: Value, #[case] expected: &str) {
    let problem = refusal(&with(json!({ FILTER: filter })));

    assert!(problem.contains(expected), "{problem}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let filter = json!({
        "eventTypes": ["NEW"],
        "objectTypes": ["cats"],
        "where": [{"path": "A", "equals": 1}, {"path": "$.B"}],
    });

    let problem = refusal(&with(json!({ FILTER: filter })));

    assert!(problem.starts_with("4 problems:"), "{problem}");
}
