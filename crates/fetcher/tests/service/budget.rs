//! The account's budget over several fetchers, in real time against Insightly's real limits.

use std::time::Duration;

use chrono::{TimeDelta, Timelike as _};
use ie_model::{Reason, Waiting};
use ie_simulator::{Control, LimitsChange, Settings};
use rstest::rstest;
use tokio::time::{Instant, sleep};

use crate::rig::Backend::{Postgres, Sqlite};
use crate::rig::{Backend, Rig};

/// How long the backlog is watched. `make bench` watches a minute.
const WATCHED: Duration = Duration::from_secs(15);

const PATIENCE: Duration = Duration::from_secs(60);

fn used(control: &Control) -> u32 {
    control.statistics().by_account["default"].used_today
}

/// Waits for the first request.
async fn begun(control: &Control) {
    let begin = Instant::now();
    while used(control) == 0 {
        assert!(begin.elapsed() < PATIENCE, "nothing is asked");
        sleep(Duration::from_millis(5)).await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_fetchers_use_an_accounts_rate_to_the_full_and_never_exceed_it(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let world = Settings::empty().with_records("Contacts", 4_000);
    let rig = Rig::start(backend, world, &[("PAGE_SIZE", "10")]).await;
    let old = rig.context.clock.now() - TimeDelta::days(3650);
    // 24 walks of 400 pages each: a backlog of a quarter of an hour.
    for _ in 0..6 {
        rig.instance(&["Contacts"; 4], old).await;
    }
    for _ in 0..4 {
        rig.fetcher().await;
    }
    assert_eq!(rig.schedule().await, 24);
    let control = rig.insightly.control();
    begun(&control).await;

    let (begin, before) = (Instant::now(), used(&control));
    sleep(WATCHED).await;
    let (requests, elapsed) = (used(&control) - before, begin.elapsed().as_secs_f64());

    let per_second = f64::from(requests) / elapsed;
    let statistics = control.statistics();
    let most = statistics.by_account["default"].max_in_one_second;
    assert_eq!(statistics.count(" 429"), 0, "{statistics:?}");
    assert!(most <= 10, "{most} in one second");
    assert!(
        per_second >= 9.5,
        "{per_second} requests per second, at most {most} in one"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_walks_do_not_keep_short_polls_of_their_account_waiting() {
    let world = Settings::empty().with_records("Contacts", 4_000);
    let rig = Rig::start(Sqlite, world, &[("PAGE_SIZE", "10")]).await;
    let now = rig.context.clock.now();
    // More walks than the account may have under way here, each of 400 pages.
    let walks = rig
        .instance(&["Contacts"; 10], now - TimeDelta::days(3650))
        .await;
    rig.fetcher().await;
    assert_eq!(rig.schedule().await, 10);
    let control = rig.insightly.control();
    while used(&control) < 30 {
        sleep(Duration::from_millis(20)).await;
    }

    let short = rig.instance(&["Leads"], now).await;
    let begin = Instant::now();
    // It may find a seat taken by a walk that is about to give way, and comes back.
    let ended = async || rig.store.pollers(short).await.unwrap()[0].last_poll_at;
    while ended().await.is_none() {
        assert!(begin.elapsed() < Duration::from_secs(15), "it is starved");
        rig.schedule().await;
        sleep(Duration::from_millis(200)).await;
    }

    let walks = rig.store.pollers(walks).await.unwrap();
    // Six of eight seats are for walks. Those that gave way come back later, and have lost nothing.
    let gave_way: Vec<_> = walks
        .iter()
        .filter(|walk| walk.lease_until.is_none())
        .collect();
    assert!((2..=4).contains(&gave_way.len()), "{walks:?}");
    for walk in gave_way {
        assert_eq!((walk.waiting, walk.failures), (Some(Waiting::Rate), 0));
    }
}

#[tokio::test]
async fn a_short_day_is_shared_out_and_the_polls_say_so() {
    let rig_now = ie_platform::Context::new(ie_platform::Process {
        name: "clock",
        version: "0",
    })
    .clock
    .now();
    // The day turns in half a day, whenever the test runs.
    let turn = format!("{}h", (rig_now.hour() + 12) % 24);
    let world = Settings::empty();
    let rig = Rig::start(Sqlite, world, &[("DAY_TURNS_AT", &turn)]).await;
    // Of 60 requests 10 are in reserve; a poll each quarter of an hour would take 48 and more.
    let scarce = LimitsChange {
        per_day: Some(60),
        used_today: Some(29),
        ..LimitsChange::default()
    };
    rig.insightly.control().set_limits(&scarce).unwrap();
    let id = rig.instance(&["Contacts"], rig.context.clock.now()).await;
    rig.fetcher().await;

    let poller = rig.poll(id).await;

    assert_eq!(
        (poller.failures, poller.waiting),
        (0, Some(Waiting::Budget))
    );
    let (pause, plan) = (
        poller.due_at - poller.last_poll_at.unwrap(),
        poller.planned_at - poller.last_poll_at.unwrap(),
    );
    let stretched = pause.as_seconds_f64() / plan.as_seconds_f64();
    // 20 are left for 44 to 48 polls.
    assert!((2.1..2.5).contains(&stretched), "{stretched}");
    let late = poller.late(rig.context.clock.now()).unwrap();
    assert_eq!(late.reason, Reason::Waiting(Waiting::Budget));
    let budget = rig
        .store
        .budget(&crate::rig::account())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((budget.limit, budget.left()), (Some(60), Some(30)));
    assert!((budget.stretch - stretched).abs() < 0.01, "{budget:?}");
}
