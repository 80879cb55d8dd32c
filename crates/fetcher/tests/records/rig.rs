//! A fetcher's handler over a simulated Insightly and a database, at a time that stands still.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use ie_broker::{Broker, Delivery, Handler as _};
use ie_fetcher::{Config, Parts, PollHandler};
use ie_model::instance::secret;
use ie_model::{
    AccountKey, DateField, EventType, Instance, InstanceId, Poller, PollerStatus, ResourceConfig,
    Version,
};
use ie_platform::http::{self, ClientSettings};
use ie_platform::seal::Sealer;
use ie_platform::{Clock as _, Context, Process, TestClock};
use ie_simulator::{Change, Control, Settings as World, Simulator};
use ie_store::testing::Database;
use ie_store::{NewAccount, NewPoller, NotificationFilter, Page, Quarantined, Store};
use reqwest::Method;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::crm::{Spoiler, SpoiltConnect};

/// Minutes between two polls.
const INTERVAL: u32 = 15;

/// Where the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// What a test wants otherwise than usual.
pub(crate) struct Wish {
    pub(crate) backend: Backend,
    /// Records that exist before the instance.
    pub(crate) records: usize,
    /// Settings of the instance.
    pub(crate) settings: Value,
    /// How the resource is polled.
    pub(crate) config: ResourceConfig,
    pub(crate) quarantine_limit: u32,
    /// How long before the instance's creation changes are events.
    pub(crate) back: TimeDelta,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            backend: Backend::Sqlite,
            records: 0,
            settings: json!({}),
            config: contacts(),
            quarantine_limit: 1000,
            back: TimeDelta::zero(),
        }
    }
}

pub(crate) struct Rig {
    pub(crate) control: Control,
    pub(crate) spoiler: Spoiler,
    pub(crate) store: Store,
    pub(crate) clock: TestClock,
    pub(crate) instance: InstanceId,
    simulator: Simulator,
    handler: PollHandler,
    _place: (TempDir, Option<Database>),
}

/// An event, its record and the instance's answer to what changed.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: i64,
    pub(crate) kind: EventType,
    pub(crate) sequence: i64,
    /// As it stands in the event; none when it is not there.
    pub(crate) changes: Option<Value>,
    pub(crate) record: Value,
}

impl Rig {
    pub(crate) async fn start(wish: Wish) -> Self {
        let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        let shared = Arc::new(clock.clone());
        let world = World::empty()
            .without_limits()
            .with_records("Contacts", wish.records);
        let simulator = Simulator::start(world, shared.clone()).await.unwrap();
        clock.advance(Duration::from_secs(60));
        let context = Context {
            clock: shared.clone(),
            ..Context::new(Process {
                name: "ie-fetcher-records",
                version: "0",
            })
        };
        let folder = tempfile::tempdir().unwrap();
        let database = database(wish.backend).await;
        let mut config: ie_store::Config = section();
        let file = format!("sqlite:{}", folder.path().join("state.db").display());
        let url = database.as_ref().map_or(file, |one| one.url().to_owned());
        config.url = url.into();
        let store = Store::open(&config, &context).await.unwrap();
        let sealer = Sealer::from_base64(&Sealer::generate_key()).unwrap();
        let spoiler = Spoiler::default();
        let config = Config {
            requests_per_second: 1000.0,
            quarantine_limit: wish.quarantine_limit,
            jitter: 0.0,
            ..section()
        };
        let connect = SpoiltConnect {
            spoiler: spoiler.clone(),
            connect: ie_fetcher::insightly(&config).unwrap(),
        };
        let parts = Parts {
            broker: Broker::memory(&section(), shared.clone()),
            store: store.clone(),
            sealer: sealer.clone(),
            crm: Arc::new(connect),
            config,
        };
        let instance = create(&store, &sealer, &simulator.base_url(), (&wish, &clock)).await;
        Self {
            control: simulator.control(),
            spoiler,
            store,
            clock,
            instance,
            simulator,
            handler: PollHandler::new(Arc::new(parts), shared),
            _place: (folder, database),
        }
    }

    /// One poll, once it is due.
    pub(crate) async fn poll(&self) -> Poller {
        let due_at = self.poller().await.due_at;
        self.clock
            .set(self.clock.now().max(due_at) + TimeDelta::seconds(1));
        let lease = Duration::from_secs(300);
        let jobs = self.store.claim_jobs(self.clock.now(), 1, lease).await;
        let delivery = Delivery {
            message_id: "1".to_owned(),
            attempt: 1,
            redelivered: false,
            published_at: None,
            traceparent: None,
        };
        let job = jobs.unwrap().pop().unwrap();
        self.handler.handle(job, &delivery).await.unwrap();
        self.poller().await
    }

