//! A fetcher as a service, with a store, an in-process queue and a simulated Insightly around it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_broker::{Broker, Outgoing};
use ie_fetcher::process::Config;
use ie_model::instance::secret;
use ie_model::{
    AccountKey, DateField, Initial, Instance, InstanceId, Poller, PollerStatus, ResourceConfig,
    Settings,
};
use ie_platform::seal::Sealer;
use ie_platform::secret::ExposeSecret as _;
use ie_platform::{Context, Process, config};
use ie_simulator::Simulator;
use ie_store::testing::Database;
use ie_store::{NewAccount, NewPoller, Principal, Store, Urge};
use tempfile::TempDir;

/// The API key of the simulator's account.
pub(crate) const KEY: &str = "demo-key";

const PROCESS: Process = Process {
    name: "ie-fetcher-tests",
    version: "0",
};

/// Where the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// The fetcher's surroundings.
pub(crate) struct Rig {
    pub(crate) context: Context,
    pub(crate) insightly: Simulator,
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    sealer: Sealer,
    config: Config,
    owner: Principal,
    _place: (TempDir, Option<Database>),
}

impl Rig {
    /// Without a fetcher yet; `fields` are of the section `fetcher`, or `SECTION.FIELD`.
    pub(crate) async fn start(
        backend: Backend,
        world: ie_simulator::Settings,
        fields: &[(&str, &str)],
    ) -> Self {
        let context = Context::new(PROCESS);
        let insightly = Simulator::start(world, context.clock.clone())
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => {
                let server = config::env("TEST_DATABASE_URL")
                    .expect("TEST_DATABASE_URL is not set: run `make test`");
                Some(Database::create(&server).await.unwrap())
            }
        };
        let file = format!("sqlite:{}", folder.path().join("state.db").display());
        let url = database.as_ref().map_or(file, |one| one.url().to_owned());
        let config = configuration(&url, fields);
        let store = Store::open(&config.store, &context).await.unwrap();
        let account = NewAccount {
            organization: "acme".to_owned(),
            user: "kim".to_owned(),
            organization_secret_hash: "aa".to_owned(),
            user_secret_hash: "bb".to_owned(),
        };
        Self {
            broker: Broker::connect(&config.broker, &context).await.unwrap(),
            owner: store.ensure_account(&account).await.unwrap(),
            sealer: config.secrets.sealer().unwrap(),
            context,
            insightly,
            store,
            config,
            _place: (folder, database),
        }
    }

    /// Starts a fetcher with connections of its own to the same store.
    pub(crate) async fn fetcher(&self) {
        let store = Store::open(&self.config.store, &self.context).await;
        let parts = ie_fetcher::Parts {
            broker: self.broker.clone(),
            store: store.unwrap(),
            sealer: self.sealer.clone(),
            crm: ie_fetcher::insightly(&self.config.fetcher).unwrap(),
            config: self.config.fetcher.clone(),
        };
        ie_fetcher::run(self.context.clone(), parts).await.unwrap();
    }

    /// An instance of the simulator's account that polls these objects every quarter of an hour, due now.
    pub(crate) async fn instance(&self, objects: &[&str], cursor: DateTime<Utc>) -> InstanceId {
        let base_url = self.insightly.base_url();
        self.instance_at(&base_url, objects, cursor).await
    }

    /// The same with another address of Insightly's API.
    pub(crate) async fn instance_at(
        &self,
        base_url: &str,
        objects: &[&str],
        cursor: DateTime<Utc>,
    ) -> InstanceId {
        let id = self.store.next_instance_id().await.unwrap();
        let now = self.context.clock.now();
        let key = self.sealer.seal(KEY, &secret::context(id, secret::API_KEY));
        let instance = Instance {
            id,
            organization: self.owner.organization,
            user: self.owner.user,
            name: "CRM".to_owned(),
            tags: Vec::new(),
            configuration: serde_json::Map::new(),
            secrets: BTreeMap::from([(secret::API_KEY.to_owned(), key)]),
            settings: settings(base_url),
            account: account(),
            valid: true,
            disabled: false,
            reason: None,
            hint_hash: None,
            failing_since: None,
            created_at: now,
            updated_at: now,
        };
        let pollers: Vec<NewPoller> = objects
            .iter()
            .enumerate()
            .map(|(number, object)| poller(&format!("{object}-{number}"), object, (cursor, now)))
            .collect();
        self.store
            .create_instance(&instance, &id.to_string(), &pollers)
            .await
            .unwrap();
        id
    }

    /// What a scheduler does: a job for each poller that is due; gives their number.
    pub(crate) async fn schedule(&self) -> usize {
        let now = self.context.clock.now();
        let lease = Duration::from_secs(600);
        let jobs = self.store.claim_jobs(now, 1000, lease).await.unwrap();
        let outgoing: Vec<_> = jobs
            .iter()
            .map(|message| Outgoing {
                message,
                traceparent: None,
                republished: false,
                attempt: 1,
            })
            .collect();
        for outcome in self.broker.publish(&outgoing).await.unwrap() {
            outcome.unwrap();
        }
        jobs.len()
    }

    /// Makes the instance's pollers due, as its owner does.
    pub(crate) async fn urge(&self, id: InstanceId) {
        let urge = Urge {
            resource: None,
            now: self.context.clock.now(),
            gap: Duration::ZERO,
            modest: false,
            traceparent: None,
        };
        assert!(self.store.make_due(id, urge).await.unwrap() > 0);
    }

    /// The instance's poller, once `settled` says that its poll is over.
    pub(crate) async fn poller(&self, id: InstanceId, settled: impl Fn(&Poller) -> bool) -> Poller {
        let limit = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let poller = self.store.pollers(id).await.unwrap().remove(0);
            if settled(&poller) {
                return poller;
            }
            assert!(tokio::time::Instant::now() < limit, "{poller:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Polls the instance's one resource once, and gives where its poller stands then.
    pub(crate) async fn poll(&self, id: InstanceId) -> Poller {
        let before = self.store.pollers(id).await.unwrap().remove(0);
        assert!(self.schedule().await > 0);
        self.poller(id, |poller| {
            poller.epoch != before.epoch && poller.lease_until.is_none()
        })
        .await
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.context.lifecycle.abort();
    }
}

/// What the account's budget is kept for.
pub(crate) fn account() -> AccountKey {
    AccountKey("simulated".to_owned())
}

fn configuration(url: &str, fields: &[(&str, &str)]) -> Config {
    let mut variables = vec![
        ("IE__STORE__URL".to_owned(), url.to_owned()),
        ("IE__BROKER__URL".to_owned(), "memory:".to_owned()),
        (
            "IE__SECRETS__MASTER_KEY".to_owned(),
            Sealer::generate_key().expose_secret().to_owned(),
        ),
    ];
    variables.extend(fields.iter().map(|(field, value)| {
        let (section, field) = field.split_once('.').unwrap_or(("FETCHER", field));
        (format!("IE__{section}__{field}"), (*value).to_owned())
    }));
    config::load_from(None, variables).unwrap()
}

fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        events_enabled: true,
        callback_url: Some("https://example.com/hook".to_owned()),
        refresh_interval: 15,
        zone: "UTC".to_owned(),
        overlap: 60,
        batch: 10,
        raw_enabled: false,
        deletes_interval: 0,
        initial: Initial::None,
        changes: false,
        skip_unchanged: false,
        requests_per_second: None,
        requests_per_day: None,
        delivery: ie_model::DeliverySettings::default(),
    }
}

fn poller(
    resource: &str,
    object: &str,
    (cursor, due_at): (DateTime<Utc>, DateTime<Utc>),
) -> NewPoller {
    let known = ie_model::catalog::object(object).unwrap();
    let date = |path: &str| DateField {
        path: path.to_owned(),
        format: "yyyy-MM-dd HH:mm:ss".to_owned(),
        zone: "GMT".to_owned(),
    };
    let template = "?where=updated_after_utc='${gmtDate:yyyy-MM-dd HH:mm:ss}'";
    NewPoller {
        resource: resource.to_owned(),
        object: object.to_owned(),
        config: ResourceConfig {
            url: format!("/hubs/crm/{}{template}", known.hub_resource),
            id_field: known.id_field.clone(),
            updated: date(known.updated_field.as_deref().unwrap()),
            created: known.created_field.as_deref().map(date),
            filter_by_updated_date: true,
            created_check_tolerance: 10,
            page_size: None,
            poll_delay: 0,
        },
        interval_minutes: 15,
        cursor,
        due_at,
        status: PollerStatus::Active,
    }
}
