//! The system under test, and the words that tests are written in.

mod requests;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_api::process;
use ie_broker::Broker;
use ie_model::{
    ErrorClass, InstanceId, Notification, NotificationId, NotificationStatus, OrganizationId,
};
use ie_platform::http::{self, ClientSettings};
use ie_platform::seal::Sealer;
use ie_platform::secret::ExposeSecret as _;
use ie_platform::{Context, TestClock, config};
use ie_simulator::{AccountSettings, Settings, Simulator};
use ie_store::{AttemptRecord, NewAccount, NewNotification, Page, PageCommit, Progress, Store};
use reqwest::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub(crate) use requests::Answer;

/// A key that the simulated Insightly knows.
pub(crate) const KEY: &str = "8e7f9c5a-insightly-api-key";
/// A key of another user of the same account.
pub(crate) const OTHER_KEY: &str = "1b2c3d4e-insightly-api-key";
/// Our time.
pub(crate) const NOW: &str = "2026-11-24T10:00:00Z";
/// Insightly's time, which is another.
pub(crate) const INSIGHTLYS_NOW: &str = "2026-11-24T09:58:30Z";

/// An operator's token, for rigs whose `ADMIN_TOKEN` it is.
pub(crate) const ADMIN_TOKEN: &str = "an-admin-token-of-32-characters!";

const ORGANIZATION_SECRET: &str = "an-organization-secret=";
const USER_SECRET: &str = "the-secret-of-a-user=";

/// The API and what is around it.
pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    pub(crate) insightly: Simulator,
    pub(crate) clock: TestClock,
    pub(crate) context: Context,
    pub(crate) folder: TempDir,
    pub(crate) sealer: Sealer,
    /// The path of every route.
    pub(crate) routes: Vec<String>,
    parts: ie_api::Parts,
    base: String,
    http: reqwest::Client,
    credentials: String,
}

impl Rig {
    /// With an Insightly that has no limits.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With some fields of the section `api` set, or of another: `SECTION__FIELD`.
    pub(crate) async fn with(fields: &[(&str, &str)]) -> Self {
        let mut settings = Settings::empty().without_limits();
        settings.accounts = vec![AccountSettings::new("default", &[KEY, OTHER_KEY])];
        let insightlys = TestClock::at(INSIGHTLYS_NOW.parse().unwrap());
        let insightly = Simulator::start(settings, Arc::new(insightlys))
            .await
            .unwrap();

        let folder = tempfile::tempdir().unwrap();
        let config = configuration(&folder, &insightly, fields);
        let clock = TestClock::at(NOW.parse().unwrap());
        let context = Context {
            clock: Arc::new(clock.clone()),
            ..Context::new(process::PROCESS)
        };
        let store = Store::open(&config.store, &context).await.unwrap();
        let broker = Broker::connect(&config.broker, &context).await.unwrap();
        let http = http::client(&ClientSettings::default()).unwrap();
        let sealer = config.secrets.sealer().unwrap();
        let parts = ie_api::Parts {
            broker: broker.clone(),
            store: store.clone(),
            sealer: sealer.clone(),
            http: http.clone(),
            outgoing: config.outgoing,
            config: config.api,
        };
        let running = ie_api::run(context.clone(), parts.clone()).await.unwrap();
        Self {
            store,
            broker,
            insightly,
            clock,
            context,
            folder,
            sealer,
            routes: running.routes,
            parts,
            base: base(running.address),
            http,
            credentials: format!("User {USER_SECRET}, Organization {ORGANIZATION_SECRET}"),
        }
    }

    /// The process dies, and another is started on the same store.
    pub(crate) async fn restart(&mut self) {
        self.context.lifecycle.abort();
        self.context = Context {
            clock: Arc::new(self.clock.clone()),
            ..Context::new(process::PROCESS)
        };
        let running = ie_api::run(self.context.clone(), self.parts.clone());
        self.base = base(running.await.unwrap().address);
    }

    /// Where the service is.
    pub(crate) fn origin(&self) -> String {
        self.base.replace("/elements/api-v2", "")
    }

    /// An instance with these entries of `configuration`; gives its answer.
    pub(crate) async fn instance(&self, entries: &Value) -> Value {
        self.post("/instances", &body(entries)).await.ok()
    }

    /// The `Authorization` of the account.
    pub(crate) fn credentials(&self) -> &str {
        &self.credentials
    }

    /// The account's organization.
    pub(crate) async fn organization(&self) -> OrganizationId {
        let page = Page {
            after: None,
            limit: 1,
        };
        let found = self.store.organizations(Some("default"), page).await;
        found.unwrap()[0].id
    }

    /// Another organization, and its `Authorization`.
    pub(crate) async fn other_organization(&self) -> String {
        let account = NewAccount {
            organization: "other".to_owned(),
            user: "other".to_owned(),
            organization_secret_hash: hash("other-organization"),
            user_secret_hash: hash("other-user"),
        };
        self.store.ensure_account(&account).await.unwrap();
        "User other-user, Organization other-organization".to_owned()
    }

    /// An instance of another organization; gives it and that one's credentials.
    pub(crate) async fn foreign_instance(&self, configuration: &Value) -> (Value, String) {
        let other = self.other_organization().await;
        let body = body(configuration).to_string();
        let created = self.send(Method::POST, "/instances", Some(&other), &body);
        (created.await.ok(), other)
    }

    /// Stores notifications of an instance, one second after another, and gives their ids.
    pub(crate) async fn notifications(&self, instance: i64, count: u32) -> Vec<NotificationId> {
        self.notifications_with(instance, count, |_| ()).await
    }

