//! How callbacks stand over days, and the notices that are stored with their cause.

use std::slice::from_ref;
use std::time::Duration;

use ie_model::NotificationStatus::Failed;
use ie_model::{Instance, InstanceId, Purpose, StoredNotification};
use ie_platform::Clock as _;
use ie_store::{NotificationFilter, Page, PollerChanges, Replay, Store};
use rstest::rstest;
use serde_json::Value;

use crate::harness::Backend::{Postgres, Sqlite};
use crate::harness::{Backend, Db};
use crate::samples::{at, attempt, instance, status, stored_notifications};

const OPERATIONAL_URL: &str = "https://ops.example.com/notices";
const LEASE: Duration = Duration::from_secs(60);

/// An instance whose owner wants notices.
async fn noticed(store: &Store) -> Instance {
    let mut stored = instance(store, &["contacts"]).await;
    stored.settings.delivery.operational_url = Some(OPERATIONAL_URL.to_owned());
    update(store, &stored).await;
    stored
}

async fn update(store: &Store, instance: &Instance) {
    let changes = PollerChanges {
        keep_others: true,
        ..PollerChanges::default()
    };
    crate::samples::update(store, instance, &changes).await;
}

/// The notices that wait for a relay, in their order.
async fn notices(db: &Db) -> Vec<StoredNotification> {
    let due = db.store.claim_unpublished(db.clock.now(), 100, LEASE);
    let mut found = due.await.unwrap();
    found.retain(|stored| stored.notification.purpose != Purpose::Changes);
    found.sort_by_key(|stored| stored.notification.id);
    found
}

fn message(stored: &StoredNotification) -> Value {
    let body: Value = serde_json::from_str(stored.notification.body.get()).unwrap();
    body["message"].clone()
}

async fn since(store: &Store, id: InstanceId) -> Option<chrono::DateTime<chrono::Utc>> {
    store.instance(id).await.unwrap().unwrap().failing_since
}

#[rstest]
#[tokio::test]
async fn a_callback_fails_since_it_was_first_noted_until_it_accepts(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let id = instance(&db.store, &["contacts"]).await.id;

    db.store.note_failing(id, at(10)).await.unwrap();
    db.store.note_failing(id, at(20)).await.unwrap();
    let noted = since(&db.store, id).await;
    db.store.clear_failing(id).await.unwrap();

    assert_eq!(noted, Some(at(10)));
    assert_eq!(since(&db.store, id).await, None);
}

#[rstest]
#[tokio::test]
async fn only_what_has_failed_for_long_enough_is_disabled_and_switched_on_it_starts_anew(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let id = instance(&db.store, &["contacts"]).await.id;
    db.store.note_failing(id, at(10)).await.unwrap();
    let disable = |limit| db.store.disable_failing(id, at(limit), "it fails", at(100));

    assert!(!disable(9).await.unwrap());
    assert!(disable(10).await.unwrap());
    assert!(!disable(10).await.unwrap());

    let mut stored = db.store.instance(id).await.unwrap().unwrap();
    assert_eq!(
        (stored.disabled, stored.reason.as_deref()),
        (true, Some("it fails"))
    );
    stored.disabled = false;
    stored.reason = None;
    update(&db.store, &stored).await;
    assert_eq!(since(&db.store, id).await, None);
}

#[rstest]
#[tokio::test]
async fn a_change_of_an_instance_leaves_its_standing_alone_unless_it_is_forgotten(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let id = instance(&db.store, &["contacts"]).await.id;
    db.store.note_failing(id, at(10)).await.unwrap();
    let mut stored = db.store.instance(id).await.unwrap().unwrap();

    update(&db.store, &stored).await;
    let kept = since(&db.store, id).await;
    stored.failing_since = None;
    update(&db.store, &stored).await;

    assert_eq!(kept, Some(at(10)));
    assert_eq!(since(&db.store, id).await, None);
}

#[rstest]
#[tokio::test]
async fn a_disabled_instance_is_told_of_once_to_whoever_wants_to_know(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let quiet = instance(&db.store, &["contacts"]).await;
    let noticed = noticed(&db.store).await;
    let disable = |id| db.store.disable_instance(id, "gone", at(50));

    disable(quiet.id).await.unwrap();
    disable(noticed.id).await.unwrap();
    disable(noticed.id).await.unwrap();
    db.clock.advance(Duration::from_secs(60));

    let told = notices(&db).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].notification.purpose, Purpose::Operational);
    assert_eq!(told[0].notification.instance, noticed.id);
    assert_eq!(message(&told[0])["type"], "instance.disabled");
    assert_eq!(message(&told[0])["reason"], "gone");
}

