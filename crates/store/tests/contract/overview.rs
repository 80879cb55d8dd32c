//! What people look at: newest first, counted, grouped.

use ie_model::NotificationStatus::{Failed, New, Notified};
use ie_model::{ErrorClass, Instance, NotificationId, OrganizationId};
use ie_store::{AttemptRecord, Condition, InstanceSearch, NotificationFilter, Page, Store};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{
    ALL, at, attempt, instance, notification, only_poller, page, stored_notifications, token_hash,
    under_way, unsaved,
};

/// A stored instance that differs from the others by what `change` does.
async fn changed(store: &Store, change: impl FnOnce(&mut Instance)) -> Instance {
    let mut instance = unsaved(store).await;
    change(&mut instance);
    let hash = token_hash(instance.id);
    store.create_instance(&instance, &hash, &[]).await.unwrap();
    instance
}

async fn found(store: &Store, of: OrganizationId, search: &InstanceSearch) -> Vec<String> {
    let found = store.find_instances(of, search, ALL).await.unwrap();
    found.into_iter().map(|found| found.name).collect()
}

#[rstest]
#[tokio::test]
async fn instances_are_found_by_name_tag_and_condition(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let store = &db.store;
    let first = changed(store, |one| one.name = "Acme 100%".to_owned()).await;
    changed(store, |one| {
        one.name = "Beta".to_owned();
        one.tags = vec!["acme_eu".to_owned()];
        one.valid = false;
    })
    .await;
    let last = changed(store, |one| {
        one.name = "Gamma".to_owned();
        one.valid = false;
        one.disabled = true;
    })
    .await;
    let of = first.organization;
    let text = |text: &str| InstanceSearch {
        text: Some(text.to_owned()),
        condition: None,
    };
    let condition = |condition| InstanceSearch {
        text: None,
        condition: Some(condition),
    };

    assert_eq!(
        found(store, of, &InstanceSearch::default()).await,
        ["Gamma", "Beta", "Acme 100%"]
    );
    assert_eq!(found(store, of, &text("ACME")).await, ["Beta", "Acme 100%"]);
    assert_eq!(found(store, of, &text("0%")).await, ["Acme 100%"]);
    assert_eq!(found(store, of, &text("e_e")).await, ["Beta"]);
    assert_eq!(found(store, of, &text("a%m")).await, [""; 0]);
    assert_eq!(
        found(store, of, &condition(Condition::Refused)).await,
        ["Beta"]
    );
    assert_eq!(
        found(store, of, &condition(Condition::Paused)).await,
        ["Gamma"]
    );
    assert_eq!(
        found(store, of, &condition(Condition::Failing)).await,
        [""; 0]
    );
    assert_eq!(
        found(store, OrganizationId(99), &InstanceSearch::default()).await,
        [""; 0]
    );
    let page = Page {
        after: Some(last.id.get()),
        limit: 1,
    };
    let all = InstanceSearch::default();
    let next = store.find_instances(of, &all, page);
    assert_eq!(next.await.unwrap()[0].name, "Beta");
    let counts = store.count_instances(of).await.unwrap();
    assert_eq!(
        (counts.all, counts.refused, counts.failing, counts.paused),
        (3, 1, 0, 1)
    );
    let names = store.instance_names(&[first.id]).await.unwrap();
    assert_eq!(names, [(first.id, "Acme 100%".to_owned())]);
}

#[rstest]
#[tokio::test]
async fn pollers_of_several_instances_are_read_at_once(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let one = instance(&db.store, &["contacts", "leads"]).await;
    let two = instance(&db.store, &["contacts"]).await;
    instance(&db.store, &["contacts"]).await;

    let pollers = db.store.pollers_of(&[one.id, two.id]).await.unwrap();

    let owners: Vec<_> = pollers.iter().map(|poller| poller.instance).collect();
    assert_eq!(owners, [one.id, one.id, two.id]);
}

/// A last attempt that failed like this.
fn failed(id: NotificationId, class: Option<ErrorClass>) -> AttemptRecord {
    let mut record = attempt(id, 1, Failed);
    record.attempt.error_class = class;
    record
}

