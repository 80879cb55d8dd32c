//! Notifications as people look at them.

use ie_model::NotificationStatus::{Dispatched, Failed, New, Notified, Received};
use ie_model::{ErrorClass, NotificationId, OrganizationId};
use ie_store::{NotificationFilter, Page, Store};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{
    ALL, at, attempt, instance, notification, only_poller, page, stored_notifications, under_way,
};

async fn listed(store: &Store, filter: NotificationFilter) -> Vec<NotificationId> {
    let found = store.notifications(&filter, ALL).await.unwrap();
    found.iter().map(|found| found.notification.id).collect()
}

#[rstest]
#[tokio::test]
async fn a_list_is_read_page_by_page_the_newest_last(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 5).await;

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let filter = NotificationFilter::default();
        let part = db.store.notifications(&filter, Page { after, limit: 2 });
        let part = part.await.unwrap();
        assert!(part.len() <= 2);
        let Some(last) = part.last() else { break };
        after = Some(last.notification.id.get());
        seen.extend(part.into_iter().map(|found| found.notification.id));
    }

    assert_eq!(seen, ids);
}

#[rstest]
#[tokio::test]
async fn a_filter_excludes_by_owner_and_status(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let one = instance(&db.store, &["contacts"]).await;
    let two = instance(&db.store, &["contacts"]).await;
    let ones = stored_notifications(&db.store, one.id, 5).await;
    let twos = stored_notifications(&db.store, two.id, 1).await;
    db.store.mark_received(&ones[1..], at(60)).await.unwrap();
    let records = [
        attempt(ones[2], 1, Dispatched),
        attempt(ones[3], 1, Notified),
        attempt(ones[4], 1, Failed),
    ];
    db.store.record_attempts(&records).await.unwrap();

    let of_two = NotificationFilter {
        instance: Some(two.id),
        ..Default::default()
    };
    assert_eq!(listed(&db.store, of_two).await, twos);
    for (id, status) in ones
        .iter()
        .zip([New, Received, Dispatched, Notified, Failed])
    {
        let filter = NotificationFilter {
            instance: Some(one.id),
            status: Some(status),
            ..Default::default()
        };
        assert_eq!(listed(&db.store, filter).await, [*id]);
    }
    let owner = NotificationFilter {
        organization: Some(one.organization),
        ..Default::default()
    };
    assert_eq!(listed(&db.store, owner).await.len(), 6);
    let stranger = NotificationFilter {
        organization: Some(OrganizationId(one.organization.get() + 1)),
        ..Default::default()
    };
    assert!(listed(&db.store, stranger).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_filter_excludes_by_time(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = db.store.reserve_notification_ids(3).await.unwrap();
    let new = ids.iter().enumerate().map(|(index, id)| {
        let mut new = notification(*id, stored.id);
        new.notification.created_at = at(i64::try_from(index).unwrap());
        new
    });
    let walk = page(Vec::new(), new.collect(), under_way(60));
    let fence = only_poller(&db.store, stored.id).await.fence();
    db.store.commit_page(fence, &walk).await.unwrap();

    let middle = NotificationFilter {
        from: Some(at(1)),
        to: Some(at(2)),
        ..Default::default()
    };
    let later = NotificationFilter {
        from: Some(at(1)),
        ..Default::default()
    };

    assert_eq!(listed(&db.store, middle).await, [ids[1]]);
    assert_eq!(listed(&db.store, later).await, ids[1..]);
}

#[rstest]
#[tokio::test]
async fn a_filter_excludes_by_resource_and_by_the_class_of_the_last_failure(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = db.store.reserve_notification_ids(3).await.unwrap();
    let of = |index: usize, resource: &str| {
        let mut new = notification(ids[index], stored.id);
        new.notification.resource = resource.to_owned();
        new
    };
    let new = vec![of(0, "contacts"), of(1, "contacts"), of(2, "leads")];
    let fence = only_poller(&db.store, stored.id).await.fence();
    let walk = page(Vec::new(), new, under_way(60));
    db.store.commit_page(fence, &walk).await.unwrap();
    let failed = |id, number, class| {
        let mut record = attempt(id, number, Dispatched);
        record.attempt.error_class = Some(class);
        record
    };
    // The first had no connection at first and was answered in the end, the second the other way round.
    let records = [
        failed(ids[0], 1, ErrorClass::Connect),
        failed(ids[0], 2, ErrorClass::Server),
        failed(ids[1], 1, ErrorClass::Server),
        failed(ids[1], 2, ErrorClass::Connect),
        failed(ids[2], 1, ErrorClass::Connect),
    ];
    db.store.record_attempts(&records).await.unwrap();
    db.store
        .fail_notifications(&ids, "given up", at(90))
        .await
        .unwrap();

    let leads = NotificationFilter {
        resource: Some("leads".to_owned()),
        ..Default::default()
    };
    let unconnected = NotificationFilter {
        error_class: Some(Some(ErrorClass::Connect)),
        ..Default::default()
    };
    let contacts = NotificationFilter {
        resource: Some("contacts".to_owned()),
        status: Some(Failed),
        ..unconnected.clone()
    };

    assert_eq!(listed(&db.store, leads).await, ids[2..]);
    assert_eq!(listed(&db.store, unconnected.clone()).await, ids[1..]);
    assert_eq!(listed(&db.store, contacts.clone()).await, [ids[1]]);
    let discarded = db.store.discard(&contacts, None, 9, at(500)).await.unwrap();
    assert_eq!(discarded, [ids[1]]);
    let pace = ie_store::Pace::at_once(at(500));
    let redriven = db.store.redrive(&unconnected, Some(&ids), 9, pace).await;
    let redriven: Vec<_> = redriven
        .unwrap()
        .into_iter()
        .map(|one| one.notification.id)
        .collect();
    assert_eq!(redriven, ids[2..]);
}

#[rstest]
#[tokio::test]
async fn notifications_are_counted_by_status(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    assert!(db.store.counts().await.unwrap().is_empty());
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 4).await;
    db.store.mark_received(&ids[..1], at(60)).await.unwrap();
    let failed = attempt(ids[1], 1, Failed);
    db.store.record_attempts(&[failed]).await.unwrap();

    let counts = db.store.counts().await.unwrap();

    assert_eq!(counts, [(New, 2), (Received, 1), (Failed, 1)]);
}

#[rstest]
#[tokio::test]
async fn one_is_found_by_its_id_where_the_filter_lets_it_through(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let owner = instance(&db.store, &["contacts"]).await;
    let other = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, owner.id, 2).await;
    let of = |instance| NotificationFilter {
        instance: Some(instance),
        ..NotificationFilter::default()
    };

    let own = db.store.matching(ids[0], &of(owner.id)).await.unwrap();
    let foreign = db.store.matching(ids[0], &of(other.id)).await.unwrap();

    assert_eq!(own.unwrap().notification.id, ids[0]);
    assert!(foreign.is_none(), "nor is the next one that matches");
}
