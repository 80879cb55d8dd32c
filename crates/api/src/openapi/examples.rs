//! Bodies to begin with.

use serde_json::{Value, json};

/// An instance that watches four resources in the connector's own way.
pub(crate) fn short() -> Value {
    instance(&json!({ "contacts": {}, "accounts": {}, "leads": {}, "opportunities": {} }))
}

/// The same in the words of the Insightly Events page.
pub(crate) fn seed() -> Value {
    let resource = |name: &str, id: &str| {
        json!({
            "url": format!("/hubs/crm/{name}?where=updated_after_utc='${{gmtDate:yyyy-MM-dd HH:mm:ss}}'"),
            "idField": id,
            "datesConfiguration": {
                "updatedAtField": "DATE_UPDATED_UTC",
                "updatedAtFormat": "yyyy-MM-dd HH:mm:ss",
                "updatedAtTimezone": "GMT",
                "createdAtField": "DATE_CREATED_UTC",
                "createdAtFormat": "yyyy-MM-dd HH:mm:ss",
                "createdAtTimezone": "GMT",
            },
        })
    };
    let mut body = instance(&json!({
        "contacts": resource("contacts", "CONTACT_ID"),
        "accounts": resource("accounts", "ORGANISATION_ID"),
        "leads": {},
        "opportunities": {},
    }));
    body["providerData"] = json!({ "code": "" });
    body
}

fn instance(resources: &Value) -> Value {
    json!({
        "element": { "key": "insightly" },
        "configuration": {
            "username": "me@example.com",
            "password": "<your Insightly API key>",
            "event.notification.enabled": true,
            "event.vendor.type": "polling",
            "event.notification.callback.url": "https://example.com/callback",
            "event.poller.refresh_interval": "15",
            "event.poller.configuration": resources,
        },
        "tags": ["Docs"],
        "name": "API Instance with Polling",
    })
}
