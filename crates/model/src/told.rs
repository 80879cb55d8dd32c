//! What a notification tells, in whichever format it comes.

use serde_json::Value;

/// An event of a notification.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The notification that brought it.
    pub notification: String,
    /// The event; of a CloudEvent its data without the record.
    pub event: Value,
    /// The record that it is about; null when the notification has none.
    pub record: Value,
}

/// The events of a body: of Open Connectors, one CloudEvent, or a batch of them.
pub fn events(body: &Value) -> Vec<Told> {
    match body {
        Value::Array(several) => several.iter().filter_map(cloud_event).collect(),
        one if one.get("specversion").is_some() => cloud_event(one).into_iter().collect(),
        other => notification(&other["message"]),
    }
}

fn cloud_event(event: &Value) -> Option<Told> {
    let mut data = event["data"].as_object()?.clone();
    let record = data.shift_remove("record").unwrap_or_default();
    let notification = data.get("eventId").and_then(Value::as_str);
    Some(Told {
        notification: notification.unwrap_or_default().to_owned(),
        record,
        event: Value::Object(data),
    })
}

fn notification(message: &Value) -> Vec<Told> {
    let id = message["eventId"].as_str().unwrap_or_default();
    let raw = &message["raw"];
    let resource = raw["objectType"].as_str().unwrap_or_default();
    let events = message["events"].as_array().into_iter().flatten();
    let told = events.enumerate().map(|(place, event)| Told {
        notification: id.to_owned(),
        event: event.clone(),
        record: raw[resource].get(place).cloned().unwrap_or_default(),
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told() -> Told {
        Told {
            notification: "1042".to_owned(),
            event: json!({"eventId": "1042", "objectId": "7"}),
            record: json!({"CONTACT_ID": 7}),
        }
    }

    fn cloud_event() -> Value {
        let data = json!({"eventId": "1042", "objectId": "7", "record": {"CONTACT_ID": 7}});
        json!({"specversion": "1.0", "id": "1042-1", "data": data})
    }

    #[test]
    fn every_format_tells_the_same() {
        let message = json!({
            "eventId": "1042",
            "events": [{"eventId": "1042", "objectId": "7"}],
            "raw": {"objectType": "contacts", "contacts": [{"CONTACT_ID": 7}]},
        });

        assert_eq!(events(&json!({"id": 1042, "message": message})), [told()]);
        assert_eq!(events(&cloud_event()), [told()]);
        assert_eq!(
            events(&json!([cloud_event(), cloud_event()])),
            [told(), told()]
        );
    }

    #[test]
    fn a_body_without_records_tells_its_events() {
        let body = json!({"message": {"eventId": "1", "events": [{"objectId": "7"}]}});

        let told = events(&body);

        assert_eq!(told[0].record, Value::Null);
        assert_eq!(told[0].event["objectId"], "7");
    }
}
