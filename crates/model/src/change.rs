//! The normalized change event, as it stands in a notification.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EventType {
    /// It was not there before.
    Created,
    /// Its content or its updated date moved.
    Updated,
    /// It is gone.
    Deleted,
}

impl EventType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Updated => "UPDATED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change of one record.
///
/// Source: the notification of SAP Open Connectors; `sequence` is ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeEvent {
    /// The hub's name of the resource.
    pub object_type: String,
    /// The record's id, always as text.
    pub object_id: String,
    /// What happened.
    pub event_type: EventType,
    /// When the record changed, by Insightly.
    #[serde(serialize_with = "seconds")]
    pub date: DateTime<Utc>,
    /// When we saw it.
    #[serde(serialize_with = "seconds")]
    pub poll_date: DateTime<Utc>,
    /// `insightly`.
    pub element_key: String,
    /// `crm`.
    pub hub_key: String,
    /// Rises with every event of this object: a receiver drops what is lower than it has.
    ///
    /// It is the updated date in milliseconds, or one more than the last where that is not more.
    pub sequence: i64,
    /// Whether it is no change: the record existed before and is told of once, at the beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
    /// Whether it is no change but a sample, sent to try the callback.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// What an update changed, when the instance asks for it (`event.changes`): by the path of each field its value
    /// before (`from`) and after (`to`). `null` when the former content is not known.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    pub changes: Option<Value>,
}

/// A value that is there, be it null.
fn given<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(source).map(Some)
}

/// Times in a notification have whole seconds and end in `Z`.
pub(crate) fn seconds<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(changes: Option<Value>) -> ChangeEvent {
        ChangeEvent {
            object_type: "contacts".to_owned(),
            object_id: "7".to_owned(),
            event_type: EventType::Updated,
            date: DateTime::UNIX_EPOCH,
            poll_date: DateTime::UNIX_EPOCH,
            element_key: "insightly".to_owned(),
            hub_key: "crm".to_owned(),
            sequence: 1,
            snapshot: false,
            test: false,
            changes,
        }
    }

    #[test]
    fn changes_that_are_not_known_are_told_from_those_that_are_not_asked_for() {
        let known = json!({"PHONE": {"from": "1", "to": null}});
        for changes in [None, Some(Value::Null), Some(json!({})), Some(known)] {
            let wire = serde_json::to_value(event(changes.clone())).unwrap();

            assert_eq!(wire.get("changes"), changes.as_ref());
            let back: ChangeEvent = serde_json::from_value(wire).unwrap();
            assert_eq!(back.changes, changes);
        }
    }
}
