//! What was delivered long ago is forgotten.

use ie_model::NotificationStatus::{Dispatched, Failed, New, Notified};
use ie_model::{InstanceId, NotificationId, NotificationStatus};
use ie_store::{NotificationFilter, Page, Retention, Store, Stretch};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, attempt, instance, status, stored_notifications};

/// A round with stretches of this many notifications.
async fn round(store: &Store, batch: u32, events: i64, attempts: i64) -> Stretch {
    let retention = Retention {
        events_before: at(events),
        attempts_before: at(attempts),
        batch,
    };
    let (mut sum, mut next) = (Stretch::default(), Some(0));
    while let Some(after) = next {
        let stretch = store.forget_old(after, &retention).await.unwrap();
        assert!(stretch.next.is_none_or(|next| next > after), "it moves on");
        sum.events += stretch.events;
        sum.attempts += stretch.attempts;
        next = stretch.next;
    }
    sum
}

async fn left(store: &Store) -> Vec<NotificationId> {
    let page = Page {
        after: None,
        limit: 100,
    };
    let filter = NotificationFilter::default();
    let all = store.notifications(&filter, page).await.unwrap();
    let ids = all.into_iter().map(|one| one.notification.id);
    ids.collect()
}

/// Notifications in these states, one after the other.
async fn in_states(
    store: &Store,
    instance: InstanceId,
    states: &[NotificationStatus],
) -> Vec<NotificationId> {
    let ids = stored_notifications(store, instance, u32::try_from(states.len()).unwrap()).await;
    for (id, status) in ids.iter().zip(states).filter(|(_, status)| **status != New) {
        store
            .record_attempts(&[attempt(*id, 1, *status)])
            .await
            .unwrap();
    }
    ids
}

#[rstest]
#[tokio::test]
async fn what_ended_is_forgotten_and_what_is_under_way_never(
    #[values(Sqlite, Postgres)] backend: Backend,
    #[values(1, 2, 100)] batch: u32,
) {
    let db = backend.start().await;
    let owner = instance(&db.store, &["contacts"]).await.id;
    let ids = in_states(
        &db.store,
        owner,
        &[New, Notified, Dispatched, Failed, Notified],
    )
    .await;

    let early = round(&db.store, batch, -1_000, -1_000).await;
    let late = round(&db.store, batch, 1_000_000, 1_000_000).await;
    let again = round(&db.store, batch, 1_000_000, 1_000_000).await;

    assert_eq!((early.events, late.events, again.events), (0, 3, 0));
    assert_eq!(left(&db.store).await, [ids[0], ids[2]]);
    assert!(db.store.attempts(&[ids[1]]).await.unwrap().is_empty());
    assert_eq!(db.store.attempts(&[ids[2]]).await.unwrap().len(), 1);
    assert_eq!(
        db.store.counts().await.unwrap(),
        [(New, 1), (Dispatched, 1)]
    );
}

#[rstest]
#[tokio::test]
async fn attempts_may_go_before_their_event(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let owner = instance(&db.store, &["contacts"]).await.id;
    let ids = in_states(&db.store, owner, &[Notified, Dispatched]).await;

    let found = round(&db.store, 10, -1_000, 1_000_000).await;

    assert_eq!((found.events, found.attempts), (0, 1));
    assert!(db.store.attempts(&ids[..1]).await.unwrap().is_empty());
    assert_eq!(db.store.attempts(&ids[1..]).await.unwrap().len(), 1);
    assert_eq!(status(&db.store, ids[0]).await, Notified);
}
