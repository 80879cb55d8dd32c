//! What is around a payload: who it is, what kind and version, which attempt, since when, and its trace.

use std::fmt::{self, Display, Formatter};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use ie_model::{Message, Notification, StoredNotification};

use crate::propagation::TraceContext;

/// A message as it travels, on whichever backend.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) message_id: String,
    pub(crate) kind: String,
    pub(crate) version: u32,
    /// 1 for the first.
    pub(crate) attempt: u32,
    pub(crate) published_at: Option<DateTime<Utc>>,
    /// It may be a copy: its publisher did not know whether an earlier one had arrived.
    pub(crate) republished: bool,
    pub(crate) trace: TraceContext,
    pub(crate) dead: Option<Death>,
    pub(crate) payload: Bytes,
}

/// Why and when a message became a dead letter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Death {
    pub(crate) reason: String,
    pub(crate) at: Option<DateTime<Utc>>,
}

/// A message as it is handed to its publisher.
#[derive(Clone, Debug)]
pub struct Outgoing<'a, M> {
    /// What travels.
    pub message: &'a M,
    /// The trace it belongs to; without one, that of the current span.
    pub traceparent: Option<String>,
    /// Whether an earlier copy may have arrived: its consumer looks up what was done already.
    pub republished: bool,
    /// The number of the attempt that it asks for, from 1.
    pub attempt: u32,
}

impl<'a, M> Outgoing<'a, M> {
    /// A message that is published for the first time, in the trace of the current span.
    pub fn new(message: &'a M) -> Self {
        Self {
            message,
            traceparent: None,
            republished: false,
            attempt: 1,
        }
    }
}

impl<'a> Outgoing<'a, Notification> {
    /// A stored notification, for its next attempt.
    pub fn next_attempt(stored: &'a StoredNotification) -> Self {
        Self {
            message: &stored.notification,
            traceparent: stored.traceparent.clone(),
            republished: true,
            attempt: stored.attempts + 1,
        }
    }
}

/// A message that waits for an operator.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The identity of the message.
    pub message_id: String,
    /// What kind of message it says it is.
    pub kind: String,
    /// The version of its kind.
    pub version: u32,
    /// The number of its last attempt.
    pub attempt: u32,
    /// Why nobody tries again.
    pub reason: String,
    /// When it became a dead letter, where known.
    pub dead_at: Option<DateTime<Utc>>,
    /// When it was published first, where known.
    pub published_at: Option<DateTime<Utc>>,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// What travelled: JSON, unless that is what is wrong with it.
    pub payload: Bytes,
}

/// Why a message cannot be handed to a handler.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Unreadable {
    Kind {
        found: String,
        expected: &'static str,
    },
    Version {
        kind: &'static str,
        found: u32,
        highest: u32,
    },
    Payload {
        kind: &'static str,
        detail: String,
    },
}

impl Display for Unreadable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { found, expected } => {
                write!(f, "unknown kind `{found}`, expected `{expected}`")
            }
            Self::Version {
                kind,
                found,
                highest,
            } => write!(
                f,
                "unknown version {found} of `{kind}`, expected 1 to {highest}: update the consumer, then redrive"
            ),
            Self::Payload { kind, detail } => write!(f, "the payload is not a `{kind}`: {detail}"),
        }
    }
}

impl Envelope {
    /// Wraps a message; the trace is the publisher's matter.
    pub(crate) fn pack<M: Message>(
        outgoing: &Outgoing<'_, M>,
        now: DateTime<Utc>,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            message_id: outgoing.message.message_id(),
            kind: M::KIND.to_owned(),
            version: M::VERSION,
            attempt: outgoing.attempt.max(1),
            published_at: Some(now),
            republished: outgoing.republished,
            trace: TraceContext::default(),
            dead: None,
            payload: serde_json::to_vec(outgoing.message)?.into(),
        })
    }

    /// Reads the message, if it is one that this program knows.
    pub(crate) fn parse<M: Message>(&self) -> Result<M, Unreadable> {
        read(&self.kind, self.version, &self.payload)
    }

    /// The same message, to come back as attempt number `attempt`.
    pub(crate) fn again(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// The same message as a dead letter.
    pub(crate) fn died(mut self, reason: &str, now: DateTime<Utc>) -> Self {
        self.dead = Some(Death {
            reason: cut(reason),
            at: Some(now),
        });
        self
    }

    /// What an operator sees of a dead letter.
    pub(crate) fn into_dead_letter(self) -> DeadLetter {
        let (reason, dead_at) = match self.dead {
            Some(death) => (death.reason, death.at),
            None => ("no reason was recorded".to_owned(), None),
        };
        DeadLetter {
            message_id: self.message_id,
            kind: self.kind,
            version: self.version,
            attempt: self.attempt,
            reason,
            dead_at,
            published_at: self.published_at,
            traceparent: self.trace.traceparent,
            payload: self.payload,
        }
    }
}

