//! The body of a notification, in the form of SAP Open Connectors unless its instance asks for CloudEvents.

use chrono::{DateTime, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::change::seconds;
use crate::cloud_events::CloudEvents;
use crate::{ChangeEvent, EventFormat, Instance, MediaType, NotificationId};

/// What a notification says: some events of one resource of one instance, and their records.
#[derive(Clone, Copy, Debug)]
pub struct NotificationBody<'a> {
    /// The notification's identity, `eventId` on the wire.
    pub id: NotificationId,
    /// Whose events.
    pub instance: &'a Instance,
    /// The hub's name of the resource, under which the records stand.
    pub resource: &'a str,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The events.
    pub events: &'a [ChangeEvent],
    /// The records of these events; left out when `event.raw.enabled` is false.
    pub records: &'a [&'a RawValue],
}

impl NotificationBody<'_> {
    /// The JSON, made once: every attempt and every signature is over these bytes.
    ///
    /// # Errors
    /// None in practice: the parts are plain JSON values.
    pub fn to_raw(&self) -> Result<Box<RawValue>, serde_json::Error> {
        match self.instance.settings.delivery.format {
            EventFormat::OpenConnectors => to_raw_value(self),
            EventFormat::CloudEvents => to_raw_value(&CloudEvents(self)),
        }
    }

    /// What that JSON is.
    pub fn media_type(&self) -> MediaType {
        MediaType::of(self.instance.settings.delivery.format, self.events.len())
    }
}

impl Serialize for NotificationBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("createdDateTime", &Seconds(self.created_at))?;
        map.serialize_entry("topic", "events")?;
        map.serialize_entry("action", "create")?;
        map.serialize_entry("severity", "low")?;
        map.serialize_entry("message", &Message(self))?;
        map.end()
    }
}

struct Message<'a>(&'a NotificationBody<'a>);

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let NotificationBody {
            id,
            instance,
            events,
            ..
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("eventId", &id.to_string())?;
        map.serialize_entry("instanceId", &instance.id)?;
        map.serialize_entry("instance_id", &instance.id)?;
        map.serialize_entry("instanceName", &instance.name)?;
        map.serialize_entry("instanceTags", &instance.tags)?;
        map.serialize_entry("elementKey", "insightly")?;
        map.serialize_entry("accountId", &instance.organization)?;
        map.serialize_entry("companyId", &instance.organization)?;
        map.serialize_entry("userId", &instance.user)?;
        map.serialize_entry("events", events)?;
        if instance.settings.raw_enabled {
            map.serialize_entry("raw", &Raw(self.0))?;
        }
        map.end()
    }
}

struct Raw<'a>(&'a NotificationBody<'a>);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let NotificationBody {
            id,
            instance,
            resource,
            events,
            records,
            ..
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("instance_id", &instance.id)?;
        map.serialize_entry("objectType", resource)?;
        map.serialize_entry("eventId", &id.to_string())?;
        map.serialize_entry("events", events)?;
        // A resource called `events` would otherwise give the object two fields of one name.
        let records_key = if *resource == "events" {
            "events_records"
        } else {
            resource
        };
        map.serialize_entry(records_key, records)?;
        map.end()
    }
}

struct Seconds(DateTime<Utc>);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        seconds(&self.0, serializer)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::{AccountKey, EventType, InstanceId, OrganizationId, Settings, UserId};

    pub(crate) fn instance(raw_enabled: bool) -> Instance {
        let at = "2026-11-24T10:00:00Z".parse().unwrap();
        Instance {
            id: InstanceId(17),
            organization: OrganizationId(1),
            user: UserId(1),
            name: "My CRM".to_owned(),
            tags: vec!["Docs".to_owned()],
            configuration: Map::new(),
            secrets: BTreeMap::new(),
            settings: Settings {
                base_url: "https://api.na1.insightly.com/v3.1".to_owned(),
                events_enabled: true,
                callback_url: None,
                refresh_interval: 15,
                zone: "UTC".to_owned(),
                overlap: 120,
                batch: 10,
                raw_enabled,
                deletes_interval: 0,
                initial: crate::Initial::None,
                changes: false,
                skip_unchanged: false,
                requests_per_second: None,
                requests_per_day: None,
                delivery: crate::DeliverySettings::default(),
            },
            account: AccountKey("api.na1.insightly.com/1".to_owned()),
            valid: true,
            disabled: false,
            reason: None,
            hint_hash: None,
            failing_since: None,
            created_at: at,
            updated_at: at,
        }
    }

    pub(crate) fn event(resource: &str) -> ChangeEvent {
        ChangeEvent {
            object_type: resource.to_owned(),
            object_id: "318219".to_owned(),
            event_type: EventType::Updated,
            date: "2026-11-24T09:59:41Z".parse().unwrap(),
            poll_date: "2026-11-24T10:00:01.250Z".parse().unwrap(),
            element_key: "insightly".to_owned(),
            hub_key: "crm".to_owned(),
            sequence: 3,
            snapshot: false,
            test: false,
            changes: None,
        }
    }

    fn body(raw_enabled: bool, resource: &str) -> Value {
        let body = NotificationBody {
            id: NotificationId(1042),
            instance: &instance(raw_enabled),
            resource,
            created_at: "2026-11-24T10:00:03.9Z".parse().unwrap(),
            events: &[event(resource)],
            records: &[&to_raw_value(&json!({"CONTACT_ID": 318219, "FIRST_NAME": "Zoë"})).unwrap()],
        };
        serde_json::from_str(body.to_raw().unwrap().get()).unwrap()
    }

    #[test]
    fn the_body_has_the_form_of_open_connectors() {
        insta::assert_json_snapshot!(body(true, "contacts"));
    }

    #[test]
    fn raw_is_left_out_when_it_is_switched_off() {
        assert_eq!(body(false, "contacts")["message"].get("raw"), None);
    }

    #[test]
    fn the_records_of_the_resource_events_do_not_hide_the_events() {
        let body = body(true, "events");
        assert_eq!(body["message"]["raw"]["events"][0]["eventType"], "UPDATED");
        assert_eq!(
            body["message"]["raw"]["events_records"][0]["CONTACT_ID"],
            318219
        );
    }
}
