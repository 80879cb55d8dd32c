//! What the broker hands out lands here at once; who handles it, when and how often, the seed decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ie_broker::{Broker, Config, ConsumerSettings, Delivery, Failure, Handler};
use ie_model::{Message, Notification, NotificationId, PollJob, Queue};
use ie_platform::{Lifecycle, SharedClock};

/// Broker queues, emptied by the test.
#[derive(Debug)]
pub(crate) struct Queues {
    /// Takes everything.
    pub(crate) open: Broker,
    /// Takes a message or two at once and refuses the rest.
    pub(crate) narrow: Broker,
    arrived: Arc<Arrived>,
    lifecycle: Lifecycle,
}

/// What has arrived.
#[derive(Debug, Default)]
struct Arrived {
    jobs: Mutex<Vec<PollJob>>,
    /// How often each notification came, and its body.
    notifications: Mutex<BTreeMap<NotificationId, (u32, String)>>,
}

struct Take(Arc<Arrived>);

#[async_trait]
impl Handler<PollJob> for Take {
    async fn handle(&self, job: PollJob, _: &Delivery) -> Result<(), Failure> {
        lock(&self.0.jobs).push(job);
        Ok(())
    }
}

#[async_trait]
impl Handler<Notification> for Take {
    async fn handle(&self, notification: Notification, _: &Delivery) -> Result<(), Failure> {
        let mut notifications = lock(&self.0.notifications);
        let body = notification.body.get().to_owned();
        notifications.entry(notification.id).or_insert((0, body)).0 += 1;
        Ok(())
    }
}

impl Queues {
    pub(crate) fn new(clock: &SharedClock, narrow: usize) -> Self {
        let broker = |memory_capacity| {
            let config = Config {
                memory_capacity,
                ..Config::default()
            };
            Broker::memory(&config, clock.clone())
        };
        let queues = Self {
            open: broker(10_000),
            narrow: broker(narrow),
            arrived: Arc::default(),
            lifecycle: Lifecycle::new(),
        };
        for broker in [&queues.open, &queues.narrow] {
            queues.consume::<PollJob>(broker.clone());
            queues.consume::<Notification>(broker.clone());
        }
        queues
    }

    fn consume<M: Message>(&self, broker: Broker)
    where
        Take: Handler<M>,
    {
        let (take, lifecycle) = (Arc::new(Take(self.arrived.clone())), self.lifecycle.clone());
        let consumer = async move {
            let settings = ConsumerSettings { prefetch: 1 };
            broker.consume::<M, _>(settings, take, &lifecycle).await
        };
        self.lifecycle.spawn("consumer", consumer);
    }

    /// Waits until everything that was published has arrived.
    pub(crate) async fn settle(&self) {
        let mut quiet = 0;
        while quiet < 4 {
            // The consumers run on this thread, and only while the test gives way.
            tokio::task::yield_now().await;
            quiet += 1;
            for broker in [&self.open, &self.narrow] {
                for queue in [Queue::Poll, Queue::Changes] {
                    let depth = broker.depth(queue).await.expect("queues in memory");
                    if depth.ready > 0 {
                        quiet = 0;
                    }
                }
            }
        }
    }

    /// Takes the jobs that have arrived since.
    pub(crate) fn jobs(&self) -> Vec<PollJob> {
        std::mem::take(&mut *lock(&self.arrived.jobs))
    }

    /// Every notification that reached the queue: how often, and its body.
    pub(crate) fn notifications(&self) -> BTreeMap<NotificationId, (u32, String)> {
        lock(&self.arrived.notifications).clone()
    }

    pub(crate) async fn stop(&self) {
        self.lifecycle.stop();
        let limit = std::time::Duration::from_secs(5);
        self.lifecycle.drain(limit).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
