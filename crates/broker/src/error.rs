//! What can go wrong with the queue, by what its user has to decide.

use crate::failure::{BoxError, one_line};

/// An error of the queue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No queue took the message, though the broker acknowledged it: somebody deleted or unbound one. It is declared again.
    #[error(
        "the broker has no queue for `{queue}`: somebody deleted or unbound it; it is declared again, so publish again"
    )]
    Unroutable {
        /// The queue it was meant for.
        queue: String,
    },
    /// The broker did not take the message.
    #[error("the broker refused a message for `{queue}`")]
    Nacked {
        /// The queue it was meant for.
        queue: String,
    },
    /// The in-process queue holds as many messages as it may.
    #[error("the queue `{queue}` is full with {capacity} messages (broker.memory_capacity)")]
    Full {
        /// The queue it was meant for.
        queue: String,
        /// How many it holds.
        capacity: usize,
    },
    /// There is no connection, or the broker did not answer in time: whether the message arrived is not known.
    #[error("no answer from the broker: {reason}")]
    Disconnected {
        /// What was being waited for.
        reason: String,
        /// What the connection reported.
        #[source]
        source: Option<BoxError>,
    },
    /// The message cannot be written as JSON.
    #[error("the message cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
    /// `broker.url` cannot be used.
    #[error(
        "broker.url is not an AMQP address, expected \"amqp://user:password@host:5672/vhost\": {0}"
    )]
    Url(String),
    /// The broker does not let us in.
    #[error(
        "the broker refuses the user or the virtual host of broker.url; check both, and the user's permissions"
    )]
    Refused(#[source] BoxError),
    /// A queue or exchange is there already and is not what we need.
    #[error(
        "`{name}` is declared with other arguments than this configuration needs ({detail}); \
         let it run empty and delete it (`rabbitmqctl delete_queue {name}`), or choose another broker.prefix"
    )]
    Topology {
        /// The queue or exchange.
        name: String,
        /// What the broker says.
        detail: String,
    },
}

impl Error {
    pub(crate) fn disconnected(reason: impl Into<String>) -> Self {
        Self::Disconnected {
            reason: reason.into(),
            source: None,
        }
    }

    /// The error and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        one_line(self)
    }

    /// Its name in metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Unroutable { .. } => "unroutable",
            Self::Nacked { .. } => "nacked",
            Self::Full { .. } => "full",
            Self::Disconnected { .. } | Self::Refused(_) => "disconnected",
            Self::Encode(_) | Self::Url(_) | Self::Topology { .. } => "invalid",
        }
    }
}
