//! `event.poller.initial: snapshot`: every existing record once, whatever happens meanwhile.

use std::collections::{HashMap, HashSet};

use ie_model::{EventType, Initial};
use ie_simulator::{Change, Fault, KeyChange, Rule, digest};
use ie_store::WalkKind;
use rstest::rstest;

use crate::crm::{Death, Request};
use crate::rig::{OBJECT, Rig, Wish};

fn snapshot(records: usize) -> Wish {
    Wish {
        records,
        initial: Initial::Snapshot,
        ..Wish::default()
    }
}

/// Each existing record has been told of once, marked, and nothing else was.
async fn assert_each_once(rig: &Rig, expected: usize) {
    let histories = rig.histories().await;
    assert_eq!(histories.len(), expected);
    for (id, history) in histories {
        assert_eq!(history, [(EventType::Created, true)], "{id}");
    }
}

#[tokio::test]
async fn every_existing_record_is_told_of_once_marked_and_whole() {
    let rig = Rig::start(snapshot(25)).await;

    rig.poll().await;

    assert_each_once(&rig, 25).await;
    let (event, record) = rig.events().await.remove(0);
    assert_eq!(record["CONTACT_ID"].to_string(), event.object_id);
    assert!(record["CUSTOMFIELDS"].is_array());
    // Pages of ten that overlap by one.
    let pages = [0, 9, 18].map(|skip| Request::List { skip, brief: false });
    assert_eq!(rig.hand.take()[1..], pages);
    let walk = rig.walk(WalkKind::Snapshot).await;
    assert_eq!((walk.records, walk.total, walk.events), (25, Some(25), 25));
    assert_eq!((walk.due_at, walk.state), (None, None));
    assert!(walk.finished_at.is_some());

    rig.poll().await;
    assert_eq!(rig.hand.take().len(), 1, "a poll, and no walk");
    assert_eq!(rig.events().await.len(), 25);
}

