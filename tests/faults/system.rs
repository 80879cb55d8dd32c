//! The system under test: its services as processes, each way to its surroundings through the chaos proxy.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use ie_platform::{Context, Process};
use ie_simulator::{Control, Settings, Simulator};
use ie_store::testing::Database;
use ie_tests::balance::Balance;
use ie_tests::client::Client;
use ie_tests::places::{SERVICES, environment, variables};
use ie_tests::process::{Program, Recipe, free_port};
use ie_tests::receiver::Receiver;
use ie_tests::rig::{self, OBJECTS, PATIENCE};
use ie_tests::verdict::Arrived;
use reqwest::Method;
use serde_json::{Value, json};

use crate::clock::Stepped;
use crate::disk::Disk;
use crate::servers::Servers;
use crate::ways::{Peer, Ways};

/// Records of each object before the load begins.
const RECORDS: usize = 200;

/// One process of a service.
pub(crate) struct Service {
    pub(crate) recipe: Recipe,
    pub(crate) program: Program,
}

impl Service {
    fn start(name: &str, environment: Vec<(String, String)>) -> anyhow::Result<Self> {
        let recipe = Recipe {
            name: name.to_owned(),
            environment,
            health: free_port()?,
        };
        let program = recipe.start()?;
        Ok(Self { recipe, program })
    }

    /// Kills it and starts it again.
    pub(crate) fn replace(&mut self) -> anyhow::Result<()> {
        self.program.kill()?;
        self.program = self.recipe.start()?;
        Ok(())
    }
}

/// How a system begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How many processes of each service.
    pub(crate) copies: usize,
    /// What chance depends on.
    pub(crate) seed: u64,
    /// Whether its clock can be stepped.
    pub(crate) stepped: bool,
}

/// A system, its surroundings, and one instance that watches four resources.
pub(crate) struct System {
    pub(crate) services: Vec<Service>,
    pub(crate) ways: Ways,
    pub(crate) receiver: Receiver,
    pub(crate) servers: Option<Arc<Servers>>,
    pub(crate) clock: Option<Stepped>,
    pub(crate) disk: Option<Disk>,
    /// Holds the suite's own tasks.
    pub(crate) context: Context,
    /// Where the instance's hints go, at each api.
    pub(crate) hints: Vec<String>,
    client: Client,
    simulator: Simulator,
    database: Option<Database>,
    _data: tempfile::TempDir,
    instance: i64,
    baseline: DateTime<Utc>,
}

/// What stands around the services.
struct World {
    context: Context,
    simulator: Simulator,
    receiver: Receiver,
    ways: Ways,
    data: tempfile::TempDir,
}

impl World {
    async fn start(seed: u64) -> anyhow::Result<Self> {
        let context = Context::new(Process {
            name: "ie-faults",
            version: env!("CARGO_PKG_VERSION"),
        });
        let mut settings = Settings::empty().without_limits();
        settings.seed = seed;
        for object in OBJECTS {
            settings = settings.with_records(object, RECORDS);
        }
        let simulator = Simulator::start(settings, context.clock.clone()).await?;
        let receiver = Receiver::start(&context.lifecycle).await?;
        let ways = Ways::outside(&simulator.base_url(), &receiver.url(), seed).await?;
        Ok(Self {
            context,
            simulator,
            receiver,
            ways,
            data: tempfile::tempdir()?,
        })
    }
}

impl System {
    /// Four services as processes on RabbitMQ and PostgreSQL.
    pub(crate) async fn distributed(servers: Arc<Servers>, plan: Plan) -> anyhow::Result<Self> {
        let mut world = World::start(plan.seed).await?;
        let database = Database::create(&servers.postgres).await?;
        let (rabbit, postgres) = (
            (Peer::RabbitMq, &*servers.amqp),
            (Peer::PostgreSql, database.url()),
        );
        world.ways.open_for_services(rabbit, plan.seed).await?;
        world.ways.open_for_services(postgres, plan.seed).await?;
        let clock = plan.stepped.then(|| Stepped::new(world.data.path()));
        let clock = clock.transpose()?;
        let mut common = tuned();
        common.extend(variables(&[(
            "BROKER__PREFIX",
            &format!("faults-{}", uuid::Uuid::new_v4().simple()),
        )]));
        common.extend(clock.iter().flat_map(Stepped::environment));
        let (mut services, mut apis) = (Vec::new(), Vec::new());
        for name in SERVICES.repeat(plan.copies) {
            let api = free_port()?;
            let mut own = common.clone();
            own.extend(variables(&[
                (
                    "BROKER__URL",
                    &world.ways.url(Some(name), rabbit.0, rabbit.1)?,
                ),
                (
                    "STORE__URL",
                    &world.ways.url(Some(name), postgres.0, postgres.1)?,
                ),
                ("API__ADDRESS", &api.to_string()),
            ]));
            services.push(Service::start(name, own)?);
            if name == "ie-api" {
                apis.push(api);
            }
        }
        let mut system = Self::around(world, services, &apis).await?;
        system.servers = Some(servers);
        system.clock = clock;
        system.database = Some(database);
        Ok(system)
    }

