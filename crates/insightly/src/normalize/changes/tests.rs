//! Tests of what changed.

use proptest::prelude::*;
use rstest::rstest;

use super::super::digest_without;
use super::*;

const UPDATED: &str = "DATE_UPDATED_UTC";

/// The record that the changes make of `before`.
fn apply(before: &Value, changes: &Map<String, Value>) -> Value {
    let mut record = before.clone();
    for (path, change) in changes {
        let names = names(path);
        let fields = record.as_object_mut().unwrap();
        let by_name = names.len() == 2 && names[0] == CUSTOM_FIELDS;
        match (by_name, fields.get_mut(CUSTOM_FIELDS)) {
            (true, Some(Value::Array(list))) => {
                list.retain(|entry| entry["FIELD_NAME"] != names[1]);
                if let Some(to) = change.get("to") {
                    list.push(json!({"FIELD_NAME": names[1], "FIELD_VALUE": to}));
                }
            }
            _ => set(fields, &names, change.get("to")),
        }
    }
    record
}

fn set(fields: &mut Map<String, Value>, names: &[String], to: Option<&Value>) {
    match (names, to) {
        ([name], Some(to)) => drop(fields.insert(name.clone(), to.clone())),
        ([name], None) => drop(fields.remove(name)),
        ([first, rest @ ..], to) => {
            set(fields[first].as_object_mut().unwrap(), rest, to);
        }
        ([], _) => unreachable!("a path has a name"),
    }
}

/// The names of a path.
fn names(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            '.' => names.push(String::new()),
            '\\' => names.last_mut().unwrap().extend(chars.next()),
            c => names.last_mut().unwrap().push(c),
        }
    }
    names
}

#[rstest]
#[case::a_value(json!({"A": 1, "B": 2}), json!({"A": 1, "B": 3}), json!({"B": {"from": 2, "to": 3}}))]
#[case::a_type(json!({"A": 1}), json!({"A": "1"}), json!({"A": {"from": 1, "to": "1"}}))]
#[case::to_null(json!({"A": "x"}), json!({"A": null}), json!({"A": {"from": "x", "to": null}}))]
#[case::a_new_field(json!({}), json!({"A": 1}), json!({"A": {"to": 1}}))]
#[case::a_field_that_went(json!({"A": 1}), json!({}), json!({"A": {"from": 1}}))]
#[case::an_object(
    json!({"P": {"X": 1, "Y": {"Z": 2}}}),
    json!({"P": {"X": 1, "Y": {"Z": 3}}}),
    json!({"P.Y.Z": {"from": 2, "to": 3}})
)]
#[case::an_object_that_came(json!({"P": null}), json!({"P": {"X": 1}}), json!({"P": {"from": null, "to": {"X": 1}}}))]
#[case::a_list(
    json!({"TAGS": [{"TAG_NAME": "a"}, {"TAG_NAME": "b"}]}),
    json!({"TAGS": [{"TAG_NAME": "a"}]}),
    json!({"TAGS": {"from": [{"TAG_NAME": "a"}, {"TAG_NAME": "b"}], "to": [{"TAG_NAME": "a"}]}})
)]
#[case::the_order_of_fields(json!({"A": 1, "B": {"C": 1, "D": 2}}), json!({"B": {"D": 2, "C": 1}, "A": 1}), json!({}))]
#[case::a_name_with_a_dot(json!({"A.B": 1, "A": {"B": 1}}), json!({"A.B": 2, "A": {"B": 3}}), json!({
    "A\\.B": {"from": 1, "to": 2}, "A.B": {"from": 1, "to": 3}
}))]
#[case::the_updated_date(json!({"DATE_UPDATED_UTC": 1, "A": 1}), json!({"DATE_UPDATED_UTC": 2, "A": 1}), json!({}))]
fn changes_are_told_by_the_path_of_the_field(
    #[case] before: Value,
    #[case] after: Value,
    #[case] expected: Value,
) {
    assert_eq!(Value::Object(changes(&before, &after, UPDATED)), expected);
}

fn custom(fields: &[(&str, Value)]) -> Value {
    let fields = fields
        .iter()
        .map(|(name, value)| json!({"FIELD_NAME": name, "FIELD_VALUE": value}));
    json!({ "CUSTOMFIELDS": fields.collect::<Vec<_>>() })
}

#[test]
fn custom_fields_are_told_by_their_name() {
    let before = custom(&[
        ("Region__c", json!("EU")),
        ("Size__c", json!(3)),
        ("Old__c", json!(true)),
    ]);
    let after = custom(&[
        ("New__c", json!([1])),
        ("Size__c", json!(3)),
        ("Region__c", json!("US")),
    ]);

    let expected = json!({
        "CUSTOMFIELDS.Old__c": {"from": true},
        "CUSTOMFIELDS.Region__c": {"from": "EU", "to": "US"},
        "CUSTOMFIELDS.New__c": {"to": [1]},
    });
    assert_eq!(Value::Object(changes(&before, &after, UPDATED)), expected);
}

