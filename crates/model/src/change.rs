//! The normalized change event, as it stands in a notification.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};

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
    /// 1 for the first event of this object, then one more each: a receiver drops what is lower than it has.
    pub sequence: i64,
}

/// Times in a notification have whole seconds and end in `Z`.
pub(crate) fn seconds<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true))
}