#[rstest]
#[tokio::test]
async fn events_are_found_newest_first_by_resource_and_failure(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, stored.id, 4).await;
    let records = [
        failed(ids[0], Some(ErrorClass::Timeout)),
        failed(ids[1], None),
        attempt(ids[2], 1, Notified),
    ];
    db.store.record_attempts(&records).await.unwrap();
    let find = async |search: NotificationFilter, page: Page| {
        let found = db.store.newest_notifications(&search, page).await.unwrap();
        let ids = found.into_iter().map(|found| found.notification.id);
        ids.collect::<Vec<_>>()
    };
    let dead = |class| NotificationFilter {
        organization: Some(stored.organization),
        status: Some(Failed),
        error_class: Some(class),
        ..NotificationFilter::default()
    };
    let of = |resource: &str| NotificationFilter {
        resource: Some(resource.to_owned()),
        ..NotificationFilter::default()
    };

    let newest = [ids[3], ids[2], ids[1], ids[0]];
    assert_eq!(find(of("contacts"), ALL).await, newest);
    assert_eq!(find(of("leads"), ALL).await, []);
    let page = Page {
        after: Some(ids[2].get()),
        limit: 1,
    };
    assert_eq!(find(NotificationFilter::default(), page).await, [ids[1]]);
    assert_eq!(find(dead(Some(ErrorClass::Timeout)), ALL).await, [ids[0]]);
    assert_eq!(find(dead(None), ALL).await, [ids[1]]);
    let page = Page {
        after: Some(ids[1].get()),
        limit: 1,
    };
    let above = NotificationFilter {
        above: Some(ids[1].get()),
        ..NotificationFilter::default()
    };
    assert_eq!(find(above, ALL).await, [ids[3], ids[2]]);
    let after = db
        .store
        .notifications(&NotificationFilter::default(), page)
        .await;
    assert_eq!(after.unwrap()[0].notification.id, ids[2]);
    let two = db.store.events(&[ids[2], ids[0]]).await.unwrap();
    assert_eq!(two[0].status, Failed);
    assert_eq!(two[1].status, Notified);
    let states = db.store.delivery_states(&[ids[2], ids[3]]).await.unwrap();
    let states = states.into_iter();
    let states: Vec<_> = states
        .map(|(id, state)| (id, state.status, state.attempts))
        .collect();
    assert_eq!(states, [(ids[2], Notified, 1), (ids[3], New, 0)]);
}

#[rstest]
#[tokio::test]
async fn events_are_counted_by_minute_and_resource(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let ids = db.store.reserve_notification_ids(4).await.unwrap();
    let mut notifications: Vec<_> = ids.iter().map(|id| notification(*id, stored.id)).collect();
    notifications[1].notification.created_at = at(59);
    notifications[2].notification.resource = "leads".to_owned();
    notifications[3].notification.created_at = at(60);
    let fence = only_poller(&db.store, stored.id).await.fence();
    let page = page(Vec::new(), notifications, under_way(60));
    db.store.commit_page(fence, &page).await.unwrap();
    let count = async |whose, until| {
        let counts = db.store.count_events(whose, (at(0), at(until))).await;
        let counts = counts.unwrap().into_iter();
        let counts = counts.map(|count| (count.minute, count.resource, count.events));
        counts.collect::<Vec<_>>()
    };

    let counts = count((stored.organization, Some(stored.id)), 120).await;

    let contacts = || "contacts".to_owned();
    let expected = [
        (at(0), contacts(), 2),
        (at(0), "leads".to_owned(), 1),
        (at(60), contacts(), 1),
    ];
    assert_eq!(counts, expected);
    assert_eq!(count((stored.organization, None), 60).await, expected[..2]);
    assert_eq!(count((OrganizationId(99), None), 120).await, []);
}

#[rstest]
#[tokio::test]
async fn dead_letters_are_grouped_by_callback_and_failure(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let one = instance(&db.store, &["contacts"]).await;
    let two = instance(&db.store, &["contacts"]).await;
    let ones = stored_notifications(&db.store, one.id, 4).await;
    let twos = stored_notifications(&db.store, two.id, 1).await;
    let records = [
        failed(ones[0], Some(ErrorClass::Timeout)),
        failed(ones[1], Some(ErrorClass::Server)),
        failed(ones[2], Some(ErrorClass::Timeout)),
        attempt(ones[3], 1, Notified),
        failed(twos[0], None),
    ];
    db.store.record_attempts(&records).await.unwrap();
    let groups = async |organization, limit| {
        let groups = db.store.group_dead_letters(organization, limit).await;
        let groups = groups.unwrap().into_iter();
        let groups = groups.map(|group| (group.instance, group.class, group.count));
        groups.collect::<Vec<_>>()
    };

    let all = groups(one.organization, 100).await;

    assert_eq!(
        all,
        [
            (one.id, Some(ErrorClass::Timeout), 2),
            (one.id, Some(ErrorClass::Server), 1),
            (two.id, None, 1),
        ]
    );
    assert_eq!(groups(OrganizationId(99), 100).await, []);
    let counted: u64 = groups(one.organization, 2)
        .await
        .iter()
        .map(|group| group.2)
        .sum();
    assert_eq!(counted, 2, "no more are looked at");
    let first = db.store.group_dead_letters(one.organization, 100).await;
    assert_eq!(first.unwrap()[0].error.as_deref(), Some("attempt 1: 503"));
}
