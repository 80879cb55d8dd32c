//! The dispatcher with everything around it: the in-process queue, a database in a temporary folder, real callbacks.

mod authority;
mod connections;
mod hostile;
mod instances;
mod receiver;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use ie_broker::{Broker, Depth, Outgoing};
use ie_dispatcher::{Config, Parts};
use ie_model::{
    Attempt, InstanceId, Notification, NotificationId, NotificationStatus, Queue,
    StoredNotification,
};
use ie_platform::config::{self, Problems, Section};
use ie_platform::lifecycle::Drained;
use ie_platform::seal::Sealer;
use ie_platform::{Clock as _, Context, OutgoingConfig, Process, SystemClock};
use ie_store::Store;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

pub(crate) use authority::Authority;
pub(crate) use hostile::{Attack, Hostile};
pub(crate) use instances::NewInstance;
pub(crate) use receiver::{Answer, Received, Receiver};

/// Longer than anything takes that is going to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which queue a test runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backend {
    Memory,
    RabbitMq,
}

/// A dispatcher and what it needs. Ends with [`Rig::stop`], which proves that nothing is left over.
pub(crate) struct Rig {
    pub(crate) broker: Broker,
    pub(crate) store: Store,
    pub(crate) context: Context,
    sealer: Sealer,
    organization: instances::Owner,
    _folder: TempDir,
}

#[derive(Deserialize, Serialize)]
struct Sections {
    broker: ie_broker::Config,
    store: ie_store::Config,
    outgoing: OutgoingConfig,
    dispatcher: Config,
}

impl config::Config for Sections {
    fn defaults() -> Vec<&'static str> {
        vec![
            ie_broker::Config::DEFAULTS,
            ie_store::Config::DEFAULTS,
            OutgoingConfig::DEFAULTS,
            Config::DEFAULTS,
        ]
    }

    fn validate(&self, problems: &mut Problems) {
        self.dispatcher.validate(problems);
    }
}

/// What a test runs with unless it says otherwise: delays short enough to wait for, callbacks on this machine.
const DEFAULTS: [(&str, &str); 7] = [
    ("IE__OUTGOING__ALLOW_HTTP", "true"),
    ("IE__DISPATCHER__SCHEDULE", "[20ms, 20ms, 20ms]"),
    ("IE__DISPATCHER__PARK", "[20ms, 100ms]"),
    ("IE__DISPATCHER__ALLOW_NETWORKS", "[\"127.0.0.0/8\"]"),
    ("IE__DISPATCHER__CALLBACK_CACHE", "20ms"),
    ("IE__DISPATCHER__BREAKER_PAUSE", "20ms"),
    ("IE__DISPATCHER__BREAKER_LONGEST_PAUSE", "100ms"),
];