#[test]
fn custom_fields_in_another_order_are_the_same() {
    let before = custom(&[("A__c", json!(1)), ("B__c", json!(2))]);
    let after = custom(&[("B__c", json!(2)), ("A__c", json!(1))]);

    assert!(changes(&before, &after, UPDATED).is_empty());
    assert_eq!(
        digest_without(&before, UPDATED),
        digest_without(&after, UPDATED)
    );
}

#[rstest]
#[case::without_a_name(json!([{"FIELD_VALUE": 1}]))]
#[case::with_a_name_twice(json!([{"FIELD_NAME": "A", "FIELD_VALUE": 1}, {"FIELD_NAME": "A", "FIELD_VALUE": 2}]))]
#[case::with_more_to_them(json!([{"FIELD_NAME": "A", "FIELD_VALUE": 1, "CUSTOM_FIELD_ID": 7}]))]
#[case::that_are_no_list(json!("none"))]
fn odd_custom_fields_are_told_as_a_whole(#[case] odd: Value) {
    let before = json!({"CUSTOMFIELDS": [{"FIELD_NAME": "A", "FIELD_VALUE": 1}]});
    let after = json!({ "CUSTOMFIELDS": odd });

    let changes = changes(&before, &after, UPDATED);

    let keys: Vec<_> = changes.keys().collect();
    assert_eq!(keys, ["CUSTOMFIELDS"]);
    assert_eq!(changes["CUSTOMFIELDS"]["to"], after["CUSTOMFIELDS"]);
}

#[test]
fn an_updated_date_inside_of_an_object_does_not_count() {
    let before = json!({"meta": {"updated": 1, "by": "a"}});
    let after = json!({"meta": {"updated": 2, "by": "b"}});

    let expected = json!({"meta.by": {"from": "a", "to": "b"}});
    assert_eq!(
        Value::Object(changes(&before, &after, "meta.updated")),
        expected
    );
    let moved = json!({"meta": {"updated": 3, "by": "a"}});
    assert_eq!(
        digest_without(&before, "meta.updated"),
        digest_without(&moved, "meta.updated")
    );
    assert_ne!(
        digest_without(&before, "meta.updated"),
        digest_without(&after, "meta.updated")
    );
}

/// Records of few names and values, so that two of them have much in common.
fn records() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        "[ab.\\\\]{0,2}".prop_map(Value::from),
    ];
    let value = value.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[AB.\\\\]{0,2}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    let names = prop_oneof![
        "[AB.\\\\]{0,2}",
        Just(UPDATED.to_owned()),
        Just("TAGS".to_owned())
    ];
    let fields = prop::collection::hash_map(names, value.clone(), 0..6);
    let by_name = prop::collection::btree_map("[AB.]{0,1}__c", value, 0..4);
    (fields, prop::option::of(by_name)).prop_map(|(fields, by_name)| {
        let mut record = Value::Object(fields.into_iter().collect());
        if let Some(by_name) = by_name {
            let fields: Vec<_> = by_name
                .iter()
                .map(|(n, v)| (n.as_str(), v.clone()))
                .collect();
            record["CUSTOMFIELDS"] = custom(&fields)["CUSTOMFIELDS"].clone();
        }
        record
    })
}

proptest! {
    #[test]
    fn the_changes_make_the_new_of_the_old(before in records(), after in records()) {
        let changes = changes(&before, &after, UPDATED);

        let made = apply(&before, &changes);

        // The updated date does not count, nor does the order of custom fields.
        prop_assert_eq!(without_date(&made), without_date(&after), "{:?}", changes);
    }

    #[test]
    fn nothing_changed_exactly_where_the_digest_is_the_same(before in records(), after in records()) {
        let (before, after) = (with_date(before, 1), with_date(after, 2));
        let same = digest_without(&before, UPDATED) == digest_without(&after, UPDATED);

        prop_assert_eq!(changes(&before, &after, UPDATED).is_empty(), same);
    }

    #[test]
    fn what_moves_its_date_alone_changed_nothing(record in records()) {
        let (before, after) = (with_date(record.clone(), 1), with_date(record, 2));

        prop_assert!(changes(&before, &after, UPDATED).is_empty());
        prop_assert_eq!(digest_without(&before, UPDATED), digest_without(&after, UPDATED));
    }
}

fn with_date(mut record: Value, date: u32) -> Value {
    record[UPDATED] = json!(date);
    record
}

fn without_date(record: &Value) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    fields.shift_remove(UPDATED);
    if let Some(Value::Array(list)) = fields.get_mut(CUSTOM_FIELDS) {
        list.sort_by_key(|entry| entry["FIELD_NAME"].to_string());
    }
    record
}
