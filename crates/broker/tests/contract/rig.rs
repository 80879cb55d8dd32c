//! A broker with queues of its own that are gone after the test, and consumers that tell what they see.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use ie_broker::{Broker, Config, ConsumerSettings, Delivery, Failure, Handler, Outgoing};
use ie_model::{Message, Queue};
use ie_platform::{Context, Lifecycle, Process};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

/// Longer than anything takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    RabbitMq,
}

/// More than any test has.
const MOST_PARTITIONS: u16 = 4;

/// What travels in these tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) id: String,
    pub(crate) instance: i64,
}

impl Message for Note {
    const QUEUE: Queue = Queue::Changes;
    const KIND: &'static str = "note";
    const VERSION: u32 = 2;

    fn message_id(&self) -> String {
        self.id.clone()
    }

    fn instance(&self) -> ie_model::InstanceId {
        ie_model::InstanceId(self.instance)
    }
}

pub(crate) fn note(id: impl ToString) -> Note {
    note_of(1, id)
}

pub(crate) fn note_of(instance: i64, id: impl ToString) -> Note {
    Note {
        id: id.to_string(),
        instance,
    }
}

pub(crate) fn notes(count: usize) -> Vec<Note> {
    (0..count).map(note).collect()
}

/// The address of the RabbitMQ to test with.
pub(crate) fn amqp_url() -> String {
    ie_platform::config::env("TEST_AMQP_URL").expect(
        "TEST_AMQP_URL is not set: run `make test`, or `scripts/services.sh run -- cargo nextest run -p ie-broker`",
    )
}

/// A short schedule, exact delays, queues that nobody else has.
pub(crate) fn config(backend: Backend) -> Config {
    let millis = |list: &[u64]| list.iter().copied().map(Duration::from_millis).collect();
    let url = match backend {
        Backend::Memory => "memory:".to_owned(),
        Backend::RabbitMq => amqp_url(),
    };
    Config {
        url: url.into(),
        prefix: format!("test-{}", Uuid::new_v4().simple()),
        retry: millis(&[50, 300]),
        jitter: 0.0,
        delays: millis(&[50, 300, 60_000]),
        ..Config::default()
    }
}

pub(crate) fn context() -> Context {
    Context::new(Process {
        name: "ie-broker-test",
        version: "0",
    })
}

pub(crate) struct Rig {
    pub(crate) broker: Broker,
    pub(crate) config: Config,
    pub(crate) context: Context,
}

/// Runs a test with a broker, and cleans up whatever its outcome.
pub(crate) async fn with_rig(backend: Backend, test: impl AsyncFnOnce(&Rig)) {
    with_config(config(backend), test).await;
}

