//! Looking at queues from outside: how deep they are, and the dead letters.

use std::time::Duration;

use futures::StreamExt as _;
use ie_model::Queue;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::time::timeout;

use super::Amqp;
use super::headers::envelope;
use super::link::lost;
use crate::envelope::{DeadLetter, Envelope};
use crate::topology::dead_key;
use crate::{Depth, Error, Judge};

/// How long the next of many messages may take; somebody else may have taken it.
const NEXT_LIMIT: Duration = Duration::from_secs(1);

impl Amqp {
    pub(crate) async fn depth(&self, queue: Queue) -> Result<Depth, Error> {
        let channel = self.open_inspection().await?;
        let mut depth = Depth {
            ready: self.count(&channel, queue.name()).await?,
            dead: self.count(&channel, &dead_key(queue)).await?,
            waiting: 0,
        };
        for key in self.topology.wait_keys(queue) {
            depth.waiting += self.count(&channel, &key).await?;
        }
        close(channel).await;
        Ok(depth)
    }

    pub(crate) async fn backlog(&self, queue: Queue) -> Result<usize, Error> {
        let channel = self.open_inspection().await?;
        let backlog = self.count(&channel, queue.name()).await?;
        close(channel).await;
        Ok(backlog)
    }

    pub(crate) async fn dead_letters(
        &self,
        queue: Queue,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Error> {
        let _one_look = self.looking.lock().await;
        let channel = self.open_inspection().await?;
        let name = self.topology.queue_name(&dead_key(queue));
        let mut found = Vec::new();
        while found.len() < limit {
            let got = self
                .within(channel.basic_get(name.as_str().into(), BasicGetOptions::default()))
                .await?;
            let Some(message) = got else {
                break;
            };
            found.push((
                message.delivery_tag,
                envelope(&message.properties, message.data.clone()),
            ));
        }
        if let Some((last, _)) = found.last() {
            self.give_back(&channel, *last).await?;
        }
        close(channel).await;
        Ok(found
            .into_iter()
            .map(|(_, envelope)| Envelope::into_dead_letter(envelope))
            .collect())
    }

    /// Goes once through all dead letters, some at a time, and removes those that `judge` names. Those to keep are held
    /// back meanwhile, by their tags alone.
    pub(crate) async fn sift_dead(
        &self,
        queue: Queue,
        at_once: usize,
        judge: &mut dyn Judge,
    ) -> Result<usize, Error> {
        let _one_look = self.looking.lock().await;
        let channel = self.open_inspection().await?;
        let mut left = self.count(&channel, &dead_key(queue)).await?;
        if left == 0 {
            close(channel).await;
            return Ok(0);
        }
        let name = self.topology.queue_name(&dead_key(queue));
        let options = BasicConsumeOptions::default();
        let consuming = channel.basic_consume(
            name.as_str().into(),
            "".into(),
            options,
            FieldTable::default(),
        );
        let mut consumer = self.within(consuming).await?;
        let (mut removed, mut last_kept) = (0, None);
        while left > 0 {
            let (letters, tags) = next_of(&mut consumer, at_once.min(left)).await?;
            if letters.is_empty() {
                break;
            }
            left -= letters.len();
            let ids = judge.remove(&letters).await;
            for (letter, tag) in letters.iter().zip(tags) {
                if ids.contains(&letter.message_id) {
                    self.within(channel.basic_ack(tag, BasicAckOptions::default()))
                        .await?;
                    removed += 1;
                } else {
                    last_kept = Some(tag);
                }
            }
        }
        if let Some(last) = last_kept {
            self.give_back(&channel, last).await?;
        }
        close(channel).await;
        Ok(removed)
    }

    /// Gives back everything up to a tag, in one go.
    async fn give_back(&self, channel: &Channel, up_to: u64) -> Result<(), Error> {
        let all = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        self.within(channel.basic_nack(up_to, all)).await
    }

    async fn open_inspection(&self) -> Result<Channel, Error> {
        let open = async { self.consuming.session().await?.open_channel().await };
        let opened = timeout(self.publish_timeout, open).await;
        opened.unwrap_or_else(|_| Err(Error::disconnected("no connection in time")))
    }

    async fn count(&self, channel: &Channel, routing_key: &str) -> Result<usize, Error> {
        let name = self.topology.queue_name(routing_key);
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let declared = channel.queue_declare(name.into(), passive, FieldTable::default());
        let queue = self.within(declared).await?;
        Ok(usize::try_from(queue.message_count()).unwrap_or(usize::MAX))
    }

    async fn within<T>(&self, call: impl Future<Output = lapin::Result<T>>) -> Result<T, Error> {
        match timeout(self.publish_timeout, call).await {
            Ok(answer) => answer.map_err(|error| lost("looking at a queue", error)),
            Err(_) => Err(Error::disconnected("no answer while looking at a queue")),
        }
    }
}

/// The next dead letters, at most so many, and their tags.
async fn next_of(
    consumer: &mut Consumer,
    most: usize,
) -> Result<(Vec<DeadLetter>, Vec<u64>), Error> {
    let (mut letters, mut tags) = (Vec::new(), Vec::new());
    while letters.len() < most {
        let Ok(Some(next)) = timeout(NEXT_LIMIT, consumer.next()).await else {
            break;
        };
        let message = next.map_err(|error| lost("reading the dead letters", error))?;
        letters.push(envelope(&message.properties, message.data.clone()).into_dead_letter());
        tags.push(message.delivery_tag);
    }
    Ok((letters, tags))
}

/// Waits until the broker has closed the channel, so that what is given back is there for the next look.
async fn close(channel: Channel) {
    let closing = channel.close(200, "done".into());
    if !matches!(timeout(NEXT_LIMIT, closing).await, Ok(Ok(()))) {
        tracing::debug!("the channel was closed by the other side");
    }
}
