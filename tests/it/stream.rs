//! A stream of changes while the system runs: exactly what a poll was served arrives, once.

use std::time::Duration;

use ie_simulator::{Settings, Stream};
use ie_tests::rig::{Mode, Rig};
use rstest::rstest;

const RESOURCES: [&str; 4] = ["contacts", "accounts", "leads", "opportunities"];
const OBJECTS: [(&str, f64); 4] = [
    ("Contacts", 1.0),
    ("Organisations", 1.0),
    ("Leads", 1.0),
    ("Opportunities", 1.0),
];

/// A world of 4 resources with 2,000 records.
pub(crate) fn world() -> Settings {
    let world = Settings::empty().without_limits();
    OBJECTS
        .iter()
        .fold(world, |world, (object, _)| world.with_records(object, 500))
}

/// 5,000 creates and updates.
pub(crate) fn changes() -> Stream {
    Stream::at_rate(250.0)
        .up_to(5_000)
        .of(&OBJECTS)
        .mixed(0.2, 0.8, 0.0)
}

#[rstest]
#[case::embedded(Mode::Embedded)]
#[case::processes(Mode::Processes)]
#[tokio::test(flavor = "multi_thread")]
async fn every_version_that_a_poll_was_served_arrives_once(
    #[case] mode: Mode,
) -> anyhow::Result<()> {
    // Given a system that watches four resources,
    let rig = Rig::start(mode, world()).await?;
    let (instance, baseline) = rig.create_instance(&RESOURCES).await?;

    // when 5,000 changes are made while it polls,
    rig.world().start_stream(changes())?;
    while !rig.streams_are_done() {
        rig.poll_now(instance).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    // then what arrives is exactly what a poll was served, each version and each notification once.
    let arrived = rig.settle_exactly(instance, baseline).await?;
    assert!(
        arrived.versions.len() > 2_000,
        "only {} versions were seen",
        arrived.versions.len()
    );
    rig.stop().await
}