pub(crate) async fn with_config(config: Config, test: impl AsyncFnOnce(&Rig)) {
    let context = context();
    let connecting = timeout(LIMIT, Broker::connect(&config, &context));
    let broker = connecting.await.expect("connects in time").unwrap();
    let rig = Rig {
        broker,
        config,
        context,
    };
    let outcome = AssertUnwindSafe(test(&rig)).catch_unwind().await;
    rig.context.lifecycle.stop();
    rig.context.lifecycle.drain(Duration::from_secs(5)).await;
    if rig.broker.is_durable() {
        delete_queues(&rig.config).await;
    }
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// A connection beside the one under test.
pub(crate) async fn raw_connection() -> lapin::Connection {
    let properties = lapin::ConnectionProperties::default();
    lapin::Connection::connect(&amqp_url(), properties)
        .await
        .unwrap()
}

pub(crate) async fn delete_queues(config: &Config) {
    let connection = raw_connection().await;
    let channel = connection.create_channel().await.unwrap();
    let waits = config.delays.iter().map(|delay| match delay.as_millis() {
        60_000 => ".wait.1m".to_owned(),
        millis => format!(".wait.{millis}ms"),
    });
    let waits: Vec<_> = waits.collect();
    let mut exchanges = vec![config.prefix.clone()];
    for queue in Queue::ALL {
        let name = |suffix: &String| format!("{}.{}{suffix}", config.prefix, queue.name());
        let mut suffixes = waits.clone();
        suffixes.extend(["", ".bulk", ".dead"].map(str::to_owned));
        for partition in 1..=MOST_PARTITIONS {
            suffixes.extend([format!(".{partition}"), format!(".{partition}.bulk")]);
        }
        for name in suffixes.iter().map(name) {
            channel
                .queue_delete(name.into(), QueueDeleteOptions::default())
                .await
                .unwrap();
        }
        exchanges.extend(waits.iter().map(name));
    }
    for exchange in exchanges {
        channel
            .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
            .await
            .unwrap();
    }
}

impl Rig {
    pub(crate) async fn publish<M: Message>(&self, messages: &[M]) {
        let outgoing: Vec<_> = messages.iter().map(Outgoing::new).collect();
        for outcome in self.broker.publish(&outgoing).await.unwrap() {
            outcome.unwrap();
        }
    }

    /// Starts a consumer that does with each note what `script` says, with so many at once from each shard.
    pub(crate) fn consume<F>(&self, prefetch: u16, script: F) -> Consumer
    where
        F: Fn(Note, Delivery) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static,
    {
        let (seen, inbox) = mpsc::unbounded_channel();
        let handler = Arc::new(Scripted {
            script: Box::new(script),
            seen,
        });
        let (lifecycle, broker) = (Lifecycle::new(), self.broker.clone());
        let per_window = broker.window(Queue::Changes, 1_000);
        let shards = 1_000 / per_window;
        let settings = ConsumerSettings {
            prefetch: prefetch * shards,
        };
        let own = lifecycle.clone();
        lifecycle.spawn("consumer", async move {
            broker.consume(settings, handler, &own).await
        });
        Consumer { lifecycle, inbox }
    }

    /// Starts a consumer that is content with everything.
    pub(crate) fn consume_all(&self, prefetch: u16) -> Consumer {
        self.consume(prefetch, |_, _| Box::pin(async { Ok(()) }))
    }

    pub(crate) async fn depth(&self) -> ie_broker::Depth {
        self.broker.depth(Queue::Changes).await.unwrap()
    }

    /// Waits until the queue holds so many (ready, waiting, dead).
    pub(crate) async fn holds(&self, ready: usize, waiting: usize, dead: usize) {
        let expected = ie_broker::Depth {
            ready,
            waiting,
            dead,
        };
        eventually(
            &format!("depth is {expected:?}"),
            async || self.depth().await,
            |depth| *depth == expected,
        )
        .await;
    }
}

/// Looks again and again until what it finds is as wished.
pub(crate) async fn eventually<T: Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> T,
    wished: impl Fn(&T) -> bool,
) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        let found = look().await;
        if wished(&found) {
            return found;
        }
        assert!(
            Instant::now() < end,
            "not within {LIMIT:?}: {what}; last seen: {found:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

type Script = Box<dyn Fn(Note, Delivery) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

struct Scripted {
    script: Script,
    seen: mpsc::UnboundedSender<Seen>,
}

#[async_trait]
impl Handler<Note> for Scripted {
    async fn handle(&self, note: Note, delivery: &Delivery) -> Result<(), Failure> {
        let (id, delivery, at) = (note.id.clone(), delivery.clone(), Instant::now());
        // A test may be content before its consumer is.
        drop(self.seen.send(Seen {
            id,
            delivery: delivery.clone(),
            at,
        }));
        (self.script)(note, delivery).await
    }
}

/// A message at the moment when its handler began.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) delivery: Delivery,
    pub(crate) at: Instant,
}

pub(crate) struct Consumer {
    pub(crate) lifecycle: Lifecycle,
    inbox: mpsc::UnboundedReceiver<Seen>,
}

impl Consumer {
    /// The next message that a handler began with.
    pub(crate) async fn next(&mut self) -> Seen {
        self.next_within(LIMIT).await
    }

    pub(crate) async fn next_within(&mut self, limit: Duration) -> Seen {
        timeout(limit, self.inbox.recv())
            .await
            .expect("a message in time")
            .expect("a consumer")
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        while seen.len() < count {
            seen.push(self.next().await);
        }
        seen
    }

    /// Stops softly, waits for the end, and returns what was begun and not looked at.
    pub(crate) async fn stop(mut self) -> Vec<Seen> {
        self.lifecycle.stop();
        let drained = self.lifecycle.drain(LIMIT).await;
        assert_eq!(drained, ie_platform::lifecycle::Drained::Complete);
        assert!(!self.lifecycle.failed(), "the consumer failed");
        let mut rest = Vec::new();
        while let Ok(seen) = self.inbox.try_recv() {
            rest.push(seen);
        }
        rest
    }
}

pub(crate) fn ids(seen: &[Seen]) -> std::collections::BTreeSet<String> {
    seen.iter().map(|seen| seen.id.clone()).collect()
}
