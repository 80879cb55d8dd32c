//! The system under test, on free ports.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use ie_platform::{Context, Process};
use ie_simulator::{Control, Entry, Settings, Simulator};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::eventually::eventually;
use crate::places;
use crate::process::{Program, Recipe};
use crate::receiver::{Receiver, SIGNATURE_KEY};
use crate::verdict::Arrived;

/// How long a start or a flow may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The objects whose ledgers are compared.
pub const OBJECTS: [&str; 4] = ["Contacts", "Organisations", "Leads", "Opportunities"];

/// How the system runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything in this process: the in-process queue and an SQLite file.
    Embedded,
    /// The same as a program of its own, with a data directory.
    Program,
    /// Real programs on RabbitMQ and PostgreSQL.
    Processes,
}

/// A system, with the world around it.
pub struct Rig {
    /// The Insightly it polls.
    pub simulator: Simulator,
    /// The callback of its instances.
    pub receiver: Receiver,
    /// Asks its API.
    pub client: Client,
    /// Its programs, when it runs as processes.
    pub programs: Vec<(Recipe, Program)>,
    /// What holds it together.
    keep: Keep,
    context: Context,
}

struct Keep {
    data: tempfile::TempDir,
    database: Option<ie_store::testing::Database>,
}

/// Where the system runs.
enum Place {
    Here,
    Program,
    Servers { amqp: String },
}

impl Rig {
    /// Starts a system and waits until it is ready.
    ///
    /// # Errors
    /// A part does not start; in [`Mode::Processes`] also when no servers are named by `TEST_AMQP_URL` and
    /// `TEST_DATABASE_URL`: `make test` starts them.
    pub async fn start(mode: Mode, world: Settings) -> anyhow::Result<Self> {
        Self::start_with(mode, world, &[]).await
    }

    /// The same with more settings: `("TELEMETRY__EXPORTER", "otlp")`.
    ///
    /// # Errors
    /// As [`Rig::start`].
    pub async fn start_with(
        mode: Mode,
        world: Settings,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let place = match mode {
            Mode::Embedded => Place::Here,
            Mode::Program => Place::Program,
            Mode::Processes => Place::Servers {
                amqp: server("TEST_AMQP_URL")?,
            },
        };
        Box::pin(Self::with(place, world, settings)).await
    }

    /// Starts a system of processes on the RabbitMQ at this address.
    ///
    /// # Errors
    /// As [`Rig::start`].
    pub async fn start_on(amqp: String, world: Settings) -> anyhow::Result<Self> {
        Box::pin(Self::with(Place::Servers { amqp }, world, &[])).await
    }

    async fn with(
        place: Place,
        world: Settings,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let context = Context::new(Process {
            name: "ie-tests",
            version: "0",
        });
        let simulator = Simulator::start(world, context.clock.clone())
            .await
            .context("while starting the simulator")?;
        let receiver = Receiver::start(&context.lifecycle).await?;
        let data = tempfile::tempdir()?;
        let variables = places::environment(settings);
        let (api, programs, database) = match place {
            Place::Here => {
                let insightly = simulator.base_url();
                let api = places::embedded(&context, &data, (variables, insightly)).await?;
                (api, Vec::new(), None)
            }
            Place::Program => {
                let (api, programs) = places::program(&data, variables).await?;
                (api, programs, None)
            }
            Place::Servers { amqp } => {
                let (api, programs, database) = places::processes(amqp, variables).await?;
                (api, programs, Some(database))
            }
        };
        let client = Client::new(api)?;
        Ok(Self {
            simulator,
            receiver,
            client,
            programs,
            keep: Keep { data, database },
            context,
        })
    }

    /// The folder of its database and of the program's other files; empty for processes.
    pub fn data(&self) -> &std::path::Path {
        self.keep.data.path()
    }

