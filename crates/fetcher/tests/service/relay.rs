//! What the relay says while it cannot publish.

use std::time::Duration;

use chrono::TimeDelta;
use ie_simulator::Settings;
use rstest::rstest;
use tokio::time::{Instant, sleep};

use crate::rig::Backend::{Postgres, Sqlite};
use crate::rig::{Backend, Rig};

const PATIENCE: Duration = Duration::from_secs(60);

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_in_the_queue_is_counted_while_the_queue_takes_nothing(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    // Given a queue with room for one notification, and records for three,
    let numbers = ie_platform::metrics::install();
    let fields = [
        ("BROKER.MEMORY_CAPACITY", "1"),
        ("PUBLISH_GRACE", "1ms"),
        ("RELAY_INTERVAL", "20ms"),
    ];
    let world = Settings::empty().with_records("Contacts", 30);
    let rig = Rig::start(backend, world, &fields).await;
    let old = rig.context.clock.now() - TimeDelta::days(3650);
    let id = rig.instance(&["Contacts"], old).await;
    rig.fetcher().await;

    // when they are polled and the relay is refused again and again,
    rig.poll(id).await;

    // then the two that wait in the store are seen.
    let limit = Instant::now() + PATIENCE;
    while !numbers
        .render()
        .lines()
        .any(|line| line == "ie_relay_backlog 2")
    {
        assert!(Instant::now() < limit, "{}", numbers.render());
        sleep(Duration::from_millis(10)).await;
    }
}
