//! What holds for any body.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::test_bodies::{draft, minimal, rules, with};
use super::{merge, parse};

/// Any JSON, with the contract's words often in it.
fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "",
        "true",
        "15",
        "1.5",
        "polling",
        "********",
        "contacts",
        "contacts|leads",
        "{\"contacts\": {}}",
        "GMT",
        "/hubs/crm/contacts?where=updated_after_utc='${gmtDate:yyyy-MM-dd HH:mm:ss}'",
        "${",
        "a: b\nc",
        "http://é:1",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let keys = prop::sample::select(vec![
            "element",
            "key",
            "id",
            "name",
            "tags",
            "configuration",
            "password",
            "event.poller.configuration",
            "event.objects",
            "event.notification.callback.headers",
            "event.notification.callback.url",
            "base.url",
            "insightly.pod",
            "event.poller.refresh_interval",
            "event.poller.timezone",
            "contacts",
            "url",
            "idField",
            "datesConfiguration",
            "updatedAtField",
            "updatedDateFormat",
            "createdAtTimezone",
            "pageSize",
            "É.key",
        ]);
        let key = prop_oneof![3 => keys.prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_makes_the_parser_panic(body in any_json(), patch in any_json()) {
        let stored = ["password".to_owned()];
        let known = parse(&body, &stored, &rules());
        if let Err(rejection) = &known {
            prop_assert!(!rejection.to_string().is_empty());
        }
        if let Ok(merged) = merge(&patch, "name", &[], minimal()["configuration"].as_object().unwrap()) {
            let _same_or_refused = parse(&merged, &stored, &rules()).map(drop);
        }
    }

    #[test]
    fn what_was_taken_is_taken_again(objects in "(contacts|leads|tasks)([|,](accounts|users))?", minutes in 1_u32..43_200) {
        let body = with(json!({"event.objects": objects, "event.poller.refresh_interval": minutes}));
        let first = draft(&body);
        let merged = merge(&json!({}), &first.name, &first.tags, &first.configuration).unwrap();
        let stored: Vec<String> = first.secrets.keys().cloned().collect();
        let second = parse(&merged, &stored, &rules()).unwrap();
        prop_assert_eq!(first.settings, second.settings);
        prop_assert_eq!(first.resources, second.resources);
        prop_assert_eq!(first.configuration, second.configuration);
    }
}