impl DeadLetter {
    /// Whether this program reads it as such a message; what nobody reads is poison, and only an operator's matter.
    pub fn is_readable_as<M: Message>(&self) -> bool {
        read::<M>(&self.kind, self.version, &self.payload).is_ok()
    }
}

fn read<M: Message>(kind: &str, version: u32, payload: &[u8]) -> Result<M, Unreadable> {
    if kind != M::KIND {
        return Err(Unreadable::Kind {
            found: kind.to_owned(),
            expected: M::KIND,
        });
    }
    if version == 0 || version > M::VERSION {
        return Err(Unreadable::Version {
            kind: M::KIND,
            found: version,
            highest: M::VERSION,
        });
    }
    serde_json::from_slice(payload).map_err(|error| {
        // The error's own text may quote a value of the payload, which is personal data.
        let place = format!("line {}, column {}", error.line(), error.column());
        let what = match error.classify() {
            serde_json::error::Category::Data => "a field is missing or of another type",
            _ => "it is not complete JSON",
        };
        Unreadable::Payload {
            kind: M::KIND,
            detail: format!("{what} ({place})"),
        }
    })
}

/// Keeps a reason within what fits a header and a screen.
fn cut(reason: &str) -> String {
    const LONGEST: usize = 1000;
    reason.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use ie_model::Queue;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        text: String,
    }

    impl Message for Note {
        const QUEUE: Queue = Queue::Poll;
        const KIND: &'static str = "note";
        const VERSION: u32 = 2;

        fn message_id(&self) -> String {
            self.text.clone()
        }

        fn instance(&self) -> ie_model::InstanceId {
            ie_model::InstanceId(1)
        }
    }

    fn envelope() -> Envelope {
        let note = Note {
            text: "hello".into(),
        };
        Envelope::pack(&Outgoing::new(&note), DateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn what_is_packed_can_be_read() {
        assert_eq!(
            envelope().parse(),
            Ok(Note {
                text: "hello".into()
            })
        );
    }

    #[test]
    fn a_message_of_an_older_version_is_read() {
        let older = Envelope {
            version: 1,
            ..envelope()
        };

        assert_eq!(
            older.parse(),
            Ok(Note {
                text: "hello".into()
            })
        );
    }

    #[test]
    fn another_kind_and_a_newer_version_are_told_apart() {
        let other = Envelope {
            kind: "letter".into(),
            ..envelope()
        };
        let newer = Envelope {
            version: 3,
            ..envelope()
        };

        let kind = other.parse::<Note>().unwrap_err().to_string();
        let version = newer.parse::<Note>().unwrap_err().to_string();

        assert_eq!(kind, "unknown kind `letter`, expected `note`");
        assert!(
            version.starts_with("unknown version 3 of `note`, expected 1 to 2"),
            "{version}"
        );
    }

    #[test]
    fn the_reason_of_an_unreadable_payload_does_not_quote_it() {
        let payload = Bytes::from_static(br#"{"text": ["jane@example.com"]}"#);
        let wrong = Envelope {
            payload,
            ..envelope()
        };

        let reason = wrong.parse::<Note>().unwrap_err().to_string();

        assert!(
            reason.contains("line 1") && !reason.contains("jane"),
            "{reason}"
        );
    }

    #[test]
    fn a_long_reason_is_cut() {
        let dead = envelope().died(&"é".repeat(5000), DateTime::UNIX_EPOCH);

        assert_eq!(dead.into_dead_letter().reason.chars().count(), 1000);
    }
}