    /// Everything in one process, with its data on a small disk.
    pub(crate) async fn embedded(seed: u64) -> anyhow::Result<Self> {
        let world = World::start(seed).await?;
        let disk = Disk::mount()?;
        let api = free_port()?;
        let mut own = tuned();
        own.extend(variables(&[("API__ADDRESS", &api.to_string())]));
        own.push(("IE_DATA".to_owned(), disk.path().display().to_string()));
        let services = vec![Service::start("insightly-events", own)?];
        let mut system = Self::around(world, services, &[api]).await?;
        system.disk = Some(disk);
        Ok(system)
    }

    async fn around(
        world: World,
        mut services: Vec<Service>,
        apis: &[std::net::SocketAddr],
    ) -> anyhow::Result<Self> {
        for Service { program, recipe } in &mut services {
            let ready = program.ready(PATIENCE).await;
            ready.with_context(|| format!("its log is {}", recipe.log().display()))?;
        }
        let client = Client::new(*apis.first().context("no api")?)?;
        let (created, baseline) = client.create_instance(body(&world)?).await?;
        let instance = created["id"].as_i64().context("no id")?;
        let hint = created["hintUrl"].as_str().context("no hintUrl")?;
        let (_, hint) = hint.split_once("/events/").context("an odd hintUrl")?;
        let hints = apis.iter();
        let hints = hints.map(|api| format!("http://{api}/events/{hint}"));
        Ok(Self {
            services,
            ways: world.ways,
            receiver: world.receiver,
            servers: None,
            clock: None,
            disk: None,
            context: world.context,
            hints: hints.collect(),
            client,
            simulator: world.simulator,
            database: None,
            _data: world.data,
            instance,
            baseline,
        })
    }

    /// Insightly's handle.
    pub(crate) fn insightly(&self) -> Control {
        self.simulator.control()
    }

    /// Every write against every receipt so far.
    pub(crate) fn balance(&self) -> anyhow::Result<Balance> {
        let insightly = self.insightly();
        let (ledger, state) = (rig::ledger(&insightly)?, rig::state(&insightly)?);
        let arrived = Arrived::read(&self.receiver.accepted())?;
        Ok(Balance::of(&arrived, &ledger, &state, self.baseline))
    }

    /// How many of the instance's notifications have this status, or the first page of them.
    pub(crate) async fn events(&self, status: &str) -> anyhow::Result<usize> {
        let path = format!("/instances/{}/events?status={status}", self.instance);
        let events = self.client.must(Method::GET, &path, None).await?;
        Ok(events.as_array().context("no list")?.len())
    }

    /// Asks every process to stop, waits until it has; gives what was not as it should be.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Vec<String>> {
        let mut complaints = Vec::new();
        for service in &self.services {
            // One that has ended by itself is complained of below.
            drop(service.program.terminate());
        }
        for Service { recipe, program } in &mut self.services {
            match program.ended(PATIENCE).await {
                Ok(status) if status.success() => {}
                Ok(status) => complaints.push(format!("{} ended with {status}", recipe.name)),
                Err(error) => complaints.push(format!("{error:#}")),
            }
            complaints.extend(odd_lines(recipe));
            if complaints.is_empty() {
                drop(std::fs::remove_file(recipe.log()));
            }
        }
        self.context.lifecycle.stop();
        self.context.lifecycle.drain(Duration::from_secs(20)).await;
        self.services.clear();
        if let Some(database) = self.database.take() {
            database.remove().await?;
        }
        Ok(complaints)
    }
}

/// What a process must never say: that it panicked, or that tasks were left when it stopped.
fn odd_lines(recipe: &Recipe) -> Option<String> {
    let odd = [
        "panicked",
        "task failed",
        "under way was dropped",
        "block their thread",
    ];
    let log = std::fs::read_to_string(recipe.log()).unwrap_or_default();
    let mut lines = log.lines();
    let line = lines.find(|line| odd.iter().any(|odd| line.contains(odd)))?;
    Some(format!("{} said: {line}", recipe.name))
}

/// Settings that let a recovery be seen within seconds, where the defaults spare a callback or Insightly that is down.
fn tuned() -> Vec<(String, String)> {
    let schedule = vec!["1s", "1s", "2s", "5s"];
    let schedule = [schedule, vec!["5s"; 30]].concat();
    environment(&[
        ("FETCHER__RETRY_MAX", "5s"),
        ("DISPATCHER__SCHEDULE", &json!(schedule).to_string()),
        ("DISPATCHER__BREAKER_LONGEST_PAUSE", "5s"),
    ])
}

/// A body of `POST /instances` whose ways lead through the proxies.
fn body(world: &World) -> anyhow::Result<Value> {
    let insightly = world
        .ways
        .url(None, Peer::Insightly, &world.simulator.base_url())?;
    let callback = world
        .ways
        .url(None, Peer::Callback, &world.receiver.url())?;
    let resources = ["contacts", "accounts", "leads", "opportunities"];
    Ok(rig::body((&insightly, &callback), &resources))
}
