//! The request budget under many who ask: the rate is exact, and nobody starves.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use ie_model::AccountKey;
use ie_store::{Ask, Permit, Rate, Store};
use proptest::prelude::{ProptestConfig, prop};
use proptest::test_runner::TestRunner;
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::at;

fn key() -> AccountKey {
    AccountKey("account".to_owned())
}

/// The times of the permits that one gets who asks, waits as told, and asks again.
async fn constant_demand(store: &Store, rate: Rate, seconds: i64) -> Vec<DateTime<Utc>> {
    let (mut now, mut granted) = (at(0), Vec::new());
    while now < at(seconds) {
        let ask = Ask::at_once(now);
        match store.take_permit(&key(), rate, ask).await.unwrap() {
            Permit::Granted { at } => granted.push(at),
            Permit::Later { at } => now = at,
            Permit::DaySpent { .. } => panic!("the day has no limit"),
        }
    }
    granted
}

/// In no window of time are there more permits than the burst and what the rate adds.
fn assert_never_too_many(granted: &[DateTime<Utc>], rate: Rate) {
    for (first, begin) in granted.iter().enumerate() {
        for (last, end) in granted.iter().enumerate().skip(first) {
            let nanoseconds = (*end - *begin).num_nanoseconds().unwrap();
            let seconds = Duration::from_nanos(nanoseconds.unsigned_abs()).as_secs_f64();
            let allowed = f64::from(rate.burst) + rate.per_second * seconds + 1e-6;
            let count = u32::try_from(last - first + 1).unwrap();
            assert!(
                f64::from(count) <= allowed,
                "{count} in {seconds} s of {rate:?}"
            );
        }
    }
}

#[rstest]
#[case(10.0, 10, 30)]
#[case(5.0, 1, 30)]
#[case(3.0, 4, 40)]
#[case(0.7, 2, 60)]
#[tokio::test]
async fn constant_demand_gets_the_rate_and_not_more(
    #[values(Sqlite, Postgres)] backend: Backend,
    #[case] per_second: f64,
    #[case] burst: u32,
    #[case] seconds: i64,
) {
    let db = backend.start().await;
    let rate = Rate {
        burst,
        ..Rate::per_second(per_second)
    };

    let granted = constant_demand(&db.store, rate, seconds).await;

    assert_never_too_many(&granted, rate);
    let count = f64::from(u32::try_from(granted.len()).unwrap());
    let elapsed = f64::from(i32::try_from(seconds).unwrap());
    assert!(
        count >= (per_second * elapsed).floor(),
        "{count} of {rate:?}"
    );
}

#[rstest]
fn whoever_asks_and_whenever_the_rate_is_kept(#[values(Sqlite, Postgres)] backend: Backend) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let db = runtime.block_on(backend.start());
    let pauses = prop::collection::vec(0_i64..400, 1..60);
    let demands = (1_u32..40, 1_u32..8, pauses, 0_u64..2000);
    let day = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    });

    let checked = runner.run(&demands, |(tenths, burst, pauses, patience)| {
        // Each case on a day of its own, so that it begins with a full budget.
        day.set(day.get() + 1);
        let rate = Rate {
            burst,
            ..Rate::per_second(f64::from(tenths) / 2.0)
        };
        let granted = runtime.block_on(async {
            let (mut now, mut granted) = (at(day.get() * 86_400), Vec::new());
            for pause in pauses {
                now += TimeDelta::milliseconds(pause);
                let ask = Ask {
                    patience: Duration::from_millis(patience),
                    ..Ask::at_once(now)
                };
                let permit = db.store.take_permit(&key(), rate, ask).await.unwrap();
                if let Permit::Granted { at } = permit {
                    assert!(at >= now && at <= now + TimeDelta::milliseconds(patience as i64));
                    granted.push(at);
                }
            }
            granted
        });
        assert!(!granted.is_empty());
        assert_never_too_many(&granted, rate);
        Ok(())
    });

    checked.unwrap();
}

#[rstest]
#[tokio::test]
async fn those_who_wait_take_turns(
    #[values(Sqlite, Postgres)] backend: Backend,
    #[values(0, 5)] patience: u64,
) {
    let db = backend.start().await;
    let rate = Rate {
        burst: 2,
        ..Rate::per_second(10.0)
    };
    // Each asks, waits as told and asks again at once when granted, in simulated time.
    let mut askers: BinaryHeap<_> = (0..12).map(|asker| Reverse((at(0), asker))).collect();
    let mut granted = [0_u32; 12];

    loop {
        let Reverse((now, asker)) = askers.pop().unwrap();
        if now >= at(30) {
            break;
        }
        let ask = Ask {
            patience: Duration::from_secs(patience),
            ..Ask::at_once(now)
        };
        let next = match db.store.take_permit(&key(), rate, ask).await.unwrap() {
            Permit::Granted { at } => {
                granted[asker] += 1;
                at
            }
            Permit::Later { at } => {
                assert!(at - now <= TimeDelta::seconds(3), "{at}");
                at
            }
            Permit::DaySpent { .. } => panic!("the day has no limit"),
        };
        askers.push(Reverse((next, asker)));
    }

    assert!(granted.iter().sum::<u32>() >= 300, "{granted:?}");
    let (least, most) = (granted.iter().min(), granted.iter().max());
    assert!(most.unwrap() - least.unwrap() <= 3, "{granted:?}");
}

#[rstest]
#[tokio::test]
async fn waiting_times_are_spread_so_that_nobody_comes_back_in_a_crowd(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let rate = Rate {
        burst: 1,
        ..Rate::per_second(10.0)
    };
    let mut waits = Vec::new();
    for _ in 0..6_100 {
        let ask = Ask::at_once(at(0));
        let permit = db.store.take_permit(&key(), rate, ask).await.unwrap();
        if let Permit::Later { at: turn } = permit {
            waits.push((turn - at(0)).to_std().unwrap());
        }
    }

    assert_eq!(waits.len(), 6_099);
    for (place, wait) in waits.iter().take(6_000).enumerate() {
        let turn = u32::try_from(place + 1).unwrap();
        assert_eq!(*wait, Duration::from_millis(100) * turn);
    }
    // Those far behind are not sent away for good: the ones before them may never come back.
    let longest = waits.iter().max().unwrap();
    assert!(*longest <= Duration::from_millis(600_100), "{longest:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_who_ask_at_once_do_not_exceed_the_rate(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let other = db.another().await;
    let rate = Rate {
        burst: 7,
        ..Rate::per_second(10.0)
    };

    for (second, expected) in [(0, 7), (0, 0), (60, 7)] {
        let account = key();
        let asks = (0..100).map(|n| {
            let store = if n % 2 == 0 { &db.store } else { &other };
            store.take_permit(&account, rate, Ask::at_once(at(second)))
        });
        let permits = join_all(asks).await;
        let granted = permits.iter().filter(|permit| {
            let permit = permit.as_ref().unwrap();
            matches!(permit, Permit::Granted { .. })
        });
        assert_eq!(granted.count(), expected);
    }
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!(budget.used, 14);
}
