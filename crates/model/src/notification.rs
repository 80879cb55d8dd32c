//! Notifications: what is delivered to a callback, its state and its attempts.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{InstanceId, Message, NotificationId, Queue};

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
}

impl Message for Notification {
    const QUEUE: Queue = Queue::Changes;
    const KIND: &'static str = "notification";
    const VERSION: u32 = 1;

    fn message_id(&self) -> String {
        self.id.to_string()
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
    /// The first 4 KiB of the callback's answer.
    pub response: Option<String>,
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
