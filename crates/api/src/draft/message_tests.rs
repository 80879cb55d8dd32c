//! What a client is told: every mistake, and all of them at once.

use serde_json::{Value, json};

use super::test_bodies::{refusal, with};

#[test]
fn what_is_wrong_in_several_places_is_told_at_once() {
    let body = json!({
        "element": {"key": "insightly"},
        "name": " ",
        "tags": ["ok", 7],
        "configuration": {
            "event.notification.enabled": "yes",
            "event.vendor.type": "webhooks",
            "event.notification.callback.url": "mycoolapp.com/events",
            "event.poller.refresh_interval": 1.5,
            "event.poller.timezone": "Europe/Berlim",
            "event.notification.batch": 0,
            "insightly.pod": "eu1.evil.example/",
            "base.url": "http://169.254.169.254/latest",
            "event.notification.callback.headers": {"Host": "x", "X-Api-Key": 7},
            "event.poller.configuration": {
                "contacts": {
                    "url": "/hubs/crm/contacts?where=updated_after_utc='${gmtDat:yyyy}'",
                    "idField": "CONTACT_IDD",
                    "filterByUpdatedDate": "perhaps",
                    "createdCheckTolerance": -1,
                    "datesConfiguration": {
                        "updatedDateField": "FIRST_NAME",
                        "updatedDateFormat": "yyyy-MM-dd bb",
                        "createdAtField": "DATE_CREATED.UTC",
                        "createdAtTimezone": "GNT"
                    }
                },
                "acounts": {},
                "emails": {},
                "leads": []
            }
        }
    });

    insta::assert_snapshot!("all_at_once", refusal(&body).replace("; (", ";\n("));
}

/// Bodies with one mistake each.
fn bodies() -> [(&'static str, Value); 8] {
    [
        ("not an object", json!([1])),
        (
            "no element",
            json!({"name": "x", "configuration": {"password": "k"}}),
        ),
        (
            "element key of another type",
            json!({"element": {"key": 7}, "name": "x", "configuration": {"password": "k"}}),
        ),
        (
            "another connector",
            json!({"element": {"key": "salesforce"}}),
        ),
        ("another connector's id", json!({"element": {"id": 23}})),
        (
            "no configuration",
            json!({"element": {"key": "insightly"}, "name": "x"}),
        ),
        (
            "tags of another type",
            json!({"element": {"id": 1}, "name": "x", "tags": "a", "configuration": {"password": "k"}}),
        ),
        (
            "a long name",
            json!({"element": {"id": 1}, "name": "x".repeat(256), "configuration": {"password": "k"}}),
        ),
    ]
}

/// Entries of `configuration` with one mistake each.
fn entries() -> Vec<Value> {
    vec![
        json!({"password": ""}),
        json!({"password": 7}),
        json!({"username": 7}),
        json!({"event.notification.enabled": 1}),
        json!({"event.notification.enabled": true}),
        json!({"event.notification.callback.url": "localhost:8080/in"}),
        json!({"event.notification.callback.url": "ftp://example.com/in"}),
        json!({"event.notification.callback.url": "http://"}),
        json!({"event.notification.callback.url": "https://user:secret@example.com/in"}),
        json!({"event.vendor.type": true}),
        json!({"event.poller.refresh_interval": "soon"}),
        json!({"event.poller.refresh_interval": 0}),
        json!({"insightly.requests.per.second": 0}),
        json!({"insightly.requests.per.day": "many"}),
        json!({"event.poller.deletes.interval": "daily"}),
        json!({"event.poller.initial": true}),
        json!({"event.changes": "some"}),
        json!({"event.skip.unchanged": 1}),
        json!({"event.poller.initial": "all"}),
        json!({"event.notification.basic.username": "a:b"}),
        json!({"event.notification.basic.password": "lonely"}),
        json!({"event.notification.callback.headers": 7}),
        json!({"event.notification.callback.headers": "no colon"}),
        json!({"event.notification.callback.headers": "{\"a\": "}),
        json!({"event.notification.callback.headers": {"bad name": "x"}}),
        json!({"event.notification.callback.headers": {"webhook-id": "x"}}),
        json!({"event.notification.callback.headers": {"X-Line": "a\nb"}}),
        json!({"base.url": "https://example.com"}),
        json!({"base.url": "api.eu1.insightly.com"}),
        json!({"insightly.pod": "e/u"}),
    ]
}

/// The same, about what is polled.
fn polling_entries() -> Vec<Value> {
    vec![
        json!({"event.objects": 7}),
        json!({"event.objects": "contacts|contcts|emails"}),
        json!({"event.poller.configuration": "{\"contacts\": }"}),
        json!({"event.poller.configuration": 7}),
        json!({"event.poller.configuration": {"mine": {}}}),
        json!({"event.poller.configuration": {"my own": {"url": "/hubs/crm/contacts"}}}),
        json!({"event.poller.configuration": {"contacts": {"url": "/hubs/crm/leads"}}}),
        json!({"event.poller.configuration": {"contacts": {"url": "https://api.insightly.com/contacts"}}}),
        json!({"event.poller.configuration": {"contacts": {"url": "/hubs/crm/contacts?where=updated_after_utc>'x'"}}}),
        json!({"event.poller.configuration": {"contacts": {"url": "/hubs/crm/contacts?where=NAME='x'"}}}),
        json!({"event.poller.configuration": {"contacts": {"url": "/hubs/crm/contacts?where=updated_after_utc='${gmtDate:yyyy"}}}),
        json!({"event.poller.configuration": {"contacts": {"url": 7}}}),
        json!({"event.poller.configuration": {"contacts": {"datesConfiguration": {"updatedDateFormat": "HH:mm"}}}}),
        json!({"event.poller.configuration": {"contacts": {"datesConfiguration": {
            "updatedDateField": "DATE_UPDATED_UTC", "updatedAtField": "DATE_CREATED_UTC"}}}}),
        json!({"event.poller.configuration": {"contacts": {"datesConfiguration": {"updatedDateField": "FIRST_NAME.x"}}}}),
    ]
}

/// The snapshot is the list of what a client may be told.
#[test]
fn each_mistake_has_its_message() {
    let bodies = bodies().map(|(what, body)| (what.to_owned(), body));
    let entries = entries().into_iter().chain(polling_entries());
    let entries = entries.map(|entry| (entry.to_string(), with(entry)));

    let told = bodies.into_iter().chain(entries);
    let told = told.map(|(what, body)| format!("{what}\n    {}\n", refusal(&body)));

    insta::assert_snapshot!("messages", told.collect::<String>());
}