#[tokio::test]
async fn without_the_setting_nothing_is_told_of_what_exists() {
    let rig = Rig::start(Wish {
        records: 25,
        ..Wish::default()
    })
    .await;

    rig.poll().await;

    assert!(rig.events().await.is_empty());
    assert!(rig.walks().await.is_empty());
    assert_eq!(rig.hand.take().len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_worker_that_dies_at_any_request_leaves_each_record_told_of_once(
    #[values(0, 1, 2, 3)] request: usize,
    #[values(false, true)] answered: bool,
    #[values(2, 1000)] slice_requests: u32,
) {
    let rig = Rig::start(Wish {
        slice_requests,
        ..snapshot(25)
    })
    .await;
    let mut deaths = 0;

    // Again and again, until no poll has so many requests any more.
    while deaths < 5 && rig.poll_and_die(Death { request, answered }).await {
        deaths += 1;
    }
    rig.settle().await;

    assert!(deaths > 0 || request > slice_requests as usize);
    assert_each_once(&rig, 25).await;
}

#[tokio::test]
async fn changes_during_a_snapshot_arrive_between_its_slices() {
    let rig = Rig::start(Wish {
        slice_requests: 2,
        ..snapshot(100)
    })
    .await;
    let existing = rig.ids();
    let mut created = HashSet::new();

    for step in 0.. {
        rig.poll().await;
        if rig.walk(WalkKind::Snapshot).await.finished_at.is_some() {
            break;
        }
        // One that was told of, one that was not yet; a new one and an old one's end.
        for id in [existing[step], existing[99 - step]] {
            rig.control.change(&Change::update(OBJECT, id)).unwrap();
        }
        let new = rig.control.change(&Change::create(OBJECT)).unwrap();
        created.insert(new.id.as_i64().unwrap());
        let end = Change::delete(OBJECT, existing[60 + step]);
        rig.control.change(&end).unwrap();
        assert!(step < 20, "the snapshot does not end");
    }
    rig.poll().await;

    // A poll after every two requests of the snapshot.
    let requests = rig.hand.take();
    let slices = requests.split(|request| !request.is_beside());
    assert!(slices.clone().all(|slice| slice.len() <= 2));
    assert!(slices.filter(|slice| !slice.is_empty()).count() > 3);
    // The last version of each record arrived, no version twice, and only what existed is marked.
    let mut last = HashMap::new();
    let mut told = HashSet::new();
    for (event, record) in rig.events().await {
        let id = record["CONTACT_ID"].as_i64().unwrap();
        let version = digest(&record);
        assert!(told.insert((id, version.clone())), "{event:?} twice");
        assert!(!(event.snapshot && created.contains(&id)));
        assert!(!event.snapshot || !last.contains_key(&id), "{event:?}");
        last.insert(id, version);
    }
    for entry in rig.control.state(OBJECT).unwrap() {
        if entry.digest.is_some() {
            assert_eq!(last.get(&entry.id.as_i64().unwrap()), entry.digest.as_ref());
        }
    }
    for id in created {
        assert_eq!(rig.histories().await[&id], [(EventType::Created, false)]);
    }
}

#[rstest]
#[case::failing(Fault::Status { status: 503, retry_after: None })]
#[case::maintenance(Fault::Maintenance { status: 200 })]
#[case::cut(Fault::CutMid)]
#[case::limited(Fault::Status { status: 429, retry_after: None })]
#[tokio::test]
async fn trouble_at_a_page_is_waited_out_and_the_snapshot_goes_on_there(#[case] fault: Fault) {
    let rig = Rig::start(snapshot(25)).await;
    let control = rig.control.clone();
    rig.hand.before(2, move || {
        // Beyond what a single request tries again.
        control.misbehave(Rule::always(fault).times(7));
    });

    rig.poll().await;
    let halted = rig.walk(WalkKind::Snapshot).await;
    assert_eq!((halted.records, halted.finished_at), (10, None));
    rig.control.behave();
    rig.hand.take();
    rig.settle().await;

    let next = Request::List {
        skip: 9,
        brief: false,
    };
    assert_eq!(rig.hand.take()[1], next);
    assert_each_once(&rig, 25).await;
    assert_eq!(rig.walk(WalkKind::Snapshot).await.last_error, None);
}

#[tokio::test]
async fn a_key_that_is_refused_in_the_middle_stops_the_snapshot_until_it_is_good_again() {
    let rig = Rig::start(snapshot(25)).await;
    let revoked = |revoked| KeyChange {
        key: "demo-key".to_owned(),
        revoked: Some(revoked),
        ..KeyChange::default()
    };
    let control = rig.control.clone();
    rig.hand
        .before(2, move || control.set_key(&revoked(true)).unwrap());

    rig.poll().await;
    let error = rig.walk(WalkKind::Snapshot).await.last_error.unwrap();
    assert!(error.contains("refuses the API key"), "{error}");
    rig.control.set_key(&revoked(false)).unwrap();
    rig.settle().await;

    assert_each_once(&rig, 25).await;
}

#[tokio::test]
async fn an_object_without_a_list_is_searched() {
    let rig = Rig::start(snapshot(25)).await;
    rig.hand.without_list();

    rig.settle().await;

    assert_each_once(&rig, 25).await;
    let searches = [0, 9, 18].map(|skip| Request::Search { skip, all: true });
    assert_eq!(rig.hand.take()[2..], searches);
}

#[tokio::test]
async fn only_what_the_poller_asks_for_is_told_of() {
    let rig = Rig::start(Wish {
        condition: " and FIRST_NAME='Ada'",
        ..snapshot(0)
    })
    .await;
    // Written before the poller was made, as far as Insightly's clock says.
    rig.control.set_clock_offset(chrono::TimeDelta::hours(-1));
    for name in ["Ada", "Bob", "ada"] {
        let change = Change::create(OBJECT).with("FIRST_NAME", name);
        rig.control.change(&change).unwrap();
    }
    rig.control.set_clock_offset(chrono::TimeDelta::zero());

    rig.settle().await;

    assert_each_once(&rig, 2).await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_told_of_once_it_can_be() {
    let rig = Rig::start(snapshot(25)).await;
    let broken = rig.ids()[3];
    rig.hand.spoil(broken);

    rig.settle().await;
    assert_each_once(&rig, 24).await;
    assert_eq!(rig.poller().await.quarantined, 1);

    rig.hand.mend();
    rig.poll().await;
    rig.poll().await;
    assert_each_once(&rig, 25).await;
    assert_eq!(rig.poller().await.quarantined, 0);
}
