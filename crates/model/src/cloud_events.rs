//! The body of a notification as CloudEvents 1.0: one event structured, several as a batch.
//!
//! Source: the CloudEvents specification and its JSON event format, version 1.0.2.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::change::seconds;
use crate::{ChangeEvent, NotificationBody};

/// Digits of the attribute `sequence`: those of the largest, so that the order of the texts is that of the numbers.
const SEQUENCE_DIGITS: usize = 19;

/// The events of a notification; a single one stands alone.
pub(crate) struct CloudEvents<'a>(pub(crate) &'a NotificationBody<'a>);

impl Serialize for CloudEvents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let events = self.0.events;
        if let [event] = events {
            return self.event(0, event).serialize(serializer);
        }
        let mut list = serializer.serialize_seq(Some(events.len()))?;
        for (index, event) in events.iter().enumerate() {
            list.serialize_element(&self.event(index, event))?;
        }
        list.end()
    }
}

impl<'a> CloudEvents<'a> {
    fn event(&self, index: usize, event: &'a ChangeEvent) -> CloudEvent<'a> {
        let raw_enabled = self.0.instance.settings.raw_enabled;
        CloudEvent {
            body: self.0,
            index,
            event,
            record: raw_enabled
                .then(|| self.0.records.get(index).copied())
                .flatten(),
        }
    }
}

/// One event. Names of attributes are lower case letters and digits, as the specification demands.
struct CloudEvent<'a> {
    body: &'a NotificationBody<'a>,
    index: usize,
    event: &'a ChangeEvent,
    record: Option<&'a RawValue>,
}

impl Serialize for CloudEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (body, event) = (self.body, self.event);
        let happened = event.event_type.as_str().to_ascii_lowercase();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        // The body is made once, so the place within the notification is the event's for ever.
        map.serialize_entry("id", &format!("{}-{}", body.id, self.index + 1))?;
        let source = format!("/elements/api-v2/instances/{}", body.instance.id);
        map.serialize_entry("source", &source)?;
        let kind = format!("com.insightly.{}.{happened}", event.object_type);
        map.serialize_entry("type", &kind)?;
        map.serialize_entry("subject", &event.object_id)?;
        map.serialize_entry("time", &Time(event))?;
        map.serialize_entry("datacontenttype", "application/json")?;
        // A text, since an integer of CloudEvents has 32 bits.
        let sequence = format!("{:0SEQUENCE_DIGITS$}", event.sequence);
        map.serialize_entry("sequence", &sequence)?;
        if event.snapshot {
            map.serialize_entry("snapshot", &true)?;
        }
        if event.test {
            map.serialize_entry("test", &true)?;
        }
        map.serialize_entry("data", &Data(self))?;
        map.end()
    }
}

struct Time<'a>(&'a ChangeEvent);

impl Serialize for Time<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        seconds(&self.0.date, serializer)
    }
}

/// The event as Open Connectors tells it, whose it is, and its record.
struct Data<'a>(&'a CloudEvent<'a>);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields<'a> {
            event_id: String,
            instance_id: crate::InstanceId,
            instance_name: &'a str,
            instance_tags: &'a [String],
            #[serde(flatten)]
            event: &'a ChangeEvent,
            #[serde(skip_serializing_if = "Option::is_none")]
            record: Option<&'a RawValue>,
        }
        let CloudEvent {
            body,
            event,
            record,
            ..
        } = *self.0;
        let fields = Fields {
            event_id: body.id.to_string(),
            instance_id: body.instance.id,
            instance_name: &body.instance.name,
            instance_tags: &body.instance.tags,
            event,
            record,
        };
        fields.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::notification_body::tests::{event, instance};
    use crate::{EventFormat, MediaType, NotificationId};

    fn body(raw_enabled: bool, events: &[ChangeEvent]) -> (Value, MediaType) {
        let mut instance = instance(raw_enabled);
        instance.settings.delivery.format = EventFormat::CloudEvents;
        let records: Vec<_> = events
            .iter()
            .map(|event| json!({"CONTACT_ID": 318219, "FIRST_NAME": "Zoë", "OF": event.object_id}))
            .map(|record| to_raw_value(&record).unwrap())
            .collect();
        let body = NotificationBody {
            id: NotificationId(1042),
            instance: &instance,
            resource: "contacts",
            created_at: "2026-11-24T10:00:03.9Z".parse().unwrap(),
            events,
            records: &records.iter().map(|record| &**record).collect::<Vec<_>>(),
        };
        let raw = body.to_raw().unwrap();
        (serde_json::from_str(raw.get()).unwrap(), body.media_type())
    }

    #[test]
    fn one_event_is_structured() {
        let (body, media_type) = body(true, &[event("contacts")]);

        assert_eq!(media_type, MediaType::CloudEvent);
        insta::assert_json_snapshot!(body);
    }

    #[test]
    fn several_events_are_a_batch_each_with_an_id_and_a_record_of_its_own() {
        let second = ChangeEvent {
            object_id: "318220".to_owned(),
            event_type: crate::EventType::Created,
            snapshot: true,
            ..event("contacts")
        };

        let (body, media_type) = body(true, &[event("contacts"), second]);

        assert_eq!(media_type, MediaType::CloudEventBatch);
        insta::assert_json_snapshot!(body);
    }

    #[test]
    fn the_record_is_left_out_when_raw_is_switched_off() {
        let (body, _) = body(false, &[event("contacts"), event("contacts")]);

        for event in body.as_array().unwrap() {
            assert_eq!(event["data"].get("record"), None);
            assert_eq!(event["data"]["objectId"], "318219");
        }
    }

    #[test]
    fn names_of_attributes_are_valid_and_values_of_extensions_have_a_type_of_the_specification() {
        let told = ChangeEvent {
            snapshot: true,
            changes: Some(json!({"PHONE": {"to": "1"}})),
            ..event("contacts")
        };

        let (body, _) = body(true, &[told]);

        let attributes: &Map<String, Value> = body.as_object().unwrap();
        for (name, value) in attributes {
            let plain = name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            assert!(plain && name.len() <= 20, "{name}");
            assert!(name == "data" || value.is_string() || value.is_boolean());
        }
    }
}
