//! The request budget of one account: rate, day, holds.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::AccountKey;
use ie_store::{Permit, Rate, Store};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::at;

fn key() -> AccountKey {
    AccountKey("account".to_owned())
}

fn rate(per_second: f64, burst: u32) -> Rate {
    Rate {
        per_second,
        burst,
        per_day: None,
    }
}

async fn ask(store: &Store, rate: Rate, now: DateTime<Utc>) -> Permit {
    store.take_permit(&key(), rate, now).await.unwrap()
}

/// How many permits are granted in a row at one instant.
async fn granted_at_once(store: &Store, rate: Rate, now: DateTime<Utc>) -> u32 {
    for granted in 0..1000 {
        if ask(store, rate, now).await != Permit::Granted {
            return granted;
        }
    }
    panic!("no end of permits at one instant");
}

#[rstest]
#[tokio::test]
async fn a_burst_is_granted_at_once_and_then_one_by_one(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let rate = rate(10.0, 5);

    assert_eq!(granted_at_once(&db.store, rate, at(0)).await, 5);

    let tenth = TimeDelta::milliseconds(100);
    assert_eq!(granted_at_once(&db.store, rate, at(0) + tenth).await, 1);
    assert_eq!(granted_at_once(&db.store, rate, at(0) + tenth * 3).await, 2);
    assert_eq!(granted_at_once(&db.store, rate, at(60)).await, 5);
}

#[rstest]
#[tokio::test]
async fn who_waits_as_told_is_granted(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = rate(3.0, 1);
    assert_eq!(ask(&db.store, rate, at(0)).await, Permit::Granted);

    let Permit::Wait(wait) = ask(&db.store, rate, at(0)).await else {
        panic!("the second request of an instant is not to be sent");
    };

    assert_eq!(wait, Duration::from_nanos(333_333_334));
    assert_eq!(ask(&db.store, rate, at(0) + wait).await, Permit::Granted);
}

#[rstest]
#[tokio::test]
async fn accounts_do_not_share_a_budget(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = rate(1.0, 1);
    assert_eq!(ask(&db.store, rate, at(0)).await, Permit::Granted);
    let other = AccountKey("other".to_owned());

    let permit = db.store.take_permit(&other, rate, at(0)).await.unwrap();

    assert_eq!(permit, Permit::Granted);
}

#[rstest]
#[tokio::test]
async fn the_limit_of_a_day_holds_until_midnight_utc(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = Rate {
        per_day: Some(3),
        ..rate(100.0, 100)
    };
    let evening: DateTime<Utc> = "2026-11-24T23:59:59.999Z".parse().unwrap();
    let midnight: DateTime<Utc> = "2026-11-25T00:00:00Z".parse().unwrap();

    assert_eq!(granted_at_once(&db.store, rate, at(0)).await, 3);
    let spent = Permit::DaySpent { until: midnight };
    assert_eq!(ask(&db.store, rate, evening).await, spent);

    assert_eq!(granted_at_once(&db.store, rate, midnight).await, 3);
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!((budget.day, budget.used), (midnight.date_naive(), 3));
}

#[rstest]
#[tokio::test]
async fn a_limit_of_none_grants_nothing(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let none = Rate {
        per_day: Some(0),
        ..rate(10.0, 5)
    };

    let permit = ask(&db.store, none, at(0)).await;

    assert!(matches!(permit, Permit::DaySpent { .. }));
    assert_eq!(db.store.budget(&key()).await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn what_insightly_says_is_left_ends_the_day(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = rate(10.0, 5);
    let midnight: DateTime<Utc> = "2026-11-25T00:00:00Z".parse().unwrap();
    let note = async |limit, remaining, now| {
        db.store
            .note_budget(&key(), limit, remaining, now)
            .await
            .unwrap();
    };
    note(Some(10_000), Some(4), at(0)).await;
    assert_eq!(ask(&db.store, rate, at(1)).await, Permit::Granted);

    note(None, Some(0), at(2)).await;
    note(None, None, at(2)).await;

    let spent = Permit::DaySpent { until: midnight };
    assert_eq!(ask(&db.store, rate, at(3)).await, spent);
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!((budget.limit, budget.remaining), (Some(10_000), Some(0)));
    assert_eq!((budget.used, budget.day), (1, at(0).date_naive()));
    // The next day begins with a new budget, and an answer that was late changes nothing.
    assert_eq!(ask(&db.store, rate, midnight).await, Permit::Granted);
    note(None, Some(0), at(4)).await;
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!((budget.used, budget.remaining), (1, None));
    assert_eq!(budget.limit, Some(10_000));
}

#[rstest]
#[tokio::test]
async fn an_account_that_is_held_waits_and_the_longer_hold_stays(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let rate = rate(10.0, 5);
    db.store.hold_account(&key(), at(30)).await.unwrap();
    db.store.hold_account(&key(), at(20)).await.unwrap();

    let waiting = ask(&db.store, rate, at(10)).await;

    assert_eq!(waiting, Permit::Wait(Duration::from_secs(20)));
    assert_eq!(ask(&db.store, rate, at(30)).await, Permit::Granted);
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!((budget.held_until, budget.used), (Some(at(30)), 1));
}

#[rstest]
#[tokio::test]
async fn a_budget_survives_opening_again(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = rate(1.0, 2);
    assert_eq!(granted_at_once(&db.store, rate, at(0)).await, 2);

    let reopened = db.another().await;

    let permit = reopened.take_permit(&key(), rate, at(0)).await.unwrap();
    assert!(matches!(permit, Permit::Wait(_)), "{permit:?}");
    let budget = reopened.budget(&key()).await.unwrap().unwrap();
    assert_eq!((budget.used, budget.held_until), (2, None));
}