    pub(crate) async fn poller(&self) -> Poller {
        self.store.pollers(self.instance).await.unwrap().remove(0)
    }

    pub(crate) async fn version(&self, id: i64) -> Option<Version> {
        let poller = self.poller().await.id;
        let id = id.to_string();
        let known = self
            .store
            .known_versions(poller, std::slice::from_ref(&id))
            .await;
        known.unwrap().remove(&id)
    }

    pub(crate) async fn quarantine(&self) -> Vec<Quarantined> {
        let page = Page {
            after: None,
            limit: 10_000,
        };
        self.store.quarantine(self.instance, page).await.unwrap()
    }

    /// Every event so far, in their order.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let page = Page {
            after: None,
            limit: 100_000,
        };
        let filter = NotificationFilter::default();
        let stored = self.store.notifications(&filter, page).await.unwrap();
        let bodies = stored
            .iter()
            .map(|stored| serde_json::from_str::<Value>(stored.notification.body.get()).unwrap());
        bodies.flat_map(|body| events_of(&body)).collect()
    }

    /// Creates a record a second later; gives its id.
    pub(crate) fn create(&self) -> i64 {
        self.write(&Change::create("Contacts"))
    }

    /// Writes a second later.
    pub(crate) fn write(&self, change: &Change) -> i64 {
        self.clock.advance(Duration::from_secs(1));
        let written = self.control.change(change).unwrap();
        written.id.as_i64().unwrap()
    }

    /// Writes exactly these fields of a record, a second later, as a client of Insightly does.
    pub(crate) async fn put(&self, id: i64, fields: Value) {
        self.clock.advance(Duration::from_secs(1));
        let mut body = fields;
        body["CONTACT_ID"] = json!(id);
        let client = http::client(&ClientSettings::default()).unwrap();
        let url = format!("{}/Contacts", self.simulator.base_url());
        let request = client.request(Method::PUT, url).json(&body);
        let request = request.basic_auth("demo-key", Some(""));
        let answer = http::send(request, &client, "test").await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

fn events_of(body: &Value) -> Vec<Event> {
    let events = body["message"]["events"].as_array().unwrap();
    let records = body["message"]["raw"]["contacts"].as_array().unwrap();
    let event = |(event, record): (&Value, &Value)| Event {
        id: event["objectId"].as_str().unwrap().parse().unwrap(),
        kind: serde_json::from_value(event["eventType"].clone()).unwrap(),
        sequence: event["sequence"].as_i64().unwrap(),
        changes: event.get("changes").cloned(),
        record: record.clone(),
    };
    events.iter().zip(records).map(event).collect()
}

async fn database(backend: Backend) -> Option<Database> {
    if backend == Backend::Sqlite {
        return None;
    }
    let server = ie_platform::config::env("TEST_DATABASE_URL");
    let server = server.expect("TEST_DATABASE_URL is not set: run `make test`");
    Some(Database::create(&server).await.unwrap())
}

async fn create(
    store: &Store,
    sealer: &Sealer,
    base_url: &str,
    (wish, clock): (&Wish, &TestClock),
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
    let mut settings = json!({
        "base_url": base_url,
        "events_enabled": true,
        "callback_url": null,
        "refresh_interval": INTERVAL,
        "zone": "UTC",
        "overlap": 120,
        "batch": 10,
        "raw_enabled": true,
    });
    for (name, value) in wish.settings.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let now = clock.now();
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
        object: "Contacts".to_owned(),
        config: wish.config.clone(),
        interval_minutes: INTERVAL,
        cursor: now - wish.back,
        due_at: now,
        status: PollerStatus::Active,
    }];
    let token = format!("token {id}");
    let created = store.create_instance(&instance, &token, &pollers);
    created.await.unwrap();
    id
}

/// The resource as it is polled by default.
pub(crate) fn contacts() -> ResourceConfig {
    let date = |path: &str| DateField {
        path: path.to_owned(),
        format: "yyyy-MM-dd HH:mm:ss".to_owned(),
        zone: "GMT".to_owned(),
    };
    let window = "updated_after_utc='${gmtDate:yyyy-MM-dd HH:mm:ss}'";
    ResourceConfig {
        url: format!("/hubs/crm/contacts?where={window}"),
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
