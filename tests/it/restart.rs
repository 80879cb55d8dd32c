//! RabbitMQ dies and comes back while changes are notified.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::http::StatusCode;
use ie_simulator::Stream;
use ie_tests::eventually::eventually;
use ie_tests::rig::{PATIENCE, Rig};

use crate::stream::world;

/// A RabbitMQ that no other test needs.
struct OwnRabbit {
    folder: tempfile::TempDir,
}

impl OwnRabbit {
    /// Starts it; gives its address as well.
    fn start() -> anyhow::Result<(Self, String)> {
        let rabbit = Self {
            folder: tempfile::tempdir()?,
        };
        let said = services(rabbit.folder.path(), "start")?;
        let url = said
            .lines()
            .find_map(|line| line.strip_prefix("TEST_AMQP_URL="));
        let url = url.context("no TEST_AMQP_URL")?.to_owned();
        Ok((rabbit, url))
    }

    /// Kills it and starts it again.
    async fn restart(&self) -> anyhow::Result<()> {
        let folder = self.folder.path().to_owned();
        tokio::task::spawn_blocking(move || services(&folder, "restart")).await??;
        Ok(())
    }
}

impl Drop for OwnRabbit {
    fn drop(&mut self) {
        // Nothing is left to do about a server that does not end.
        drop(services(self.folder.path(), "stop"));
    }
}

/// What the script that starts servers for tests says.
fn services(folder: &Path, command: &str) -> anyhow::Result<String> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/services.sh");
    let output = Command::new(&script)
        .arg(command)
        .env("IE_SERVICES_DIR", folder)
        .env("IE_SERVICES", "amqp")
        .env_remove("TEST_AMQP_URL")
        .env_remove("TEST_DATABASE_URL")
        .output()
        .with_context(|| format!("while running {}", script.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "services.sh {command}: {errors}");
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_restarted_in_the_middle_loses_and_repeats_nothing() -> anyhow::Result<()>
{
    // Given a system that notifies changes, and a callback that refuses now and then, so that some wait for a retry,
    let (rabbit, url) = OwnRabbit::start()?;
    let rig = Rig::start_on(url, world()).await?;
    let (instance, baseline) = rig.create_instance(&["contacts", "leads"]).await?;
    let changes = Stream::at_rate(100.0).up_to(1_500);
    let changes = changes.of(&[("Contacts", 1.0), ("Leads", 1.0)]);
    rig.world().start_stream(changes.mixed(0.2, 0.8, 0.0))?;
    eventually("deliveries under way", PATIENCE, async || {
        drop(rig.poll_now(instance).await);
        Ok((rig.receiver.accepted().len() > 10).then_some(()))
    })
    .await?;
    rig.receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    eventually("refusals", PATIENCE, async || {
        drop(rig.poll_now(instance).await);
        let refused = rig.receiver.received().len() - rig.receiver.accepted().len();
        Ok((refused > 0).then_some(()))
    })
    .await?;

    // when RabbitMQ is killed in the middle and comes back,
    ensure!(!rig.streams_are_done(), "the stream is over already");
    rabbit.restart().await?;
    rig.receiver.answer_with(StatusCode::OK);
    while !rig.streams_are_done() {
        drop(rig.poll_now(instance).await);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    // then everything arrives, and nothing under two ids or twice.
    rig.settle_exactly(instance, baseline).await?;
    rig.stop().await
}