#[rstest]
#[tokio::test]
async fn the_operator_is_told_of_every_instance_and_its_owner_does_not_see_that(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let quiet = instance(&db.store, &["contacts"]).await;
    let noticed = noticed(&db.store).await;
    db.store.remember_operator(true).await.unwrap();

    for instance in [&quiet, &noticed] {
        let disabled = db.store.disable_instance(instance.id, "gone", at(50));
        disabled.await.unwrap();
    }
    db.clock.advance(Duration::from_secs(60));

    let told = notices(&db).await;
    let purposes: Vec<_> = told
        .iter()
        .map(|stored| (stored.notification.instance, stored.notification.purpose))
        .collect();
    assert_eq!(
        purposes,
        [
            (quiet.id, Purpose::Operator),
            (noticed.id, Purpose::Operational),
            (noticed.id, Purpose::Operator),
        ]
    );
    let filter = NotificationFilter {
        instance: Some(noticed.id),
        ..NotificationFilter::default()
    };
    let page = Page {
        after: None,
        limit: 10,
    };
    let seen = db.store.notifications(&filter, page).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].notification.purpose, Purpose::Operational);
}

#[rstest]
#[tokio::test]
async fn a_refused_key_is_told_of_when_it_is_refused_first(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let id = noticed(&db.store).await.id;
    let refuse = |second| {
        db.store
            .set_validity(id, false, Some("insightly refuses the API key"), at(second))
    };

    refuse(1).await.unwrap();
    refuse(2).await.unwrap();
    db.store.set_validity(id, true, None, at(3)).await.unwrap();
    refuse(4).await.unwrap();
    db.clock.advance(Duration::from_secs(60));

    let told = notices(&db).await;
    let types: Vec<_> = told
        .iter()
        .map(|one| message(one)["type"].clone())
        .collect();
    assert_eq!(types, ["key.refused", "key.refused"]);
    assert_eq!(message(&told[0])["reason"], "insightly refuses the API key");
}

#[rstest]
#[tokio::test]
async fn dead_letters_are_told_of_at_once_and_then_once_an_hour_with_their_number(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = noticed(&db.store).await;
    let ids = stored_notifications(&db.store, stored.id, 6).await;
    let minutes = [0, 10, 40, 20, 30, 40];

    for (id, wait) in ids.iter().zip(minutes) {
        db.clock.advance(Duration::from_secs(60 * wait));
        let record = attempt(*id, 1, Failed);
        db.store.record_attempts(from_ref(&record)).await.unwrap();
    }

    let told = notices(&db).await;
    let counts: Vec<_> = told
        .iter()
        .map(|one| message(one)["count"].as_u64().unwrap())
        .collect();
    // At 0 min the first; at 70 min the next three; the others follow an hour later at the earliest.
    assert_eq!(counts, [1, 3, 2]);
}

#[rstest]
#[tokio::test]
async fn a_notice_that_becomes_a_dead_letter_causes_no_other(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = noticed(&db.store).await;
    db.store
        .disable_instance(stored.id, "gone", at(0))
        .await
        .unwrap();
    let notice = notices(&db).await.remove(0).notification.id;

    let record = attempt(notice, 1, Failed);
    db.store.record_attempts(from_ref(&record)).await.unwrap();
    db.store
        .fail_notifications(&[notice], "no way", at(1))
        .await
        .unwrap();

    assert_eq!(notices(&db).await.len(), 0);
}

#[rstest]
#[tokio::test]
async fn a_test_is_taken_by_no_relay_nor_replay_and_is_no_dead_letter_when_it_fails(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let id = db.store.reserve_notification_ids(1).await.unwrap()[0];
    let mut new = crate::samples::notification(id, stored.id).notification;
    new.purpose = Purpose::Test;

    db.store.store_test(&new).await.unwrap();
    db.clock.advance(Duration::from_secs(600));
    let taken = db.store.claim_unpublished(db.clock.now(), 10, LEASE).await;
    let record = attempt(id, 1, Failed);
    db.store.record_attempts(from_ref(&record)).await.unwrap();
    let dead = NotificationFilter {
        status: Some(Failed),
        ..NotificationFilter::default()
    };
    let revived = db
        .store
        .redrive(&dead, None, 10, ie_store::Pace::at_once(at(0)))
        .await
        .unwrap();
    let everything = Replay {
        instance: stored.id,
        from: None,
        to: None,
        resources: Vec::new(),
        statuses: vec![Failed],
        ended_by: at(1_000_000),
        only: None,
    };
    let again = db.store.count_replay(&everything, None, 10).await.unwrap();

    assert_eq!(taken.unwrap().len(), 0);
    assert_eq!(revived.len(), 0);
    assert_eq!(again.events, 0);
    assert_eq!(status(&db.store, id).await, Failed);
}
