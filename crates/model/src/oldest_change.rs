//! How old the news of a notification is, read back from its body: the body is what is stored and what travels.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{MediaType, Notification, Purpose};

impl Notification {
    /// When the oldest of the changes that it tells of happened, by Insightly.
    ///
    /// None where it tells of nothing that happened lately: a notice, a test, a snapshot, what is replayed.
    pub fn oldest_change(&self) -> Option<DateTime<Utc>> {
        if self.purpose != Purpose::Changes {
            return None;
        }
        oldest(&self.body, self.media_type).ok().flatten()
    }
}

/// A body in the form of Open Connectors. The records in it are passed over.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    replayed: bool,
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    date: DateTime<Utc>,
    #[serde(default)]
    snapshot: bool,
}

#[derive(Deserialize)]
struct CloudEvent {
    #[serde(default)]
    replayed: bool,
    time: DateTime<Utc>,
    #[serde(default)]
    snapshot: bool,
}

impl CloudEvent {
    fn happened(self) -> Option<DateTime<Utc>> {
        (!self.replayed && !self.snapshot).then_some(self.time)
    }
}

fn oldest(
    body: &RawValue,
    media_type: MediaType,
) -> Result<Option<DateTime<Utc>>, serde_json::Error> {
    let text = body.get();
    Ok(match media_type {
        MediaType::Json => {
            let Body { replayed, message } = serde_json::from_str(text)?;
            let happened = message.events.iter().filter(|event| !event.snapshot);
            happened.map(|event| event.date).min().filter(|_| !replayed)
        }
        MediaType::CloudEvent => serde_json::from_str::<CloudEvent>(text)?.happened(),
        MediaType::CloudEventBatch => {
            let events: Vec<CloudEvent> = serde_json::from_str(text)?;
            events.into_iter().filter_map(CloudEvent::happened).min()
        }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::notification_body::tests::{event, instance};
    use crate::{ChangeEvent, EventFormat, NotificationBody, NotificationId, mark_replayed};

    const EARLY: &str = "2026-11-24T09:00:00Z";
    const LATE: &str = "2026-11-24T09:59:41Z";

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn notification(format: EventFormat, events: &[ChangeEvent]) -> Notification {
        let mut instance = instance(true);
        instance.settings.delivery.format = format;
        let record = json!({"CONTACT_ID": 318219, "date": "no date", "events": 7});
        let record = to_raw_value(&record).unwrap();
        let body = NotificationBody {
            id: NotificationId(1042),
            instance: &instance,
            resource: "contacts",
            created_at: at(LATE),
            events,
            records: &vec![&*record; events.len()],
        };
        Notification {
            id: body.id,
            instance: instance.id,
            resource: "contacts".to_owned(),
            created_at: body.created_at,
            body: body.to_raw().unwrap(),
            purpose: Purpose::Changes,
            media_type: body.media_type(),
        }
    }

    fn changed(date: &str, snapshot: bool) -> ChangeEvent {
        ChangeEvent {
            date: at(date),
            snapshot,
            ..event("contacts")
        }
    }

    #[rstest]
    fn the_oldest_of_several_counts(
        #[values(EventFormat::OpenConnectors, EventFormat::CloudEvents)] format: EventFormat,
    ) {
        let one = notification(format, &[changed(LATE, false)]);
        let several = notification(format, &[changed(LATE, false), changed(EARLY, false)]);

        assert_eq!(one.oldest_change(), Some(at(LATE)));
        assert_eq!(several.oldest_change(), Some(at(EARLY)));
    }

    #[rstest]
    fn what_did_not_happen_lately_does_not_count(
        #[values(EventFormat::OpenConnectors, EventFormat::CloudEvents)] format: EventFormat,
        #[values(1, 2)] events: usize,
    ) {
        let changes = vec![changed(EARLY, false); events];
        let happened = notification(format, &changes);
        let mut replayed = happened.clone();
        replayed.body = mark_replayed(&happened.body).unwrap();
        let notice = Notification {
            purpose: Purpose::Operational,
            ..happened.clone()
        };
        let snapshot = notification(format, &vec![changed(EARLY, true); events]);

        assert_eq!(happened.oldest_change(), Some(at(EARLY)));
        for other in [replayed, notice, snapshot] {
            assert_eq!(other.oldest_change(), None, "{}", other.body);
        }
    }

    #[test]
    fn a_body_that_tells_of_no_event_has_no_age() {
        let mut unreadable = notification(EventFormat::OpenConnectors, &[]);
        assert_eq!(unreadable.oldest_change(), None);

        unreadable.body = RawValue::from_string(r#"{"id":1042}"#.to_owned()).unwrap();

        assert_eq!(unreadable.oldest_change(), None);
    }
}
