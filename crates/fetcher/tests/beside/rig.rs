//! A fetcher's handler over a simulated Insightly and a database in a temporary folder, at a time that stands still.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_broker::{Broker, Delivery, Handler as _};
use ie_fetcher::{Config, Parts, PollHandler};
use ie_model::instance::secret;
use ie_model::{
    AccountKey, ChangeEvent, DateField, EventType, Initial, Instance, InstanceId, PollJob, Poller,
    PollerStatus, ResourceConfig,
};
use ie_platform::seal::Sealer;
use ie_platform::{Clock as _, Context, Process, TestClock};
use ie_simulator::{Control, Settings as World, Simulator};
use ie_store::{NewAccount, NewPoller, NotificationFilter, Page, Store, Walk, WalkKind};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::crm::{Death, Hand, Handed};

/// The resource that every test is about.
pub(crate) const OBJECT: &str = "Contacts";
/// Minutes between two polls, and between two sweeps.
pub(crate) const INTERVAL: u32 = 15;
pub(crate) const SWEEPS: u32 = 60;

/// What a test wants otherwise than usual.
pub(crate) struct Wish {
    pub(crate) records: usize,
    pub(crate) initial: Initial,
    pub(crate) deletes: bool,
    pub(crate) page_size: u32,
    pub(crate) slice_requests: u32,
    pub(crate) slice_time: Duration,
    pub(crate) rate: f64,
    pub(crate) condition: &'static str,
    pub(crate) world: World,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            records: 0,
            initial: Initial::None,
            deletes: false,
            page_size: 10,
            slice_requests: 1000,
            slice_time: Duration::from_secs(10),
            rate: 100_000.0,
            condition: "",
            world: World::empty().without_limits(),
        }
    }
}

pub(crate) struct Rig {
    _simulator: Simulator,
    pub(crate) control: Control,
    pub(crate) hand: Hand,
    pub(crate) store: Store,
    pub(crate) clock: TestClock,
    instance: InstanceId,
    handler: PollHandler,
    _folder: TempDir,
}

impl Rig {
    pub(crate) async fn start(wish: Wish) -> Self {
        let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        let shared = Arc::new(clock.clone());
        let world = wish.world.clone().with_records(OBJECT, wish.records);
        let simulator = Simulator::start(world, shared.clone()).await.unwrap();
        // What exists was written before the instance was made.
        clock.advance(Duration::from_secs(60));
        let context = Context {
            clock: shared.clone(),
            ..Context::new(Process {
                name: "ie-fetcher",
                version: "test",
            })
        };
        let folder = tempfile::tempdir().unwrap();
        let mut config: ie_store::Config = section();
        config.url = format!("sqlite:{}", folder.path().join("state.db").display()).into();
        let store = Store::open(&config, &context).await.unwrap();
        let sealer = Sealer::from_base64(&Sealer::generate_key()).unwrap();
        let hand = Hand::default();
        let config = Config {
            page_size: wish.page_size,
            requests_per_second: wish.rate,
            slice_requests: wish.slice_requests,
            slice_time: wish.slice_time,
            jitter: 0.0,
            ..section()
        };
        let parts = Parts {
            broker: Broker::memory(&section(), shared.clone()),
            store: store.clone(),
            sealer: sealer.clone(),
            crm: Arc::new(Handed {
                hand: hand.clone(),
                connect: ie_fetcher::insightly(&config).unwrap(),
            }),
            config,
        };
        let instance = create(&store, &sealer, &simulator.base_url(), (&wish, clock.now())).await;
        Self {
            control: simulator.control(),
            _simulator: simulator,
            hand,
            store,
            clock,
            instance,
            handler: PollHandler::new(Arc::new(parts), shared),
            _folder: folder,
        }
    }

    /// A job for the poller, if it is due now.
    pub(crate) async fn job(&self) -> Option<PollJob> {
        let lease = Duration::from_secs(300);
        let jobs = self.store.claim_jobs(self.clock.now(), 1, lease).await;
        jobs.unwrap().pop()
    }

    /// Handles a job.
    pub(crate) async fn handle(&self, job: PollJob) {
        let delivery = Delivery {
            message_id: "1".to_owned(),
            attempt: 1,
            redelivered: false,
            published_at: None,
            traceparent: None,
        };
        self.handler.handle(job, &delivery).await.unwrap();
    }

    /// One poll, when it is due and not later, with what goes on beside it.
    pub(crate) async fn poll(&self) {
        let due_at = self.poller().await.due_at;
        let now = self.clock.now();
        self.clock
            .set(now.max(due_at) + chrono::TimeDelta::seconds(1));
        let job = self.job().await.unwrap();
        self.handle(job).await;
    }

    /// Polls until no walk is under way.
    pub(crate) async fn settle(&self) {
        for _ in 0..1000 {
            self.poll().await;
            let walks = self.walks().await;
            let is_ended = |walk: &Walk| walk.state.is_none() && walk.finished_at.is_some();
            if walks.iter().all(is_ended) {
                return;
            }
        }
        panic!("the walks do not end: {:?}", self.walks().await);
    }

    /// A complete sweep, after the pause between two.
    pub(crate) async fn sweep(&self) {
        self.clock
            .advance(Duration::from_secs(u64::from(SWEEPS) * 60));
        self.settle().await;
    }

    /// One poll whose worker dies at that request. False when there were not so many requests.
    pub(crate) async fn poll_and_die(&self, death: Death) -> bool {
        let due_at = self.poller().await.due_at;
        let now = self.clock.now();
        self.clock
            .set(now.max(due_at) + chrono::TimeDelta::seconds(1));
        let job = self.job().await.unwrap();
        self.hand.kill(death);
        tokio::select! {
            () = self.handle(job) => {}
            () = self.hand.died() => {}
        }
        !self.hand.spare()
    }