    /// The same, each changed by `change` before it is stored.
    pub(crate) async fn notifications_with(
        &self,
        instance: i64,
        count: u32,
        change: impl Fn(&mut Notification),
    ) -> Vec<NotificationId> {
        self.clock.advance(Duration::from_secs(60));
        let now: DateTime<Utc> = self.context.clock.now();
        let jobs = self
            .store
            .claim_jobs(now, 100, Duration::from_secs(60))
            .await
            .unwrap();
        let job = jobs
            .iter()
            .find(|job| job.instance == InstanceId(instance))
            .unwrap();
        let (poller, _) = self.store.poll_context(job).await.unwrap().unwrap();
        let ids = self.store.reserve_notification_ids(count).await.unwrap();
        let notifications = ids.iter().zip(0..).map(|(id, seconds)| {
            let body = json!({"id": id, "message": {"eventId": id.to_string(),
                "raw": {"contacts": [{"CONTACT_ID": seconds}]}}});
            let mut notification = Notification {
                id: *id,
                instance: InstanceId(instance),
                resource: "contacts".to_owned(),
                created_at: now + chrono::TimeDelta::seconds(seconds),
                body: RawValue::from_string(body.to_string()).unwrap(),
                purpose: ie_model::Purpose::Changes,
                media_type: ie_model::MediaType::default(),
            };
            change(&mut notification);
            NewNotification {
                notification,
                traceparent: None,
                due_at: now,
                ordered: None,
            }
        });
        let page = PageCommit {
            notifications: notifications.collect(),
            ..PageCommit::new(Progress::UnderWay { lease_until: now })
        };
        self.store.commit_page(poller.fence(), &page).await.unwrap();
        ids
    }

    /// A failed attempt at a notification; the last one, when it becomes a dead letter.
    pub(crate) async fn fail(&self, id: NotificationId, status: NotificationStatus) {
        self.fail_as(id, status, ErrorClass::Server).await;
    }

    /// The same, for another reason than an answer of 500.
    pub(crate) async fn fail_as(
        &self,
        id: NotificationId,
        status: NotificationStatus,
        class: ErrorClass,
    ) {
        let answered = class == ErrorClass::Server;
        let record = AttemptRecord {
            attempt: ie_model::Attempt {
                notification: id,
                number: 1,
                at: self.context.clock.now(),
                duration_ms: 12,
                status_code: answered.then_some(500),
                error: Some(if answered {
                    "the callback answered 500".to_owned()
                } else {
                    class.as_str().to_owned()
                }),
                response: answered.then(|| "oops".to_owned()),
                error_class: Some(class),
                headers: None,
            },
            status,
            due_at: None,
        };
        self.store.record_attempts(&[record]).await.unwrap();
    }

    /// An instance with so many dead letters: its id, and theirs.
    pub(crate) async fn failed(&self, count: u32) -> (i64, Vec<NotificationId>) {
        let instance = id(&self.instance(&json!({"event.objects": "contacts"})).await);
        let ids = self.notifications(instance, count).await;
        for id in &ids {
            self.fail(*id, NotificationStatus::Failed).await;
        }
        (instance, ids)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.context.lifecycle.abort();
    }
}

fn base(address: std::net::SocketAddr) -> String {
    format!("http://{address}/elements/api-v2")
}

/// A body of `POST /instances` with these entries of `configuration`.
pub(crate) fn body(entries: &Value) -> Value {
    let mut body = json!({
        "element": {"key": "insightly"},
        "name": "My CRM",
        "tags": ["Docs"],
        "configuration": {
            "username": "me@example.com",
            "password": KEY,
            "event.notification.enabled": true,
            "event.notification.callback.url": "https://example.com/events",
        },
    });
    for (key, value) in entries.as_object().into_iter().flatten() {
        body["configuration"][key] = value.clone();
    }
    body
}

/// The ids of an answered list of events.
#[track_caller]
pub(crate) fn ids(list: &Value) -> Vec<&str> {
    let events = list.as_array().unwrap().iter();
    events.map(|event| event["id"].as_str().unwrap()).collect()
}

/// The id of an answered instance.
pub(crate) fn id(instance: &Value) -> i64 {
    instance["id"].as_i64().unwrap()
}

/// The path of an answered instance.
pub(crate) fn path(instance: &Value) -> String {
    format!("/instances/{}", instance["id"])
}

/// The configuration of a process, as its environment would set it.
fn configuration(
    folder: &TempDir,
    insightly: &Simulator,
    fields: &[(&str, &str)],
) -> process::Config {
    let database = folder.path().join("store.db");
    let mut variables = vec![
        (
            "IE__STORE__URL".to_owned(),
            format!("sqlite:{}", database.display()),
        ),
        ("IE__BROKER__URL".to_owned(), "memory:".to_owned()),
        (
            "IE__SECRETS__MASTER_KEY".to_owned(),
            Sealer::generate_key().expose_secret().to_owned(),
        ),
        ("IE__API__ADDRESS".to_owned(), "127.0.0.1:0".to_owned()),
        (
            "IE__API__DEFAULT_INSIGHTLY_URL".to_owned(),
            insightly.base_url(),
        ),
        (
            "IE__API__BOOTSTRAP_ORGANIZATION_SECRET".to_owned(),
            ORGANIZATION_SECRET.to_owned(),
        ),
        (
            "IE__API__BOOTSTRAP_USER_SECRET".to_owned(),
            USER_SECRET.to_owned(),
        ),
        (
            "IE__API__BOOTSTRAP_USER_PASSWORD".to_owned(),
            crate::browser::PASSWORD.to_owned(),
        ),
    ];
    variables.extend(fields.iter().map(|(field, value)| {
        let name = match field.split_once("__") {
            Some(_) => format!("IE__{field}"),
            None => format!("IE__API__{field}"),
        };
        (name, (*value).to_owned())
    }));
    config::load_from(None, variables).unwrap()
}

fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}
