//! How deliveries and polls go, in numbers.

use std::time::Duration;

use ie_model::NotificationStatus::{Dispatched, Failed, Notified};
use ie_model::{OrganizationId, PollerStatus};
use ie_store::{AttemptRecord, Note, PollerChanges, Troubles};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, attempt, claim, instance, poller, stored_notifications, unsaved, update};

/// An attempt that was over at this second.
fn over_at(record: AttemptRecord, second: i64) -> AttemptRecord {
    let mut record = record;
    record.attempt.at = at(second);
    record.attempt.duration_ms = 0;
    record
}

#[rstest]
#[tokio::test]
async fn what_ended_is_counted_by_minute_and_says_how_long_it_took(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let own = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, own.id, 5).await;
    db.clock.set(at(130));
    let records = [
        over_at(attempt(ids[0], 1, Notified), 2),
        over_at(attempt(ids[1], 1, Notified), 4),
        over_at(attempt(ids[2], 1, Failed), 70),
        over_at(attempt(ids[3], 1, Notified), 121),
        over_at(attempt(ids[4], 1, Dispatched), 3),
    ];
    db.store.record_attempts(&records).await.unwrap();
    let ended = async |instance, from, to| {
        let whose = (own.organization, instance);
        db.store.ended(whose, (at(from), at(to))).await.unwrap()
    };

    let all = ended(None, 0, 120).await;

    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!((all[0].minute, all[1].minute), (at(0), at(60)));
    assert_eq!((all[0].delivered, all[0].dead), (2, 0));
    assert_eq!(all[0].average, Duration::from_secs(3));
    assert_eq!(all[0].longest, Duration::from_secs(4));
    assert_eq!((all[1].delivered, all[1].dead), (0, 1));
    assert_eq!(all[1].longest, Duration::ZERO);
    assert_eq!(ended(Some(own.id), 0, 180).await.len(), 3);
    let other = instance(&db.store, &["contacts"]).await;
    assert_eq!(ended(Some(other.id), 0, 180).await, []);
    let elsewhere = (OrganizationId(own.organization.get() + 1), None);
    let others = db.store.ended(elsewhere, (at(0), at(180))).await.unwrap();
    assert_eq!(others, []);
}

#[rstest]
#[tokio::test]
async fn late_pollers_are_those_that_say_so_themselves(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let own = instance(&db.store, &["contacts", "leads"]).await;
    let paused = instance(&db.store, &[]).await;
    let mut off = poller("contacts");
    off.status = PollerStatus::Paused;
    let changes = PollerChanges {
        upsert: vec![off],
        keep_others: true,
    };
    update(&db.store, &paused, &changes).await;

    for second in [0, 90, 91, 400] {
        let troubles = db
            .store
            .troubles(own.organization, "", at(second))
            .await
            .unwrap();
        let pollers = db.store.pollers_of(&[own.id, paused.id]).await.unwrap();
        let late = pollers.iter().filter(|one| one.late(at(second)).is_some());
        assert_eq!(troubles.late, late.count() as u64, "at {second}");
    }
    claim(&db.store, 100).await;
    let leased = db.store.troubles(own.organization, "", at(400)).await;
    assert_eq!(leased.unwrap().late, 2, "a poll that is under way and late");
}

#[rstest]
#[tokio::test]
async fn accounts_that_are_short_and_instances_that_we_switched_off_are_counted(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let own = instance(&db.store, &["contacts"]).await;
    let off = unsaved(&db.store).await;
    db.store.create_instance(&off, "off", &[]).await.unwrap();
    let troubles = async || {
        let troubles = db.store.troubles(own.organization, "its owner", at(9));
        troubles.await.unwrap()
    };
    assert_eq!(troubles().await, Troubles::default());

    let note = Note {
        limit: Some(1000),
        ..Note::default()
    };
    db.store
        .note_budget(&own.account, note, at(5))
        .await
        .unwrap();
    db.store
        .set_stretch(&own.account, 2.5, at(5))
        .await
        .unwrap();
    let stretched = troubles().await;
    db.store
        .disable_instance(off.id, "its callback is gone", at(6))
        .await
        .unwrap();

    assert_eq!((stretched.stretched, stretched.switched_off), (1, 0));
    assert_eq!(troubles().await.switched_off, 1);
    let as_wished = db
        .store
        .troubles(own.organization, "its callback is gone", at(9))
        .await;
    assert_eq!(as_wished.unwrap().switched_off, 0);
}
