//! The consumer loop, and the only place that acknowledges.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use ie_platform::Lifecycle;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Acker, Channel, Consumer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::Amqp;
use super::acknowledge::Acknowledger;
use super::headers::envelope;
use super::link::lost;
use crate::Error;
use crate::consumer::{self, Arrival, Attendant, Verdict};
use crate::envelope::Envelope;
use crate::shard::Shard;

/// Before another try: long enough not to turn in circles, short enough not to be noticed.
const PAUSE: Duration = Duration::from_millis(500);

/// How long an acknowledgement or a cancellation may take: it is one frame to write.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// What the loop and its handlers share.
#[derive(Clone)]
struct Shift {
    shard: Shard,
    attendant: Attendant,
    lifecycle: Lifecycle,
    /// One permit per handler that may run, also over several connections.
    slots: Arc<Semaphore>,
}

impl Amqp {
    pub(crate) async fn consume(
        self: &Arc<Self>,
        shard: Shard,
        prefetch: u16,
        attendant: Attendant,
        lifecycle: &Lifecycle,
    ) {
        let slots = Arc::new(Semaphore::new(prefetch.into()));
        let shift = Shift {
            shard,
            attendant,
            lifecycle: lifecycle.clone(),
            slots,
        };
        let mut interrupted = false;
        loop {
            let subscribed = lifecycle
                .run_until_stopped(self.subscribe(shard, prefetch))
                .await;
            let (channel, consumer) = match subscribed {
                None => break,
                Some(Ok(subscribed)) => subscribed,
                Some(Err(error)) => {
                    // One line per outage; the health component tells the rest.
                    if !std::mem::replace(&mut interrupted, true) {
                        tracing::warn!(
                            queue = shard.key(),
                            error = error.chain(),
                            "cannot consume, trying again until it works"
                        );
                    }
                    lifecycle.run_until_stopped(sleep(PAUSE)).await;
                    continue;
                }
            };
            if std::mem::take(&mut interrupted) {
                tracing::info!(queue = shard.key(), "consuming again");
            }
            if self.work(&shift, channel, consumer).await.is_break() {
                break;
            }
            interrupted = true;
            tracing::warn!(
                queue = shard.key(),
                "the consumer lost its channel and subscribes again"
            );
            lifecycle.run_until_stopped(sleep(PAUSE)).await;
        }
        consumer::wait_for_handlers(&shift.slots, prefetch, lifecycle).await;
    }

    async fn subscribe(&self, shard: Shard, prefetch: u16) -> Result<(Channel, Consumer), Error> {
        let session = self.consuming.session().await?;
        let subscribe = async {
            let channel = session.open_channel().await?;
            let qos = channel
                .basic_qos(prefetch, BasicQosOptions::default())
                .await;
            qos.map_err(|error| lost("setting the prefetch", error))?;
            let name = self.topology.queue_name(&shard.key());
            let options = BasicConsumeOptions::default();
            let consumer = channel.basic_consume(
                name.as_str().into(),
                "".into(),
                options,
                FieldTable::default(),
            );
            let consumer = consumer.await.map_err(|error| lost("subscribing", error))?;
            Ok((channel, consumer))
        };
        let subscribed = timeout(self.publish_timeout, subscribe).await;
        let subscribed =
            subscribed.unwrap_or_else(|_| Err(Error::disconnected("no answer while subscribing")));
        if subscribed.is_err() {
            // Also declares the queue again, should it be gone.
            session.give_up();
        }
        subscribed
    }

    /// Takes messages until the soft stop (break) or until the channel is lost (continue).
    async fn work(
        self: &Arc<Self>,
        shift: &Shift,
        channel: Channel,
        mut consumer: Consumer,
    ) -> ControlFlow<()> {
        let stopping = shift.lifecycle.stopping();
        let acknowledger = Acknowledger::start(channel.clone(), &shift.lifecycle);
        loop {
            let delivery = tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                delivery = consumer.next() => delivery,
            };
            let Some(Ok(delivery)) = delivery else {
                return ControlFlow::Continue(());
            };
            let slot = Arc::clone(&shift.slots).acquire_owned();
            let Some(slot) = shift.lifecycle.run_until_stopped(slot).await else {
                give_back(&delivery.acker).await;
                break;
            };
            let slot = slot.expect("the semaphore is never closed");
            acknowledger.begins(delivery.delivery_tag);
            self.begin(shift, &acknowledger, delivery, slot);
        }
        let cancel = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
        if !matches!(timeout(ANSWER_LIMIT, cancel).await, Ok(Ok(()))) {
            tracing::debug!(
                "the consumer could not be cancelled; the broker takes back what it has"
            );
        }
        while let Some(Some(Ok(delivery))) = consumer.next().now_or_never() {
            give_back(&delivery.acker).await;
        }
        ControlFlow::Break(())
    }

    fn begin(
        self: &Arc<Self>,
        shift: &Shift,
        acknowledger: &Acknowledger,
        delivery: Delivery,
        slot: OwnedSemaphorePermit,
    ) {
        let (amqp, shift, acknowledger) = (Arc::clone(self), shift.clone(), acknowledger.clone());
        let lifecycle = shift.lifecycle.clone();
        lifecycle.spawn_detail(async move {
            let Delivery {
                delivery_tag: tag,
                redelivered,
                properties,
                data,
                acker,
                ..
            } = delivery;
            let arrival = Arrival {
                envelope: envelope(&properties, data),
                redelivered,
            };
            let verdict = (shift.attendant)(&arrival).await;
            let attempt = arrival.envelope.attempt;
            let kept = amqp
                .keep(shift.shard, &verdict, arrival.into_envelope())
                .await;
            if let Err(error) = kept {
                tracing::error!(
                    queue = shift.shard.key(),
                    error = error.chain(),
                    "message could not be put off and is handed out again"
                );
                shift.lifecycle.run_until_stopped(sleep(PAUSE)).await;
                give_back(&acker).await;
                acknowledger.given_back(tag);
            } else {
                consumer::count(shift.shard.queue, &verdict, attempt);
                acknowledger.acknowledge(tag, acker, slot);
            }
        });
    }

    /// Puts the message where its verdict says and waits until the broker has it there: then it may be acknowledged.
    async fn keep(&self, shard: Shard, verdict: &Verdict, envelope: Envelope) -> Result<(), Error> {
        match verdict {
            Verdict::Done => Ok(()),
            Verdict::Wait { delay, attempt } => {
                self.put_off(shard, envelope.again(*attempt), *delay).await
            }
            Verdict::Dead { reason } => {
                self.bury(shard.queue, envelope.died(reason, self.clock.now()))
                    .await
            }
        }
    }
}

/// The message goes to whoever is next.
async fn give_back(acker: &Acker) {
    let requeue = BasicNackOptions {
        requeue: true,
        ..Default::default()
    };
    settle(acker.nack(requeue)).await;
}

/// Waits until acknowledgements are on their way, within a limit: one that is under way when its connection breaks may
/// never end (lapin 4.12.3), and would keep its slot for ever. Without it the broker hands the message out again.
pub(super) async fn settle<T>(acknowledgement: impl Future<Output = lapin::Result<T>>) {
    if !matches!(timeout(ANSWER_LIMIT, acknowledgement).await, Ok(Ok(_))) {
        tracing::debug!("the channel is gone, the message comes again");
    }
}
