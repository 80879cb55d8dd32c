//! Acknowledgements of one channel, sent together: what ended at the same time costs the broker one command, where it
//! stood next to each other, instead of one for each.
//!
//! RabbitMQ understands "everything up to this one" and "this one", nothing between. So the first is said of what came
//! before every message that is still being handled, and the second of what came after: nothing waits for a slow
//! neighbour to be acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::try_join_all;
use ie_platform::Lifecycle;
use lapin::options::BasicAckOptions;
use lapin::types::DeliveryTag;
use lapin::{Acker, Channel};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::consume::settle;

/// What is taken up at once; more waits for the next turn.
const TOGETHER: usize = 1024;

/// Knows what of a channel is being handled, and hands what has ended to the task that acknowledges it. The task ends
/// with the last of these.
#[derive(Clone)]
pub(super) struct Acknowledger {
    handled: Arc<Mutex<BTreeSet<DeliveryTag>>>,
    sender: mpsc::UnboundedSender<Ended>,
}

/// A message whose handler has ended.
struct Ended {
    tag: DeliveryTag,
    acker: Acker,
    /// Held until the acknowledgement is on its way, so that a stop waits for it. It bounds what waits here as well.
    _slot: OwnedSemaphorePermit,
}

impl Acknowledger {
    /// Starts the task for a channel, which stays open as long as there may be something to acknowledge on it.
    pub(super) fn start(channel: Channel, lifecycle: &Lifecycle) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let handled = Arc::default();
        let task = run(Arc::clone(&handled), receiver);
        lifecycle.spawn_detail(async move {
            task.await;
            drop(channel);
        });
        Self { handled, sender }
    }

    /// The message is being handled; said in the order of arrival.
    pub(super) fn begins(&self, tag: DeliveryTag) {
        change(&self.handled, |handled| handled.insert(tag));
    }

    /// The message was given back, which settles it.
    pub(super) fn given_back(&self, tag: DeliveryTag) {
        change(&self.handled, |handled| handled.remove(&tag));
    }

    /// Acknowledges the message soon.
    pub(super) fn acknowledge(&self, tag: DeliveryTag, acker: Acker, slot: OwnedSemaphorePermit) {
        let ended = Ended {
            tag,
            acker,
            _slot: slot,
        };
        // The task outlives the senders, unless the process is being aborted: then the broker has the message still.
        drop(self.sender.send(ended));
    }
}

async fn run(
    handled: Arc<Mutex<BTreeSet<DeliveryTag>>>,
    mut receiver: mpsc::UnboundedReceiver<Ended>,
) {
    let mut ended = Vec::new();
    while receiver.recv_many(&mut ended, TOGETHER).await > 0 {
        // Here and no earlier: what has ended and is still to be received must not lie before the oldest.
        let oldest = change(&handled, |handled| {
            for one in &ended {
                handled.remove(&one.tag);
            }
            handled.first().copied()
        });
        let mut before: BTreeMap<_, _> = ended.iter().map(|one| (one.tag, &one.acker)).collect();
        let after = oldest.map(|oldest| before.split_off(&oldest));
        let up_to = before.into_values().next_back();
        let up_to = up_to.map(|last| last.ack(BasicAckOptions { multiple: true }));
        let after = after.into_iter().flat_map(BTreeMap::into_values);
        let after = after.map(|acker| acker.ack(BasicAckOptions::default()));
        settle(try_join_all(up_to.into_iter().chain(after))).await;
        ended.clear();
    }
}

fn change<T>(
    handled: &Mutex<BTreeSet<DeliveryTag>>,
    how: impl FnOnce(&mut BTreeSet<DeliveryTag>) -> T,
) -> T {
    // Each change leaves the set whole.
    how(&mut handled.lock().unwrap_or_else(PoisonError::into_inner))
}
