//! Where seeds are played: one SQLite store after another, each used by many seeds, as opening one takes longer than a seed.

use std::path::Path;
use std::sync::Arc;

use chrono::SubsecRound as _;
use ie_model::instance::secret;
use ie_model::{AccountKey, Instance, InstanceId, PollerStatus};
use ie_platform::config::Section as _;
use ie_platform::seal::Sealer;
use ie_platform::{Context, Process};
use ie_store::{NewAccount, NewPoller, Principal, Store};
use serde::Deserialize;
use tempfile::TempDir;

use crate::crm::{Insightly, KEY};
use crate::scenario::{RESOURCES, Scenario};
use crate::time::Time;

/// Seeds after which a store is thrown away: none of them should wait for the rows of thousands before.
const SEEDS_PER_STORE: u32 = 250;

/// A store, its clock and an owner of instances.
pub(crate) struct Site {
    pub(crate) store: Store,
    pub(crate) time: Time,
    pub(crate) sealer: Sealer,
    owner: Principal,
    context: Context,
    seeds: u32,
    _folder: TempDir,
}

#[derive(Deserialize)]
struct StoreFile {
    store: ie_store::Config,
}

impl Site {
    pub(crate) async fn open() -> Self {
        // In memory where the system offers that: every commit waits for the disk otherwise.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            TempDir::new_in(memory)
        } else {
            TempDir::new()
        };
        let folder = folder.expect("a folder for the store");
        let time = Time::new();
        let context = Context {
            clock: Arc::new(time.clone()),
            ..Context::new(Process {
                name: "model",
                version: "0",
            })
        };
        let mut config: StoreFile = toml::from_str(ie_store::Config::DEFAULTS).expect("defaults");
        config.store.url = format!("sqlite:{}/store.db", folder.path().display()).into();
        config.store.max_connections = 1;
        let store = Store::open(&config.store, &context)
            .await
            .expect("a new store");
        let account = NewAccount {
            organization: "model".to_owned(),
            user: "model".to_owned(),
            organization_secret_hash: "organization".to_owned(),
            user_secret_hash: "user".to_owned(),
        };
        let owner = store.ensure_account(&account).await.expect("an account");
        Self {
            store,
            time,
            sealer: Sealer::from_base64(&Sealer::generate_key()).expect("a key of ours"),
            owner,
            context,
            seeds: 0,
            _folder: folder,
        }
    }

    /// Whether it has seen enough.
    pub(crate) fn is_worn(&self) -> bool {
        self.seeds >= SEEDS_PER_STORE
    }

    /// Creates the instance of a scenario as of now, with a poller per resource.
    pub(crate) async fn create(
        &mut self,
        scenario: &Scenario,
        overlap: u32,
        insightly: &Insightly,
    ) -> InstanceId {
        self.seeds += 1;
        let id = self.store.next_instance_id().await.expect("an id");
        let now = self.time.look();
        let sealed = self.sealer.seal(KEY, &secret::context(id, secret::API_KEY));
        let instance = Instance {
            id,
            organization: self.owner.organization,
            user: self.owner.user,
            name: "model".to_owned(),
            tags: Vec::new(),
            configuration: serde_json::Map::new(),
            secrets: [(secret::API_KEY.to_owned(), sealed)].into(),
            settings: scenario.instance(overlap),
            account: AccountKey(format!("account {id}")),
            valid: true,
            disabled: false,
            reason: None,
            created_at: now,
            updated_at: now,
            hint_hash: None,
            failing_since: None,
        };
        let pollers: Vec<NewPoller> = RESOURCES[..scenario.resources]
            .iter()
            .map(|(resource, object, id_field)| NewPoller {
                resource: (*resource).to_owned(),
                object: (*object).to_owned(),
                config: scenario.resource(resource, id_field),
                interval_minutes: scenario.interval_minutes,
                cursor: insightly.now().trunc_subsecs(0),
                due_at: now,
                status: PollerStatus::Active,
            })
            .collect();
        self.store
            .create_instance(&instance, &format!("token {id}"), &pollers)
            .await
            .expect("a new instance");
        id
    }

    /// Forgets an instance, so that the next seed finds nothing to do.
    pub(crate) async fn forget(&self, id: InstanceId) {
        self.store.delete_instance(id).await.expect("its instance");
    }

    pub(crate) async fn close(self) {
        self.context.lifecycle.stop();
        let limit = std::time::Duration::from_secs(5);
        self.context.lifecycle.drain(limit).await;
    }
}