impl Rig {
    /// Starts a dispatcher; `settings` are pairs of a field of its section, or `section.field`, and a value.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let rig = Self::prepare().await;
        rig.dispatch(settings).await;
        rig
    }

    /// Everything but the dispatcher.
    pub(crate) async fn prepare() -> Self {
        Self::prepare_on(Backend::Memory).await
    }

    /// The same on a queue of one's choice, with wait queues for delays of milliseconds.
    pub(crate) async fn prepare_on(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = Context::new(Process {
            name: "ie-dispatcher",
            version: "test",
        });
        let mut sections = sections(&[]);
        let file = folder.path().join("store.db");
        sections.store.url = format!("sqlite:{}", file.display()).into();
        let store = Store::open(&sections.store, &context).await.unwrap();
        let owner = instances::owner(&store).await;
        if let Backend::RabbitMq = backend {
            let url = ie_platform::config::env("TEST_AMQP_URL");
            sections.broker.url = url.expect("TEST_AMQP_URL is set: run `make test`").into();
            let unique: u64 = rand::random();
            sections.broker.prefix = format!("dispatcher-{unique:x}");
            sections.broker.delays = [10, 30, 100, 300, 1000, 3000]
                .map(Duration::from_millis)
                .into();
            sections.broker.retry = Vec::new();
        }
        Self {
            broker: Broker::connect(&sections.broker, &context).await.unwrap(),
            store,
            context,
            sealer: Sealer::from_base64(&Sealer::generate_key()).unwrap(),
            organization: owner,
            _folder: folder,
        }
    }

    /// Starts the dispatcher of a prepared rig.
    pub(crate) async fn dispatch(&self, settings: &[(&str, &str)]) {
        let sections = sections(settings);
        let parts = Parts {
            broker: self.broker.clone(),
            store: self.store.clone(),
            sealer: self.sealer.clone(),
            outgoing: sections.outgoing,
            config: sections.dispatcher,
        };
        ie_dispatcher::run(self.context.clone(), parts)
            .await
            .unwrap();
    }

    /// Creates an instance that notifies this address.
    pub(crate) async fn instance(&self, callback: &str) -> InstanceId {
        self.instance_with(NewInstance::notifying(callback)).await
    }

    /// Creates an instance.
    pub(crate) async fn instance_with(&self, new: NewInstance) -> InstanceId {
        instances::create(&self.store, &self.sealer, self.organization, new).await
    }

    /// Stores a notification of the instance, as a fetcher does.
    pub(crate) async fn notification(&self, instance: InstanceId) -> Notification {
        instances::notify(&self.store, instance).await
    }

    /// Stores and publishes a notification.
    pub(crate) async fn notify(&self, instance: InstanceId) -> Notification {
        let notification = self.notification(instance).await;
        self.publish(Outgoing::new(&notification)).await;
        notification
    }

    pub(crate) async fn notify_times(
        &self,
        times: usize,
        instance: InstanceId,
    ) -> Vec<Notification> {
        let mut notifications = Vec::with_capacity(times);
        for _ in 0..times {
            notifications.push(self.notify(instance).await);
        }
        notifications
    }

    pub(crate) async fn publish(&self, message: Outgoing<'_, Notification>) {
        self.broker.publish_one(message).await.unwrap();
    }

    /// Publishes what the store holds for a relay, and gives it.
    pub(crate) async fn relay(&self) -> Vec<StoredNotification> {
        let lease = Duration::from_secs(60);
        let due = self.store.claim_unpublished(now(), 1000, lease).await;
        let due = due.unwrap();
        for stored in &due {
            let message = Outgoing {
                republished: true,
                attempt: stored.attempts + 1,
                ..Outgoing::new(&stored.notification)
            };
            self.publish(message).await;
            let ids = [stored.notification.id];
            self.store.mark_received(&ids, now()).await.unwrap();
        }
        due
    }

    /// Waits until the notification has this status.
    pub(crate) async fn reaches(
        &self,
        notification: &Notification,
        status: NotificationStatus,
    ) -> StoredNotification {
        eventually(&format!("status {status:?}"), || async {
            let stored = self.stored(notification.id).await;
            (stored.status == status).then_some(stored)
        })
        .await
    }

    /// Waits until the queue is as it should be.
    pub(crate) async fn queue_is(&self, is: impl Fn(&Depth) -> bool) -> Depth {
        eventually("the queue's state", || async {
            let depth = self.depth().await;
            is(&depth).then_some(depth)
        })
        .await
    }

    pub(crate) async fn depth(&self) -> Depth {
        self.broker.depth(Queue::Changes).await.unwrap()
    }

    pub(crate) async fn stored(&self, id: NotificationId) -> StoredNotification {
        let stored = self.store.notification(id).await.unwrap();
        stored.expect("the notification is stored")
    }

    /// The recorded attempts, by number.
    pub(crate) async fn attempts(&self, notification: &Notification) -> Vec<Attempt> {
        let attempts = self.store.attempts(&[notification.id]).await.unwrap();
        let by_number: BTreeMap<_, _> = attempts.into_iter().map(|a| (a.number, a)).collect();
        by_number.into_values().collect()
    }

    /// Stops the dispatcher; what is under way is finished, and nothing is left in the queue but `dead` letters.
    pub(crate) async fn stop(self, dead: usize) {
        self.context.lifecycle.stop();
        let drained = self.context.lifecycle.drain(PATIENCE).await;

        assert_eq!(drained, Drained::Complete);
        assert!(!self.context.lifecycle.failed());
        let expected = Depth {
            dead,
            ..Depth::default()
        };
        assert_eq!(self.depth().await, expected);
    }
}

fn sections(settings: &[(&str, &str)]) -> Sections {
    let named = |(field, value): &(&str, &str)| {
        let (section, field) = field.split_once('.').unwrap_or(("dispatcher", field));
        let name = format!("IE__{section}__{field}").to_uppercase();
        (name, (*value).to_owned())
    };
    let defaults = DEFAULTS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut variables: BTreeMap<_, _> = defaults.into_iter().collect();
    variables.extend(settings.iter().map(named));
    config::load_from(None, variables).unwrap()
}

/// Looks again and again until there is something to see.
pub(crate) async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    found
        .await
        .unwrap_or_else(|_| panic!("{what} did not come in time"))
}

/// The time, for what a test writes into the store itself.
pub(crate) fn now() -> chrono::DateTime<chrono::Utc> {
    SystemClock.now()
}
