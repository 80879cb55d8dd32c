//! A RabbitMQ and a PostgreSQL that nobody else needs, so that they can be killed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, ensure};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    RabbitMq,
    PostgreSql,
}

impl Server {
    /// What `scripts/services.sh` calls it.
    fn name(self) -> &'static str {
        match self {
            Self::RabbitMq => "amqp",
            Self::PostgreSql => "postgres",
        }
    }
}

/// Both of them; dropping them stops them.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) amqp: String,
    pub(crate) postgres: String,
    folder: tempfile::TempDir,
}

impl Servers {
    /// Starts them.
    pub(crate) async fn start() -> anyhow::Result<Arc<Self>> {
        let mut servers = Self {
            amqp: String::new(),
            postgres: String::new(),
            folder: tempfile::tempdir()?,
        };
        let said = servers.script(&["start"]).await?;
        let url = |name: &str| {
            let mut lines = said.lines();
            let url = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            url.map(str::to_owned)
                .with_context(|| format!("no {name} in {said}"))
        };
        servers.amqp = url("TEST_AMQP_URL")?;
        servers.postgres = url("TEST_DATABASE_URL")?;
        Ok(Arc::new(servers))
    }

    /// Kills one, as a crash would.
    pub(crate) async fn kill(&self, server: Server) -> anyhow::Result<()> {
        self.script(&["kill", server.name()]).await.map(drop)
    }

    /// Starts it again, with its data.
    pub(crate) async fn resume(&self, server: Server) -> anyhow::Result<()> {
        self.script(&["resume", server.name()]).await.map(drop)
    }

    /// RabbitMQ's memory alarm.
    pub(crate) async fn alarm(&self, on: bool) -> anyhow::Result<()> {
        let state = if on { "on" } else { "off" };
        self.script(&["alarm", state]).await.map(drop)
    }

    async fn script(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let command = script(self.folder.path(), arguments);
        let output = tokio::process::Command::from(command)
            .output()
            .await
            .context("while running scripts/services.sh")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "services.sh {arguments:?}: {errors}"
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Nothing is left to do about a server that does not end.
        drop(script(self.folder.path(), &["stop"]).output());
    }
}

fn script(folder: &Path, arguments: &[&str]) -> Command {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/services.sh");
    let mut command = Command::new(script);
    command
        .args(arguments)
        .env("IE_SERVICES_DIR", folder)
        // What was committed must outlive the kill of the database, as it does in production.
        .env("IE_SERVICES_DURABLE", "1")
        .env_remove("IE_SERVICES")
        .env_remove("TEST_AMQP_URL")
        .env_remove("TEST_DATABASE_URL")
        .stdin(Stdio::null());
    command
}
