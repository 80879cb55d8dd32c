//! How short of requests the accounts are, and how late polls are.

use std::time::Duration;

use chrono::TimeDelta;
use ie_model::AccountKey;
use ie_store::{Ask, Note, Permit, Rate, Shortage, Store};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, claim, instance};

const NOTHING_SHORT: Shortage = Shortage {
    least_left: 1.0,
    spent: 0,
};

fn key(account: &str) -> AccountKey {
    AccountKey(account.to_owned())
}

/// Insightly says of this account's day.
async fn note(store: &Store, account: &str, limit: u32, remaining: u32) {
    let note = Note {
        limit: Some(limit),
        remaining: Some(remaining),
        ..Note::default()
    };
    store.note_budget(&key(account), note, at(0)).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn the_account_that_has_the_smallest_share_left_counts(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    assert_eq!(db.store.shortage(at(0)).await.unwrap(), NOTHING_SHORT);

    note(&db.store, "large", 100_000, 30_000).await;
    note(&db.store, "small", 1_000, 250).await;
    // What is not known to have a limit has no share of it.
    let rate = Rate::per_second(10.0);
    let (unknown, ask) = (key("unknown"), Ask::at_once(at(0)));
    let permit = db.store.take_permit(&unknown, rate, ask).await.unwrap();
    assert!(matches!(permit, Permit::Granted { .. }));

    let shortage = db.store.shortage(at(1)).await.unwrap();
    let expected = Shortage {
        least_left: 0.25,
        spent: 0,
    };
    assert_eq!(shortage, expected);
}

#[rstest]
#[tokio::test]
async fn an_account_is_out_of_requests_by_its_own_limit_or_by_ours_until_its_day_turns(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    note(&db.store, "by insightly", 1_000, 0).await;
    let one_a_day = Rate {
        per_day: Some(1),
        ..Rate::per_second(1_000.0)
    };
    let ours = key("by us");
    for second in [0, 1] {
        let ask = Ask::at_once(at(second));
        db.store.take_permit(&ours, one_a_day, ask).await.unwrap();
    }

    let shortage = db.store.shortage(at(2)).await.unwrap();
    let tomorrow = at(2) + TimeDelta::days(1);

    let expected = Shortage {
        least_left: 0.0,
        spent: 2,
    };
    assert_eq!(shortage, expected);
    assert_eq!(db.store.shortage(tomorrow).await.unwrap(), NOTHING_SHORT);
}

#[rstest]
#[tokio::test]
async fn what_is_due_for_the_longest_is_how_late_polls_are(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let numbers = ie_platform::metrics::install();
    let db = backend.start().await;
    assert_eq!(db.store.overdue(at(0)).await.unwrap(), Duration::ZERO);
    instance(&db.store, &["contacts", "leads"]).await;

    let early = db.store.overdue(at(-5)).await.unwrap();
    let late = db.store.overdue(at(90)).await.unwrap();
    assert_eq!(claim(&db.store, 90).await.len(), 2);
    let claimed = db.store.overdue(at(90)).await.unwrap();

    assert_eq!([early, late, claimed], [0, 90, 0].map(Duration::from_secs));
    let shown = numbers.render();
    for line in ["ie_poll_lag_seconds_sum 180", "ie_poll_lag_seconds_count 2"] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
}
