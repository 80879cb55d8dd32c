//! RabbitMQ and PostgreSQL with a database of its own, the API as a program, and whatever else a measurement starts.

use anyhow::Context as _;
use ie_broker::Broker;
use ie_platform::{Context, Process};
use ie_scheduler::process::Config;
use ie_store::Store;
use ie_store::testing::Database;
use ie_tests::client::Client;
use ie_tests::process::free_port;
use ie_tests::rig::server;
use reqwest::Method;
use serde_json::{Value, json};

use crate::running::{Environment, PATIENCE, Running, environment, settings};

/// A distributed system without its workers: those are started by each measurement.
pub(crate) struct Stage {
    /// Asks its API.
    pub(crate) client: Client,
    /// Its store, opened by the bench as well.
    pub(crate) store: Store,
    /// Holds the bench's own tasks.
    pub(crate) context: Context,
    environment: Environment,
    database: Database,
    _api: Running,
}

/// The bench's own tasks, with the machine's clock.
pub(crate) fn context() -> Context {
    Context::new(Process {
        name: "ie-bench",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Names of queues that nobody has used yet.
pub(crate) fn prefix() -> String {
    format!("bench-{}", uuid::Uuid::new_v4().simple())
}

impl Stage {
    /// Starts one on the servers of `TEST_AMQP_URL` and `TEST_DATABASE_URL`.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let context = context();
        let database = Database::create(&server("TEST_DATABASE_URL")?).await?;
        let api = free_port()?;
        let mut environment = environment();
        environment.extend(settings(&[
            ("BROKER__URL", &server("TEST_AMQP_URL")?),
            ("STORE__URL", database.url()),
            ("API__ADDRESS", &api.to_string()),
        ]));
        let own = with(&environment, &[("BROKER__PREFIX", &prefix())]);
        let running = Running::start("ie-api", own).await?;
        let config: Config = ie_platform::config::load_from(None, environment.clone())?;
        let store = Store::open(&config.store, &context).await?;
        Ok(Self {
            client: Client::new(api)?,
            store,
            context,
            environment,
            database,
            _api: running,
        })
    }

    /// The environment of a program that uses these queues, with more settings.
    pub(crate) fn environment(&self, prefix: &str, more: &[(&str, &str)]) -> Environment {
        let mut environment = with(&self.environment, &[("BROKER__PREFIX", prefix)]);
        environment.extend(settings(more));
        environment
    }

    /// These queues, for the bench itself.
    pub(crate) async fn broker(&self, prefix: &str) -> anyhow::Result<Broker> {
        let environment = self.environment(prefix, &[]);
        let config: Config = ie_platform::config::load_from(None, environment)?;
        Ok(Broker::connect(&config.broker, &self.context).await?)
    }

    /// Starts a program on these queues and waits until it is ready.
    pub(crate) async fn program(
        &self,
        name: &str,
        prefix: &str,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Running> {
        Running::start(name, self.environment(prefix, more)).await
    }

    /// Ends the bench's tasks and removes the database.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let Self {
            context,
            database,
            _api,
            ..
        } = self;
        drop(_api);
        context.lifecycle.stop();
        context.lifecycle.drain(PATIENCE).await;
        database.remove().await?;
        Ok(())
    }
}

fn with(environment: &Environment, more: &[(&str, &str)]) -> Environment {
    let mut environment = environment.clone();
    environment.extend(settings(more));
    environment
}

/// An instance to be created.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watching<'a> {
    /// Insightly's address.
    pub(crate) insightly: &'a str,
    /// Where notifications go.
    pub(crate) callback: &'a str,
    /// The hub's names of its resources.
    pub(crate) resources: &'a [&'a str],
}

/// Creates an instance that polls once an hour unless it is told to; gives its id.
pub(crate) async fn create_instance(
    client: &Client,
    watching: Watching<'_>,
) -> anyhow::Result<i64> {
    let resources: serde_json::Map<_, _> = watching
        .resources
        .iter()
        .map(|resource| ((*resource).to_owned(), json!({})))
        .collect();
    let body = json!({
        "element": {"key": "insightly"},
        "name": "bench",
        "configuration": {
            "username": "bench@example.com",
            "password": "demo-key",
            "base.url": watching.insightly,
            "event.notification.enabled": true,
            "event.vendor.type": "polling",
            "event.notification.callback.url": watching.callback,
            "event.notification.signature.key": "a key for signatures",
            "event.poller.refresh_interval": "60",
            "event.poller.configuration": resources,
        }
    });
    let created = client.must(Method::POST, "/instances", Some(body)).await?;
    created["id"].as_i64().context("an instance without an id")
}

/// Makes the instance's pollers due now.
pub(crate) async fn poll_now(client: &Client, instance: i64) -> anyhow::Result<()> {
    let path = format!("/instances/{instance}/poll");
    client.must(Method::POST, &path, None).await.map(drop)
}

/// How the instance's pollers stand.
pub(crate) async fn pollers(client: &Client, instance: i64) -> anyhow::Result<Vec<Value>> {
    let path = format!("/instances/{instance}/event-poller-records");
    let records = client.must(Method::GET, &path, None).await?;
    Ok(records.as_array().context("no list")?.clone())
}
