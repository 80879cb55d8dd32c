//! A random service is killed every second during the stream, and nothing is lost.

use std::time::{Duration, Instant};

use ie_tests::rig::{Mode, PATIENCE, Rig};

use crate::stream::{changes, world};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_services_are_killed_at_random() -> anyhow::Result<()> {
    // Given a system of processes that watches four resources,
    let mut rig = Rig::start(Mode::Processes, world()).await?;
    let (instance, baseline) = rig
        .create_instance(&["contacts", "accounts", "leads", "opportunities"])
        .await?;

    // when a random one is killed every second for 20 s of the stream, and started again at once,
    rig.world().start_stream(changes())?;
    let begin = Instant::now();
    let mut kills = 0;
    while begin.elapsed() < Duration::from_secs(20) {
        let victim = rand::random_range(0..rig.programs.len());
        let (recipe, program) = &mut rig.programs[victim];
        program.kill()?;
        *program = recipe.start()?;
        kills += 1;
        // The API may be the one that was killed; the next poll asks again.
        drop(rig.poll_now(instance).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for (_, program) in &mut rig.programs {
        program.ready(PATIENCE).await?;
    }

    // then the last version of every record arrives, nothing that was not written, no version as two notifications.
    let arrived = rig
        .settle(instance, PATIENCE, |arrived| {
            anyhow::ensure!(rig.streams_are_done(), "the stream still runs");
            arrived.covers(&rig.ledger()?, &rig.state()?, baseline)
        })
        .await?;
    arrived.no_version_twice()?;
    assert!(kills >= 10, "only {kills} kills");
    rig.stop().await
}
