//! Real programs of this build, with the settings that every measurement needs.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ie_platform::http::{self, ClientSettings};
use ie_tests::client::{ORGANIZATION_SECRET, USER_SECRET};
use ie_tests::process::{Program, Recipe, free_port};

use ie_tests::memory;

/// How long a start or a flow may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Variables of an environment.
pub(crate) type Environment = Vec<(String, String)>;

/// What every program is told: its defaults, but for secrets and for addresses on this machine.
pub(crate) fn environment() -> Environment {
    let master_key = STANDARD.encode(rand::random::<[u8; 32]>());
    settings(&[
        ("SECRETS__MASTER_KEY", &master_key),
        ("OUTGOING__ALLOW_HTTP", "true"),
        ("DISPATCHER__ALLOW_NETWORKS", "[\"127.0.0.0/8\"]"),
        ("API__BOOTSTRAP_USER_SECRET", USER_SECRET),
        ("API__BOOTSTRAP_ORGANIZATION_SECRET", ORGANIZATION_SECRET),
        ("API__INSIGHTLY_URLS", "[\"http://127.0.0.1:*\"]"),
        ("API__FIRST_POLL_SPREAD", "0s"),
    ])
}

/// Settings as variables: `("SCHEDULER__TICK", "1s")`.
pub(crate) fn settings(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (format!("IE__{name}"), (*value).to_owned()))
        .collect()
}

/// A program that runs; dropping it kills it and removes its log.
pub(crate) struct Running {
    program: Program,
    recipe: Recipe,
}

impl Running {
    /// Starts a program; it may not be ready yet.
    pub(crate) fn begin(name: &str, environment: Environment) -> anyhow::Result<Self> {
        let recipe = Recipe {
            name: name.to_owned(),
            environment,
            health: free_port()?,
        };
        let program = recipe.start()?;
        Ok(Self { program, recipe })
    }

    /// Starts a program and waits until it is ready.
    pub(crate) async fn start(name: &str, environment: Environment) -> anyhow::Result<Self> {
        let mut running = Self::begin(name, environment)?;
        let ready = running.program.ready(PATIENCE).await;
        ready.with_context(|| running.end_of_log())?;
        Ok(running)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Its resident memory, in MiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        memory::resident(self.id())
    }

    /// The address of its health port.
    pub(crate) fn health(&self, path: &str) -> String {
        format!("http://{}{path}", self.recipe.health)
    }

    /// The sum of a counter over the label sets that contain this text.
    pub(crate) async fn counter(&self, name: &str, labels: &str) -> anyhow::Result<f64> {
        let client = http::client(&ClientSettings::default())?;
        let request = client.get(self.health("/metrics")).build()?;
        let text = client.execute(request).await?.text().await?;
        let lines = text
            .lines()
            .filter(|line| line.starts_with(name) && line.contains(labels));
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read_to_string(self.recipe.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(3).collect();
        format!("{}: {}", self.recipe.name, lines.join(" / "))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(std::fs::remove_file(self.recipe.log()));
    }
}
