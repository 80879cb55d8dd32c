//! The smallest process: one section, one component, one task. The process tests of this crate run it.

use std::future::pending;
use std::process::ExitCode;
use std::time::Duration;

use ie_platform::config::{Config, Problems, Section};
use ie_platform::secret::{self, SecretString};
use ie_platform::{Context, Process, run};
use serde::{Deserialize, Serialize};

/// What the probe does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    /// How its task behaves.
    task: Task,
    /// How long its task works after the soft stop.
    #[serde(with = "humantime_serde")]
    work: Duration,
    /// Something that must not be seen.
    #[serde(with = "secret::redacted_option", default)]
    password: Option<SecretString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Task {
    /// Ends when it is told to.
    Steady,
    /// Never ends by itself.
    Endless,
    /// Fails.
    Failing,
    /// Panics.
    Panicking,
    /// Is never started, because the service fails before.
    NotStarting,
    /// Is never started, because the service panics before.
    NotReaching,
    /// Is never started, because the service waits for somebody who never comes.
    Waiting,
    /// Ends well and stops the process.
    Finishing,
}

impl Section for Probe {
    const NAME: &'static str = "probe";
    const DEFAULTS: &'static str = "[probe]\ntask = \"steady\"\nwork = \"0s\"\n";

    fn validate(&self, problems: &mut Problems) {
        if self.work > Duration::from_secs(60) {
            problems.add("probe.work", "must be at most 60s");
        }
    }
}

/// The configuration of the process.
#[derive(Debug, Serialize, Deserialize)]
struct Root {
    probe: Probe,
}

impl Config for Root {
    fn defaults() -> Vec<&'static str> {
        vec![Probe::DEFAULTS]
    }

    fn validate(&self, problems: &mut Problems) {
        self.probe.validate(problems);
    }
}

async fn service(context: Context, config: Root) -> anyhow::Result<()> {
    let store = context.health.component("store");
    match config.probe.task {
        Task::NotStarting => anyhow::bail!("the store is of a later version"),
        Task::NotReaching => panic!("an invariant of the store"),
        Task::Waiting => {
            store.set_unready("connection refused");
            pending::<()>().await;
        }
        _ => store.set_ready(),
    }
    let task = work(context.clone(), config.probe);
    context.lifecycle.spawn("worker", task);
    Ok(())
}

#[tracing::instrument(name = "work", skip_all)]
async fn work(context: Context, probe: Probe) -> anyhow::Result<()> {
    match probe.task {
        Task::Failing => anyhow::bail!("the cursor is gone"),
        Task::Panicking => panic!("a bug"),
        Task::Finishing => context.lifecycle.stop(),
        Task::Endless => pending().await,
        _ => context.lifecycle.stopping().cancelled().await,
    }
    tokio::time::sleep(probe.work).await;
    tracing::info!("work is done");
    Ok(())
}

fn main() -> ExitCode {
    let process = Process {
        name: "ie-probe",
        version: env!("CARGO_PKG_VERSION"),
    };
    run::<Root, _, _>(process, service)
}
