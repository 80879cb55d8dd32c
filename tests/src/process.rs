//! Real programs: started, asked whether they are ready, signalled, ended.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::eventually::eventually;

/// A program that runs; dropping it kills it.
pub struct Program {
    name: String,
    child: Child,
    health: SocketAddr,
}

/// A program that can be started, again and again, with the same settings.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Which program.
    pub name: String,
    /// Its environment; nothing else of ours reaches it.
    pub environment: Vec<(String, String)>,
    /// Where its health port listens.
    pub health: SocketAddr,
}

impl Recipe {
    /// Starts it.
    ///
    /// # Errors
    /// The program is not built, or cannot be started.
    pub fn start(&self) -> anyhow::Result<Program> {
        let path = program(&self.name)?;
        let log = std::env::temp_dir().join(format!("{}-{}.log", self.name, self.health.port()));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)?;
        let child = Command::new(path)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .env("IE__HEALTH__ADDRESS", self.health.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("while starting {}", self.name))?;
        Ok(Program {
            name: self.name.clone(),
            child,
            health: self.health,
        })
    }
}

impl Program {
    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// It ends, or is not ready within the limit.
    pub async fn ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let http = ie_platform::http::client(&ie_platform::http::ClientSettings::default())?;
        let url = format!("http://{}/health/ready", self.health);
        let what = format!("{} to be ready", self.name);
        eventually(&what, limit, async || {
            let ended = self.child.try_wait()?;
            ensure!(ended.is_none(), "{} ended: {ended:?}", self.name);
            let answer = ie_platform::http::send(http.get(&url), &http, "test").await;
            Ok(answer
                .is_ok_and(|answer| answer.status().is_success())
                .then_some(()))
        })
        .await
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it at once, as a crash would.
    ///
    /// # Errors
    /// It cannot be signalled.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It does not within the limit.
    pub async fn ended(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        eventually(&what, limit, async || Ok(self.child.try_wait()?)).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already, which is just as well.
        drop(self.kill());
    }
}

/// A program of this workspace, built with the test or program that asks.
///
/// # Errors
/// It is not built yet.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let ours = std::env::current_exe()?;
    let folder = ours.parent().context("a program stands in a folder")?;
    // Tests run from target/*/deps, programs from the folder above.
    let folder = if folder.ends_with("deps") {
        folder.parent().context("tests run from target/*/deps")?
    } else {
        folder
    };
    let path = folder.join(name);
    ensure!(
        path.exists(),
        "{} is not built: run `cargo build --workspace --bins` or `make test`",
        path.display()
    );
    Ok(path)
}

/// A port of this machine where nobody listens now.
///
/// # Errors
/// None is free.
pub fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(free_ports::<1>()?[0])
}

/// Different ports of this machine where nobody listens now: held together, as a port that was let go comes again.
///
/// # Errors
/// So many are not free.
pub fn free_ports<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let held = (0..N)
        .map(|_| std::net::TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<Vec<_>, _>>()?;
    let addresses = held
        .iter()
        .map(std::net::TcpListener::local_addr)
        .collect::<Result<Vec<_>, _>>()?;
    addresses
        .try_into()
        .map_err(|_| anyhow::anyhow!("expected {N} ports"))
}
