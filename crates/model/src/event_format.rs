//! In which form an instance's events travel, and how a body names its own form.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The form of an instance's events: `event.notification.format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventFormat {
    /// The notification of SAP Open Connectors.
    #[default]
    OpenConnectors,
    /// CloudEvents 1.0 as JSON.
    CloudEvents,
}

impl EventFormat {
    /// Every format.
    pub const ALL: [EventFormat; 2] = [Self::OpenConnectors, Self::CloudEvents];

    /// The name in an instance's configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenConnectors => "openconnectors",
            Self::CloudEvents => "cloudevents",
        }
    }
}

/// What a notification's body is, as its `Content-Type` says it.
///
/// It is stored and travels with the body, so that a body stays what it is when the instance's format changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediaType {
    /// The form of Open Connectors.
    #[default]
    #[serde(rename = "application/json")]
    Json,
    /// One CloudEvent, structured.
    #[serde(rename = "application/cloudevents+json")]
    CloudEvent,
    /// Several CloudEvents.
    #[serde(rename = "application/cloudevents-batch+json")]
    CloudEventBatch,
}

impl MediaType {
    /// Every media type.
    pub const ALL: [MediaType; 3] = [Self::Json, Self::CloudEvent, Self::CloudEventBatch];

    /// What a body of so many events in this format is.
    pub fn of(format: EventFormat, events: usize) -> Self {
        match (format, events) {
            (EventFormat::OpenConnectors, _) => Self::Json,
            (EventFormat::CloudEvents, 1) => Self::CloudEvent,
            (EventFormat::CloudEvents, _) => Self::CloudEventBatch,
        }
    }

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::CloudEvent => "application/cloudevents+json",
            Self::CloudEventBatch => "application/cloudevents-batch+json",
        }
    }

    /// Whether it is that of messages that do not say.
    pub(crate) fn is_json(&self) -> bool {
        *self == Self::Json
    }
}

/// The text names no media type of a notification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such media type {0:?}, expected application/json, application/cloudevents+json or \
     application/cloudevents-batch+json"
)]
pub struct UnknownMediaType(pub String);

impl FromStr for MediaType {
    type Err = UnknownMediaType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| UnknownMediaType(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Notification;

    #[test]
    fn every_name_is_the_same_on_the_wire_and_in_the_store() {
        for media_type in MediaType::ALL {
            assert_eq!(
                serde_json::to_value(media_type).unwrap(),
                media_type.as_str()
            );
            assert_eq!(media_type.as_str().parse(), Ok(media_type));
        }
        for format in EventFormat::ALL {
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
        }
    }

    #[test]
    fn a_message_of_an_older_version_is_of_open_connectors_and_is_written_as_it_was() {
        let wire = r#"{"id":1042,"instance":17,"resource":"contacts","created_at":"2026-11-24T10:00:03.250Z","body":{"id": 1042}}"#;

        let read: Notification = serde_json::from_str(wire).unwrap();

        assert_eq!(read.media_type, MediaType::Json);
        assert_eq!(serde_json::to_string(&read).unwrap(), wire);
    }
}
