//! The request budget under many who ask: the rate is exact, and nobody starves.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use ie_model::AccountKey;
use ie_store::{Permit, Rate, Store};
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
        match store.take_permit(&key(), rate, now).await.unwrap() {
            Permit::Granted => granted.push(now),
            Permit::Wait(wait) => now += TimeDelta::from_std(wait).unwrap(),
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
        per_second,
        burst,
        per_day: None,
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
    let demands = (1_u32..40, 1_u32..8, pauses);
    let day = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    });

    let checked = runner.run(&demands, |(tenths, burst, pauses)| {
        // Each case on a day of its own, so that it begins with a full budget.
        day.set(day.get() + 1);
        let rate = Rate {
            per_second: f64::from(tenths) / 2.0,
            burst,
            per_day: None,
        };
        let granted = runtime.block_on(async {
            let (mut now, mut granted) = (at(day.get() * 86_400), Vec::new());
            for pause in pauses {
                now += TimeDelta::milliseconds(pause);
                let permit = db.store.take_permit(&key(), rate, now).await.unwrap();
                if permit == Permit::Granted {
                    granted.push(now);
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
async fn those_who_wait_take_turns(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = Rate {
        per_second: 10.0,
        burst: 2,
        per_day: None,
    };
    // Each asks, waits as told and asks again at once when granted, in simulated time.
    let mut askers: BinaryHeap<_> = (0..12).map(|asker| Reverse((at(0), asker))).collect();
    let mut granted = [0_u32; 12];

    loop {
        let Reverse((now, asker)) = askers.pop().unwrap();
        if now >= at(30) {
            break;
        }
        let next = match db.store.take_permit(&key(), rate, now).await.unwrap() {
            Permit::Granted => {
                granted[asker] += 1;
                now
            }
            Permit::Wait(wait) => {
                assert!(wait <= Duration::from_secs(3), "{wait:?}");
                now + TimeDelta::from_std(wait).unwrap()
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
        per_second: 10.0,
        burst: 1,
        per_day: None,
    };
    let mut waits = Vec::new();
    for _ in 0..200 {
        let permit = db.store.take_permit(&key(), rate, at(0)).await.unwrap();
        if let Permit::Wait(wait) = permit {
            waits.push(wait);
        }
    }

    assert_eq!(waits.len(), 199);
    for (place, wait) in waits.iter().take(100).enumerate() {
        let turn = u32::try_from(place + 1).unwrap();
        assert_eq!(*wait, Duration::from_millis(100) * turn);
    }
    // Those far behind are not sent away for good: the ones before them may never come back.
    let longest = waits.iter().max().unwrap();
    assert!(*longest <= Duration::from_millis(10_100), "{longest:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_who_ask_at_once_do_not_exceed_the_rate(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let other = db.another().await;
    let rate = Rate {
        per_second: 10.0,
        burst: 7,
        per_day: None,
    };

    for (second, expected) in [(0, 7), (0, 0), (60, 7)] {
        let account = key();
        let asks = (0..100).map(|n| {
            let store = if n % 2 == 0 { &db.store } else { &other };
            store.take_permit(&account, rate, at(second))
        });
        let permits = join_all(asks).await;
        let granted = permits.iter().filter(|permit| {
            let permit = permit.as_ref().unwrap();
            *permit == Permit::Granted
        });
        assert_eq!(granted.count(), expected);
    }
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!(budget.used, 14);
}
