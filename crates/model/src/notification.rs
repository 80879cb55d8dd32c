//! Notifications: what is delivered to a callback, its state and its attempts.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{ErrorClass, InstanceId, MediaType, Message, NotificationId, Queue};

/// A message: this body is to be posted to the instance's callback.
///
/// The body is made once, so that every attempt and every signature is over the same bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notification {
    /// Its identity, also the `Elements-Webhook-Id`.
    pub id: NotificationId,
    /// Whose callback.
    pub instance: InstanceId,
    /// The hub's name of the resource.
    pub resource: String,
    /// When the fetcher stored it, by our clock.
    pub created_at: DateTime<Utc>,
    /// The JSON to post, byte for byte.
    pub body: Box<RawValue>,
    /// What it is for; messages and rows that do not say are changes.
    #[serde(default, skip_serializing_if = "Purpose::is_changes")]
    pub purpose: Purpose,
    /// What the body is; messages that do not say are of Open Connectors.
    #[serde(default, skip_serializing_if = "MediaType::is_json")]
    pub media_type: MediaType,
}

/// What a notification is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// It tells the callback of changes.
    #[default]
    Changes,
    /// It tells the instance's owner how deliveries go, at `event.operational.url`.
    Operational,
    /// It tells the operator the same, at `dispatcher.operational_url`.
    Operator,
    /// It tries the callback once.
    Test,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Purpose; 4] = [Self::Changes, Self::Operational, Self::Operator, Self::Test];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Operational => "operational",
            Self::Operator => "operator",
            Self::Test => "test",
        }
    }

    fn is_changes(&self) -> bool {
        *self == Self::Changes
    }
}

/// The text names no purpose.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such purpose {0:?}, expected changes, operational, operator or test")]
pub struct UnknownPurpose(pub String);

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| UnknownPurpose(text.to_owned()))
    }
}

impl Message for Notification {
    const QUEUE: Queue = Queue::Changes;
    const KIND: &'static str = "notification";
    const VERSION: u32 = 1;

    fn message_id(&self) -> String {
        self.id.to_string()
    }

    fn instance(&self) -> InstanceId {
        self.instance
    }
}

/// Where a notification stands. The names are Open Connectors'; `FAILED` and `DISCARDED` are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum NotificationStatus {
    /// Stored, not yet in the queue.
    New,
    /// In the queue, confirmed by the broker.
    Received,
    /// Tried, refused, waiting for the next attempt.
    Dispatched,
    /// Taken by the receiver in another way than a callback.
    Consumed,
    /// Accepted by the callback.
    Notified,
    /// A dead letter: every attempt failed, or none was possible.
    Failed,
    /// A dead letter that was given up: nothing takes it up again.
    Discarded,
}

impl NotificationStatus {
    /// Every status, in the order of a notification's life.
    pub const ALL: [NotificationStatus; 7] = [
        Self::New,
        Self::Received,
        Self::Dispatched,
        Self::Consumed,
        Self::Notified,
        Self::Failed,
        Self::Discarded,
    ];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Received => "RECEIVED",
            Self::Dispatched => "DISPATCHED",
            Self::Consumed => "CONSUMED",
            Self::Notified => "NOTIFIED",
            Self::Failed => "FAILED",
            Self::Discarded => "DISCARDED",
        }
    }

    /// Whether nothing more happens to it by itself.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Consumed | Self::Notified | Self::Failed | Self::Discarded
        )
    }
}

/// The text names no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such status {0:?}, expected NEW, RECEIVED, DISPATCHED, CONSUMED, NOTIFIED, FAILED or DISCARDED"
)]
pub struct UnknownStatus(pub String);

impl FromStr for NotificationStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.to_ascii_uppercase();
        let found = Self::ALL
            .into_iter()
            .find(|status| status.as_str() == upper);
        found.ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// One try to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Of which notification.
    pub notification: NotificationId,
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: u64,
    /// The status of the callback's answer, if there was one.
    pub status_code: Option<u16>,
    /// Why it failed, in words for people; none when the callback accepted.
    pub error: Option<String>,
    /// What kind of failure it was; none when the callback accepted.
    pub error_class: Option<ErrorClass>,
    /// The first 4 KiB of the callback's answer.
    pub response: Option<String>,
    /// The headers of the callback's answer as a JSON object, up to 4 KiB.
    pub headers: Option<String>,
}

/// A stored notification, as lists and the command line show it.
#[derive(Clone, Debug)]
pub struct StoredNotification {
    /// What is delivered.
    pub notification: Notification,
    /// Where it stands.
    pub status: NotificationStatus,
    /// Attempts made.
    pub attempts: u32,
    /// The next attempt, while there is one.
    pub due_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// The trace that the change belongs to.
    pub traceparent: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_an_older_version_tells_of_changes_and_is_written_as_it_was() {
        let wire = r#"{"id":1042,"instance":17,"resource":"contacts","created_at":"2026-11-24T10:00:03.250Z","body":{"id": 1042}}"#;

        let read: Notification = serde_json::from_str(wire).unwrap();

        assert_eq!(read.purpose, Purpose::Changes);
        assert_eq!(serde_json::to_string(&read).unwrap(), wire);
    }

    #[test]
    fn every_other_purpose_travels_under_its_name() {
        for purpose in Purpose::ALL {
            assert_eq!(serde_json::to_value(purpose).unwrap(), purpose.as_str());
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
        }
    }
}
