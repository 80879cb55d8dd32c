//! The embedded store: copied while changes are notified, lost, and put back.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use ie_simulator::Stream;
use ie_tests::eventually::eventually;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use ie_tests::verdict::Arrived;
use serde_json::Value;

use crate::command_line::{Served, write_body};
use crate::stream::world;

/// Creates an instance on the server; gives Insightly's time of its creation.
fn create_instance(rig: &Rig, served: &Served) -> anyhow::Result<DateTime<Utc>> {
    let body = write_body(rig, served.data.path())?;
    served.says(&["instance", "create", "-f", &body])?;
    let shown = served.says(&["instance", "show", "1", "--json"])?;
    let shown: Value = serde_json::from_str(&shown)?;
    let cursor = shown
        .pointer("/eventPollerRecords/0/cursor")
        .and_then(Value::as_str);
    cursor
        .with_context(|| format!("no cursor in {shown}"))?
        .parse()
        .context("an odd cursor")
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is no text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_is_put_back_and_nothing_is_lost() -> anyhow::Result<()> {
    // Given a server that notifies changes,
    let rig = Rig::start(Mode::Embedded, world()).await?;
    let mut served = Served::start().await?;
    let baseline = create_instance(&rig, &served)?;
    let changes = Stream::at_rate(100.0).up_to(1_000).mixed(0.5, 0.5, 0.0);
    rig.world().start_stream(changes)?;
    let accepted = async |count: usize| {
        eventually("notifications", PATIENCE, async || {
            served.says(&["instance", "poll", "1"])?;
            Ok((rig.receiver.accepted().len() >= count).then_some(()))
        })
        .await
    };
    accepted(5).await?;

    // when it is backed up meanwhile, goes on, and its database is lost,
    let folder = tempfile::tempdir()?;
    let backup = folder.path().join("backup.db");
    let backup = text(&backup)?;
    served.says(&["backup", backup])?;
    let before = rig.receiver.accepted().len();
    accepted(before + 5).await?;
    let in_use = served.run(&["restore", backup, "--force"])?;
    let said = String::from_utf8_lossy(&in_use.stderr);
    assert!(said.contains("stop the server first"), "{said}");
    served.kill()?;
    std::fs::write(served.data.path().join("insightly-events.db"), "broken")?;
    let there = served.run(&["restore", backup])?;
    let said = String::from_utf8_lossy(&there.stderr);
    assert!(said.contains("--force replaces it"), "{said}");

    // then it goes on from the backup: everything arrives, and nothing new under an id that was used before.
    served.says(&["restore", backup, "--force"])?;
    served.restart().await?;
    let settled = eventually("every change", PATIENCE, async || {
        served.says(&["instance", "poll", "1"])?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        // It fails when an id came with two bodies.
        let arrived = Arrived::read(&rig.receiver.accepted())?;
        let covered = arrived.covers(&rig.ledger()?, &rig.state()?, baseline);
        Ok((rig.streams_are_done() && covered.is_ok()).then_some(arrived))
    });
    let arrived = settled.await?;
    // What was notified between the backup and the loss came again, under another id.
    assert!(arrived.no_version_twice().is_err());
    rig.stop().await
}
