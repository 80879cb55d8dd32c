//! The body of an operational notice: what happened to an instance, for whoever looks after it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::change::seconds;
use crate::{Instance, NotificationId};

/// What an operational notice tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Incident {
    /// We have switched the instance off.
    #[serde(rename = "instance.disabled")]
    Disabled {
        /// Why.
        reason: String,
    },
    /// Insightly refuses the instance's key.
    #[serde(rename = "key.refused")]
    KeyRefused {
        /// What Insightly said.
        reason: String,
    },
    /// Notifications have become dead letters.
    #[serde(rename = "dead_letters.growing")]
    DeadLetters {
        /// How many since the last notice of this kind.
        count: u64,
    },
}

#[derive(Serialize)]
struct Body<'a> {
    id: NotificationId,
    #[serde(rename = "createdDateTime", serialize_with = "seconds")]
    created_at: DateTime<Utc>,
    topic: &'static str,
    message: Message<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    event_id: String,
    instance_id: crate::InstanceId,
    instance_name: &'a str,
    instance_tags: &'a [String],
    #[serde(flatten)]
    incident: &'a Incident,
}

impl Incident {
    /// The JSON to post, made once.
    ///
    /// # Errors
    /// None in practice: the parts are plain JSON values.
    pub fn body(
        &self,
        id: NotificationId,
        instance: &Instance,
        now: DateTime<Utc>,
    ) -> Result<Box<RawValue>, serde_json::Error> {
        serde_json::value::to_raw_value(&Body {
            id,
            created_at: now,
            topic: "operations",
            message: Message {
                event_id: id.to_string(),
                instance_id: instance.id,
                instance_name: &instance.name,
                instance_tags: &instance.tags,
                incident: self,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification_body::tests::instance;

    #[test]
    fn a_notice_says_what_happened_to_which_instance() {
        let incidents = [
            Incident::Disabled {
                reason: "the callback has only failed since 2026-11-19T10:00:03Z".to_owned(),
            },
            Incident::KeyRefused {
                reason: "insightly refuses the API key".to_owned(),
            },
            Incident::DeadLetters { count: 3 },
        ];
        let now = "2026-11-24T10:00:03.250Z".parse().unwrap();

        let bodies = incidents.map(|incident| {
            let body = incident.body(NotificationId(1042), &instance(false), now);
            body.unwrap().get().to_owned()
        });

        insta::assert_snapshot!(bodies.join("\n"));
    }
}
