//! What a message of the queue is: its kind, its version and the queue it belongs to.

use serde::{Serialize, de::DeserializeOwned};

use crate::InstanceId;

/// The work queues. Wait queues and dead-letter queues are the broker's matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Poll jobs, from the scheduler to the fetchers.
    Poll,
    /// Notifications, from the fetchers to the dispatchers.
    Changes,
}

impl Queue {
    /// Every work queue.
    pub const ALL: [Queue; 2] = [Queue::Poll, Queue::Changes];

    /// Its name without the deployment's prefix.
    pub fn name(self) -> &'static str {
        match self {
            Queue::Poll => "poll",
            Queue::Changes => "changes",
        }
    }

    /// Whether one instance may fill it: poll jobs are at most one per poller.
    pub fn has_bulk(self) -> bool {
        self == Queue::Changes
    }
}

/// A type that travels through a queue.
///
/// The queue stands beside the payload's type, so that publisher and consumer cannot disagree.
pub trait Message: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Where it travels.
    const QUEUE: Queue;
    /// What it is called on the wire.
    const KIND: &'static str;
    /// Raised when an old consumer could not read it any more.
    const VERSION: u32;

    /// The identity of this message: the same when it is published again.
    fn message_id(&self) -> String;

    /// The instance that it belongs to: what one of them sends does not delay what another does.
    fn instance(&self) -> InstanceId;
}