    /// Sets a variable of every program; it holds from the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        for (recipe, _) in &mut self.programs {
            recipe.environment.retain(|(known, _)| known != name);
            recipe.environment.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Ends every program in order and starts it again, one after the other.
    ///
    /// # Errors
    /// One does not end or does not get ready.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        for (recipe, program) in &mut self.programs {
            program.terminate()?;
            program.ended(PATIENCE).await?;
            *program = recipe.start()?;
            program.ready(PATIENCE).await?;
        }
        Ok(())
    }

    /// Changes records, misbehaves, and knows what was written.
    pub fn world(&self) -> Control {
        self.simulator.control()
    }

    /// Every write of the objects that the rig's tests use.
    ///
    /// # Errors
    /// The simulator does not know an object.
    pub fn ledger(&self) -> anyhow::Result<Vec<Entry>> {
        ledger(&self.world())
    }

    /// The last version of every record of these objects.
    ///
    /// # Errors
    /// The simulator does not know an object.
    pub fn state(&self) -> anyhow::Result<Vec<Entry>> {
        state(&self.world())
    }

    /// Whether every stream has made all its changes.
    pub fn streams_are_done(&self) -> bool {
        self.world().streams().iter().all(|stream| stream.done)
    }

    /// Creates an instance that watches these resources; gives its id and Insightly's time of its creation.
    ///
    /// # Errors
    /// The API refuses it.
    pub async fn create_instance(
        &self,
        resources: &[&str],
    ) -> anyhow::Result<(i64, DateTime<Utc>)> {
        let (created, cursor) = self.client.create_instance(self.body(resources)).await?;
        Ok((created["id"].as_i64().context("no id")?, cursor))
    }

    /// A body of `POST /instances` for this rig's Insightly and callback.
    pub fn body(&self, resources: &[&str]) -> Value {
        body(
            (&self.simulator.base_url(), &self.receiver.url()),
            resources,
        )
    }

    /// Makes the instance's pollers due now.
    ///
    /// # Errors
    /// The API refuses or cannot be reached.
    pub async fn poll_now(&self, instance: i64) -> anyhow::Result<()> {
        self.client
            .must(Method::POST, &format!("/instances/{instance}/poll"), None)
            .await
            .map(drop)
    }

    /// How the programs reach RabbitMQ, to look into their queues.
    ///
    /// # Errors
    /// The system is embedded, and its queues are its own.
    pub fn broker_config(&self) -> anyhow::Result<ie_broker::Config> {
        let (recipe, _) = self
            .programs
            .first()
            .context("an embedded system has no queues to look into")?;
        recipe.broker()
    }

    /// Polls until what has arrived satisfies `verdict`.
    ///
    /// # Errors
    /// It does not within the limit; the verdict's last complaint is the reason.
    pub async fn settle(
        &self,
        instance: i64,
        limit: Duration,
        verdict: impl Fn(&Arrived) -> anyhow::Result<()>,
    ) -> anyhow::Result<Arrived> {
        let mut complaint = None;
        let settled = eventually("the verdict", limit, async || {
            // The API itself may be one of the processes that are killed and started again.
            drop(self.poll_now(instance).await);
            tokio::time::sleep(Duration::from_millis(500)).await;
            let arrived = Arrived::read(&self.receiver.accepted())?;
            match verdict(&arrived) {
                Ok(()) => Ok(Some(arrived)),
                Err(error) => {
                    complaint = Some(error);
                    Ok(None)
                }
            }
        })
        .await;
        match (settled, complaint) {
            (Ok(arrived), _) => Ok(arrived),
            (Err(error), Some(complaint)) => Err(complaint.context(error.to_string())),
            (Err(error), None) => Err(error),
        }
    }

    /// Polls until exactly what the polls were served has arrived, each version and each delivery once.
    ///
    /// # Errors
    /// Something is missing after [`PATIENCE`], or something came twice.
    pub async fn settle_exactly(
        &self,
        instance: i64,
        baseline: DateTime<Utc>,
    ) -> anyhow::Result<Arrived> {
        let arrived = self
            .settle(instance, PATIENCE, |arrived| {
                let (ledger, state) = (self.ledger()?, self.state()?);
                arrived.covers(&ledger, &state, baseline)?;
                arrived.is_exactly_what_was_served(&ledger, baseline)
            })
            .await?;
        arrived.no_version_twice()?;
        arrived.no_delivery_twice()?;
        Ok(arrived)
    }

    /// Stops everything and removes what it has made.
    ///
    /// # Errors
    /// A task failed on the way.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for (recipe, program) in &mut self.programs {
            program
                .kill()
                .with_context(|| format!("while ending {}", recipe.name))?;
        }
        self.context.lifecycle.stop();
        self.context.lifecycle.drain(Duration::from_secs(20)).await;
        if let Some(database) = self.keep.database.take() {
            database.remove().await?;
        }
        anyhow::ensure!(!self.context.lifecycle.failed(), "a task failed");
        Ok(())
    }
}

/// Every write of the objects that tests use.
///
/// # Errors
/// The simulator does not know an object.
pub fn ledger(world: &Control) -> anyhow::Result<Vec<Entry>> {
    let ledgers = OBJECTS.iter().map(|object| Ok(world.ledger(object)?));
    Ok(ledgers.collect::<anyhow::Result<Vec<_>>>()?.concat())
}

/// The last version of every record of these objects.
///
/// # Errors
/// The simulator does not know an object.
pub fn state(world: &Control) -> anyhow::Result<Vec<Entry>> {
    let states = OBJECTS.iter().map(|object| Ok(world.state(object)?));
    Ok(states.collect::<anyhow::Result<Vec<_>>>()?.concat())
}

/// A body of `POST /instances` for this Insightly and this callback.
pub fn body((insightly, callback): (&str, &str), resources: &[&str]) -> Value {
    let resources: serde_json::Map<_, _> = resources
        .iter()
        .map(|resource| ((*resource).to_owned(), json!({})))
        .collect();
    json!({
        "element": {"key": "insightly"},
        "name": "rig",
        "tags": ["Tests"],
        "configuration": {
            "username": "rig@example.com",
            "password": "demo-key",
            "base.url": insightly,
            "event.notification.enabled": true,
            "event.vendor.type": "polling",
            "event.notification.callback.url": callback,
            "event.notification.signature.key": SIGNATURE_KEY,
            "event.poller.refresh_interval": "1",
            "event.poller.configuration": resources,
        }
    })
}

/// A server that `make test` has started.
///
/// # Errors
/// It is not named: that is a failure, so that no test passes by being skipped.
pub fn server(variable: &str) -> anyhow::Result<String> {
    ie_platform::config::env(variable).with_context(|| {
        format!("{variable} is not set: run `make test`, which starts the servers that tests need")
    })
}
