//! Stored events again.

use std::time::Duration;

use chrono::TimeDelta;
use ie_model::NotificationStatus::{Dispatched, Failed, New, Notified};
use ie_model::{InstanceId, NotificationId};
use ie_store::{Pace, Replay, Replayed};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, attempt, instance, status, stored_notifications};

const GAP: Duration = Duration::from_millis(10);

fn everything(instance: InstanceId) -> Replay {
    Replay {
        instance,
        from: None,
        to: None,
        resources: Vec::new(),
        statuses: vec![Notified, Failed],
        ended_by: at(1_000_000),
        only: None,
    }
}

#[rstest]
#[tokio::test]
async fn what_ended_begins_a_new_round_marked_and_spread_in_time(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let owner = instance(&db.store, &["contacts"]).await.id;
    let ids = stored_notifications(&db.store, owner, 4).await;
    let ends = [(ids[0], Notified), (ids[1], Dispatched), (ids[2], Failed)];
    for (id, status) in ends {
        db.store
            .record_attempts(&[attempt(id, 2, status)])
            .await
            .unwrap();
    }
    let times = Pace::spread(at(500), GAP);

    let counted = db
        .store
        .count_replay(&everything(owner), None, 10)
        .await
        .unwrap();
    let done = db
        .store
        .replay(&everything(owner), None, 10, times)
        .await
        .unwrap();
    let again = db
        .store
        .replay(&everything(owner), None, 10, times)
        .await
        .unwrap();

    assert_eq!(
        counted,
        Replayed {
            events: 2,
            last: None
        }
    );
    assert_eq!(done, counted);
    assert_eq!(
        again.events, 0,
        "what is under way is not sent a second time"
    );
    let due = |place: i32| Some(at(500) + TimeDelta::from_std(GAP).unwrap() * place);
    for (place, id) in [(0, ids[0]), (1, ids[2])] {
        let stored = db.store.notification(id).await.unwrap().unwrap();
        assert_eq!(
            (stored.status, stored.attempts, stored.due_at),
            (New, 2, due(place))
        );
        assert!(
            stored
                .notification
                .body
                .get()
                .starts_with(r#"{"replayed":true,"#)
        );
        let state = db.store.delivery_state(id).await.unwrap().unwrap();
        assert_eq!(state.earlier, 2, "a new round");
    }
    assert_eq!(status(&db.store, ids[1]).await, Dispatched);
    assert_eq!(status(&db.store, ids[3]).await, New);
    assert!(
        !db.store
            .notification(ids[1])
            .await
            .unwrap()
            .unwrap()
            .notification
            .body
            .get()
            .contains("replayed")
    );
}

#[rstest]
#[tokio::test]
async fn a_replay_takes_what_it_names_step_by_step(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let owner = instance(&db.store, &["contacts"]).await.id;
    let other = instance(&db.store, &["contacts"]).await.id;
    let ids = stored_notifications(&db.store, owner, 3).await;
    let others = stored_notifications(&db.store, other, 1).await;
    let ended: Vec<_> = ids
        .iter()
        .chain(&others)
        .map(|id| attempt(*id, 1, Notified))
        .collect();
    db.store.record_attempts(&ended).await.unwrap();
    let store = &db.store;
    let count = async |replay: Replay, after: Option<NotificationId>, limit| {
        store.count_replay(&replay, after, limit).await.unwrap()
    };

    let first = count(everything(owner), None, 2).await;
    let rest = count(everything(owner), first.last, 2).await;

    assert_eq!((first.events, first.last), (2, Some(ids[1])));
    assert_eq!(
        rest,
        Replayed {
            events: 1,
            last: None
        }
    );
    let none = [
        Replay {
            from: Some(at(1_000_000)),
            ..everything(owner)
        },
        Replay {
            to: Some(at(-1_000_000)),
            ..everything(owner)
        },
        Replay {
            resources: vec!["leads".to_owned()],
            ..everything(owner)
        },
        Replay {
            statuses: vec![Failed],
            ..everything(owner)
        },
        Replay {
            ended_by: at(-1_000_000),
            ..everything(owner)
        },
    ];
    for replay in none {
        assert_eq!(count(replay.clone(), None, 9).await.events, 0, "{replay:?}");
    }
    let contacts = Replay {
        resources: vec!["contacts".to_owned()],
        ..everything(owner)
    };
    assert_eq!(count(contacts, None, 9).await.events, 3);
}
