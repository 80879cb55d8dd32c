//! Walks use no more than their share of an account's requests, and the polls keep the rest.

use std::time::Duration;

use ie_model::Initial;
use ie_platform::Clock as _;
use ie_simulator::Settings as World;
use ie_store::WalkKind;

use crate::rig::{Rig, Wish};

#[tokio::test]
async fn a_slice_sends_no_faster_than_its_share_of_the_rate() {
    let rig = Rig::start(Wish {
        records: 500,
        initial: Initial::Snapshot,
        rate: 50.0,
        slice_time: Duration::from_millis(200),
        ..Wish::default()
    })
    .await;

    rig.poll().await;

    // Half of 50 per second, in a fifth of a second, and one at its beginning.
    let beside = rig.hand.take().iter().filter(|r| r.is_beside()).count();
    assert_eq!(beside, 6);
    let walk = rig.walk(WalkKind::Snapshot).await;
    let next = rig.poller().await.due_at;
    assert_eq!(walk.due_at, Some(next), "it goes on when its share does");
    assert!(next - rig.clock.now() < chrono::TimeDelta::seconds(1));
}

#[tokio::test]
async fn a_snapshot_leaves_half_of_the_days_requests_to_the_polls() {
    let world = World {
        daily_limit: 100,
        requests_per_second: u32::MAX,
        ..World::empty()
    };
    let rig = Rig::start(Wish {
        records: 900,
        initial: Initial::Snapshot,
        world,
        ..Wish::default()
    })
    .await;
    let day = rig.clock.now().date_naive();
    let (mut polls, mut beside) = (0, 0);

    while rig.clock.now().date_naive() == day {
        rig.poll().await;
        assert_eq!(rig.poller().await.last_error, None);
        let requests = rig.hand.take();
        let of_the_walk = requests.iter().filter(|r| r.is_beside()).count();
        if rig.clock.now().date_naive() == day {
            polls += requests.len() - of_the_walk;
            beside += of_the_walk;
        }
    }

    assert_eq!(beside, 50);
    assert!(polls > 10, "{polls}");
    rig.settle().await;
    assert_eq!(rig.histories().await.len(), 900);
    assert_eq!(rig.events().await.len(), 900);
}