    pub(crate) async fn poller(&self) -> Poller {
        self.store.pollers(self.instance).await.unwrap().remove(0)
    }

    pub(crate) async fn walks(&self) -> Vec<Walk> {
        let poller = self.poller().await.id;
        let walks = self.store.walks(&[poller]).await.unwrap();
        walks.into_iter().map(|(_, walk)| walk).collect()
    }

    pub(crate) async fn walk(&self, kind: WalkKind) -> Walk {
        let walks = self.walks().await;
        walks.into_iter().find(|walk| walk.kind == kind).unwrap()
    }

    /// Every event so far, in their order, each with its raw record.
    pub(crate) async fn events(&self) -> Vec<(ChangeEvent, Value)> {
        let page = Page {
            after: None,
            limit: 100_000,
        };
        let filter = NotificationFilter::default();
        let stored = self.store.notifications(&filter, page).await.unwrap();
        let mut events = Vec::new();
        for stored in stored {
            let body: Value = serde_json::from_str(stored.notification.body.get()).unwrap();
            let own: Vec<ChangeEvent> =
                serde_json::from_value(body["message"]["events"].clone()).unwrap();
            let records = body["message"]["raw"]["contacts"].as_array().unwrap();
            assert_eq!(own.len(), records.len());
            events.extend(own.into_iter().zip(records.iter().cloned()));
        }
        events
    }

    /// The events of each object: what happened, and whether it is of the snapshot. Sequences rise.
    pub(crate) async fn histories(&self) -> HashMap<i64, Vec<(EventType, bool)>> {
        let mut histories: HashMap<i64, Vec<(EventType, bool)>> = HashMap::new();
        let mut sequences: HashMap<String, i64> = HashMap::new();
        for (event, _) in self.events().await {
            let last = sequences.insert(event.object_id.clone(), event.sequence);
            assert!(last.is_none_or(|last| last < event.sequence), "{event:?}");
            let id = event.object_id.parse().unwrap();
            let history = histories.entry(id).or_default();
            history.push((event.event_type, event.snapshot));
        }
        histories
    }

    /// The ids of DELETED events, sorted.
    pub(crate) async fn deleted(&self) -> Vec<i64> {
        let events = self.events().await.into_iter();
        let deleted = events.filter(|(event, _)| event.event_type == EventType::Deleted);
        let ids = deleted.map(|(event, _)| event.object_id.parse().unwrap());
        let mut ids: Vec<i64> = ids.collect();
        ids.sort_unstable();
        ids
    }

    /// The ids that there are.
    pub(crate) fn ids(&self) -> Vec<i64> {
        let state = self.control.state(OBJECT).unwrap();
        let alive = state.iter().filter(|entry| entry.digest.is_some());
        alive.map(|entry| entry.id.as_i64().unwrap()).collect()
    }
}

async fn create(
    store: &Store,
    sealer: &Sealer,
    base_url: &str,
    (wish, now): (&Wish, DateTime<Utc>),
) -> InstanceId {
    let account = NewAccount {
        organization: "test".to_owned(),
        user: "test".to_owned(),
        organization_secret_hash: "organization".to_owned(),
        user_secret_hash: "user".to_owned(),
    };
    let owner = store.ensure_account(&account).await.unwrap();
    let id = store.next_instance_id().await.unwrap();
    let key = sealer.seal("demo-key", &secret::context(id, secret::API_KEY));
    let settings = json!({
        "base_url": base_url,
        "events_enabled": true,
        "callback_url": null,
        "refresh_interval": INTERVAL,
        "zone": "UTC",
        "overlap": 120,
        "batch": 10,
        "raw_enabled": true,
        "initial": wish.initial,
        "deletes_interval": if wish.deletes { SWEEPS } else { 0 },
    });
    let instance = Instance {
        id,
        organization: owner.organization,
        user: owner.user,
        name: "My CRM".to_owned(),
        tags: Vec::new(),
        configuration: Map::new(),
        secrets: BTreeMap::from([(secret::API_KEY.to_owned(), key)]),
        settings: serde_json::from_value(settings).unwrap(),
        account: AccountKey("1".to_owned()),
        valid: true,
        disabled: false,
        reason: None,
        hint_hash: None,
        failing_since: None,
        created_at: now,
        updated_at: now,
    };
    let pollers = [NewPoller {
        resource: "contacts".to_owned(),
        object: OBJECT.to_owned(),
        config: contacts(wish.condition),
        interval_minutes: INTERVAL,
        cursor: now,
        due_at: now,
        status: PollerStatus::Active,
    }];
    let token = format!("token {id}");
    let created = store.create_instance(&instance, &token, &pollers);
    created.await.unwrap();
    id
}

fn contacts(condition: &str) -> ResourceConfig {
    let date = |path: &str| DateField {
        path: path.to_owned(),
        format: "yyyy-MM-dd HH:mm:ss".to_owned(),
        zone: "GMT".to_owned(),
    };
    let window = "updated_after_utc='${gmtDate:yyyy-MM-dd HH:mm:ss}'";
    ResourceConfig {
        url: format!("/hubs/crm/contacts?where={window}{condition}"),
        id_field: "CONTACT_ID".to_owned(),
        updated: date("DATE_UPDATED_UTC"),
        created: Some(date("DATE_CREATED_UTC")),
        filter_by_updated_date: true,
        created_check_tolerance: 10,
        page_size: None,
        poll_delay: 0,
    }
}

/// A section of the configuration, as it is by default.
fn section<S: ie_platform::config::Section>() -> S {
    let mut sections: HashMap<String, toml::Value> = toml::from_str(S::DEFAULTS).unwrap();
    sections.remove(S::NAME).unwrap().try_into().unwrap()
}
