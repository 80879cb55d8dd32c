//! Events counted by time.

use ie_model::NotificationStatus::{Failed, Notified};
use ie_model::{Instance, NotificationId, OrganizationId};
use ie_store::{Interval, NotificationFilter, Outcomes, Span, Store};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, attempt, instance, notification, only_poller, page, under_way};

/// Notifications of an instance at these seconds; gives their ids.
async fn stored(store: &Store, of: &Instance, seconds: &[i64]) -> Vec<NotificationId> {
    let count = u32::try_from(seconds.len()).unwrap();
    let ids = store.reserve_notification_ids(count).await.unwrap();
    let new = ids.iter().zip(seconds).map(|(id, second)| {
        let mut new = notification(*id, of.id);
        new.notification.created_at = at(*second);
        new
    });
    let page = page(Vec::new(), new.collect(), under_way(60));
    let fence = only_poller(store, of.id).await.fence();
    store.commit_page(fence, &page).await.unwrap();
    ids
}

fn span(organization: OrganizationId, from: i64, to: i64, interval: Interval) -> Span {
    Span {
        organization,
        instance: None,
        from: at(from),
        to: at(to),
        interval,
    }
}

#[rstest]
#[tokio::test]
async fn events_are_counted_by_time_with_both_ends(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let store = &db.store;
    let one = instance(store, &["contacts"]).await;
    let two = instance(store, &["contacts"]).await;
    stored(store, &one, &[0, 59, 60, 3_600]).await;
    stored(store, &two, &[60, 3_601]).await;

    let span = span(one.organization, 0, 3_600, Interval::Minute);
    let first = *span.intervals().start();

    let all = store.event_counts(&span).await.unwrap();
    assert_eq!(all, [(first, 2), (first + 1, 2), (first + 60, 1)]);
    let of_two = Span {
        instance: Some(two.id),
        ..span
    };
    let of_two = store.event_counts(&of_two).await.unwrap();
    assert_eq!(of_two, [(first + 1, 1)]);
    let by_hour = Span {
        interval: Interval::Hour,
        ..span
    };
    let by_hour = store.event_counts(&by_hour).await.unwrap();
    let counts: Vec<u64> = by_hour.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [4, 1]);
    let foreign = Span {
        organization: OrganizationId(99),
        ..span
    };
    assert_eq!(store.event_counts(&foreign).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn outcomes_are_counted_by_instance(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let store = &db.store;
    let one = instance(store, &["contacts"]).await;
    let two = instance(store, &["contacts"]).await;
    let ones = stored(store, &one, &[0, 1, 2, 3]).await;
    stored(store, &two, &[4]).await;
    let ends = [(ones[0], Notified), (ones[1], Failed), (ones[2], Failed)];
    let ends = ends.map(|(id, status)| attempt(id, 1, status));
    store.record_attempts(&ends).await.unwrap();
    let all = NotificationFilter::default();
    let given_up = store.discard(&all, Some(&ones[2..3]), 10, at(5)).await;
    assert_eq!(given_up.unwrap(), ones[2..3]);

    let span = span(one.organization, 0, 60, Interval::Day);
    let interval = *span.intervals().start();
    let outcomes = store.event_outcomes(&span, 10).await.unwrap();

    let of_one = Outcomes {
        interval,
        instance: one.id,
        count: 4,
        success: 1,
        failed: 2,
    };
    let of_two = Outcomes {
        interval,
        instance: two.id,
        count: 1,
        success: 0,
        failed: 0,
    };
    assert_eq!(outcomes, [of_one, of_two]);
    assert_eq!(store.event_outcomes(&span, 1).await.unwrap(), [of_one]);
}

#[rstest]
#[tokio::test]
async fn a_short_time_of_a_long_history_is_found_by_indexes(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    const EVENTS: u32 = 200_000;
    let db = backend.start().await;
    let store = &db.store;
    store.fill_with_pollers(400, at(0)).await.unwrap();
    store.fill_with_history(EVENTS, 100, at(0)).await.unwrap();

    let span = span(OrganizationId(1), 100_000, 100_299, Interval::Minute);
    let plans = store.explain_analytics(&span).await.unwrap();

    for plan in plans {
        for table in ["notifications", "deliveries"] {
            for scan in [format!("Seq Scan on {table}"), format!("SCAN {table}")] {
                assert!(!plan.contains(&scan), "{plan}");
            }
        }
    }
    let counts = store.event_counts(&span).await.unwrap();
    let outcomes = store.event_outcomes(&span, 1_000).await.unwrap();
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 300);
    assert_eq!(outcomes.iter().map(|one| one.count).sum::<u64>(), 300);
    assert_eq!(outcomes.iter().map(|one| one.failed).sum::<u64>(), 6);
}
