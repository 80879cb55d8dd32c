//! The request budget of one account: rate, day, holds.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::AccountKey;
use ie_store::{Ask, Note, Permit, Rate, Store};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::at;

fn key() -> AccountKey {
    AccountKey("account".to_owned())
}

fn rate(per_second: f64, burst: u32) -> Rate {
    Rate {
        burst,
        ..Rate::per_second(per_second)
    }
}

async fn ask(store: &Store, rate: Rate, now: DateTime<Utc>) -> Permit {
    let ask = Ask::at_once(now);
    store.take_permit(&key(), rate, ask).await.unwrap()
}

fn granted(at: DateTime<Utc>) -> Permit {
    Permit::Granted { at }
}

/// How many permits are granted in a row at one instant.
async fn granted_at_once(store: &Store, rate: Rate, now: DateTime<Utc>) -> u32 {
    for count in 0..1000 {
        if ask(store, rate, now).await != granted(now) {
            return count;
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
    assert_eq!(ask(&db.store, rate, at(0)).await, granted(at(0)));

    let Permit::Later { at: turn } = ask(&db.store, rate, at(0)).await else {
        panic!("the second request of an instant is not to be sent");
    };

    assert_eq!(turn, at(0) + TimeDelta::nanoseconds(333_333_334));
    assert_eq!(ask(&db.store, rate, turn).await, granted(turn));
}

#[rstest]
#[tokio::test]
async fn accounts_do_not_share_a_budget(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = rate(1.0, 1);
    assert_eq!(ask(&db.store, rate, at(0)).await, granted(at(0)));
    let other = AccountKey("other".to_owned());

    let ask = Ask::at_once(at(0));
    let permit = db.store.take_permit(&other, rate, ask).await.unwrap();

    assert_eq!(permit, granted(at(0)));
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
        let note = Note {
            limit,
            remaining,
            ..Note::default()
        };
        db.store.note_budget(&key(), note, now).await.unwrap();
    };
    note(Some(10_000), Some(4), at(0)).await;
    assert_eq!(ask(&db.store, rate, at(1)).await, granted(at(1)));

    note(None, Some(0), at(2)).await;
    note(None, None, at(2)).await;

    let spent = Permit::DaySpent { until: midnight };
    assert_eq!(ask(&db.store, rate, at(3)).await, spent);
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!((budget.limit, budget.remaining), (Some(10_000), Some(0)));
    assert_eq!((budget.used, budget.day), (1, at(0).date_naive()));
    // The next day begins with a new budget, and an answer that was late changes nothing.
    assert_eq!(ask(&db.store, rate, midnight).await, granted(midnight));
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

    assert_eq!(waiting, Permit::Later { at: at(30) });
    assert_eq!(ask(&db.store, rate, at(30)).await, granted(at(30)));
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

    let permit = ask(&reopened, rate, at(0)).await;
    assert!(matches!(permit, Permit::Later { .. }), "{permit:?}");
    let budget = reopened.budget(&key()).await.unwrap().unwrap();
    assert_eq!((budget.used, budget.held_until), (2, None));
}

#[rstest]
#[tokio::test]
async fn who_is_willing_to_wait_gets_a_moment_of_its_own(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let rate = rate(10.0, 1);
    let patient = Ask {
        patience: Duration::from_millis(250),
        ..Ask::at_once(at(0))
    };

    for turn in 0..3 {
        let permit = db.store.take_permit(&key(), rate, patient).await.unwrap();
        assert_eq!(permit, granted(at(0) + TimeDelta::milliseconds(100) * turn));
    }

    // The fourth would have to wait longer than it wants to, and is not counted.
    let permit = db.store.take_permit(&key(), rate, patient).await.unwrap();
    assert!(matches!(permit, Permit::Later { .. }), "{permit:?}");
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!((budget.used, budget.per_second), (3, Some(10.0)));
}

#[rstest]
#[tokio::test]
async fn who_does_not_come_back_delays_nobody_who_does(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let rate = rate(10.0, 1);
    assert_eq!(ask(&db.store, rate, at(0)).await, granted(at(0)));
    let passer_by = Ask {
        queues: false,
        ..Ask::at_once(at(0))
    };
    let tenth = TimeDelta::milliseconds(100);

    for _ in 0..3 {
        let permit = db.store.take_permit(&key(), rate, passer_by).await.unwrap();
        assert_eq!(permit, Permit::Later { at: at(0) + tenth });
    }
    for turn in 1..=2 {
        let later = ask(&db.store, rate, at(0)).await;
        let place = at(0) + tenth * turn;
        assert_eq!(later, Permit::Later { at: place });
    }
}

#[rstest]
#[tokio::test]
async fn a_moment_that_was_missed_is_counted_once(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = rate(10.0, 1);
    assert_eq!(ask(&db.store, rate, at(0)).await, granted(at(0)));

    let again = Ask {
        lead: Duration::from_millis(300),
        counted: true,
        ..Ask::at_once(at(0))
    };
    let permit = db.store.take_permit(&key(), rate, again).await.unwrap();

    assert_eq!(permit, granted(at(0) + TimeDelta::milliseconds(300)));
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!(budget.used, 1);
}

#[rstest]
#[tokio::test]
async fn after_a_hold_those_who_waited_go_one_by_one(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = rate(10.0, 1);
    db.store.hold_account(&key(), at(5)).await.unwrap();
    let patient = Ask {
        patience: Duration::from_secs(6),
        ..Ask::at_once(at(0))
    };

    for turn in 0..3 {
        let permit = db.store.take_permit(&key(), rate, patient).await.unwrap();
        assert_eq!(permit, granted(at(5) + TimeDelta::milliseconds(100) * turn));
    }
}

#[rstest]
#[tokio::test]
async fn the_reserve_of_the_day_is_left_over_whatever_is_known_of_it(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let rate = Rate {
        reserve: 2,
        ..rate(1000.0, 100)
    };
    let note = async |limit, remaining, now| {
        let note = Note {
            limit,
            remaining,
            ..Note::default()
        };
        db.store.note_budget(&key(), note, now).await.unwrap();
    };

    // What Insightly says is left, less what was granted since.
    note(Some(1000), Some(5), at(0)).await;
    assert_eq!(granted_at_once(&db.store, rate, at(1)).await, 3);

    // The next day nothing is known but the limit.
    note(Some(6), None, at(2)).await;
    assert_eq!(granted_at_once(&db.store, rate, at(86_400)).await, 4);
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!((budget.used, budget.left()), (4, Some(2)));
}

#[rstest]
#[tokio::test]
async fn the_day_turns_when_it_is_said_to(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let rate = Rate {
        per_day: Some(1),
        day_turns_at: Duration::from_secs(9 * 3600),
        ..rate(1000.0, 100)
    };
    // The tests' time begins at 8 o'clock.
    let turn = at(3600);

    assert_eq!(ask(&db.store, rate, at(0)).await, granted(at(0)));
    let spent = Permit::DaySpent { until: turn };
    assert_eq!(ask(&db.store, rate, at(3599)).await, spent);

    assert_eq!(ask(&db.store, rate, turn).await, granted(turn));
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!(budget.resets_at, at(3600 + 86_400));
}

#[rstest]
#[tokio::test]
async fn polls_are_counted_at_what_they_cost_on_average(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let poll = async |requests| {
        let note = Note {
            poll: Some(requests),
            ..Note::default()
        };
        let budget = db.store.note_budget(&key(), note, at(0)).await.unwrap();
        budget.poll_cost
    };
    assert_eq!(poll(1).await, 1.0);

    // A walk of a thousand pages is the exception that it is.
    assert_eq!(poll(1000).await, 2.9);
    for _ in 0..50 {
        poll(1).await;
    }
    assert!(poll(1).await < 1.1);
}

#[rstest]
#[tokio::test]
async fn requests_that_check_keys_are_counted_and_make_room(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let rate = rate(10.0, 1);
    db.store.count_requests(&key(), 2, at(0)).await.unwrap();
    assert_eq!(db.store.budget(&key()).await.unwrap(), None);
    assert_eq!(ask(&db.store, rate, at(0)).await, granted(at(0)));

    db.store.count_requests(&key(), 2, at(10)).await.unwrap();

    let permit = ask(&db.store, rate, at(10)).await;
    let turn = at(10) + TimeDelta::milliseconds(200);
    assert_eq!(permit, Permit::Later { at: turn });
    let budget = db.store.budget(&key()).await.unwrap().unwrap();
    assert_eq!(budget.used, 3);
}
