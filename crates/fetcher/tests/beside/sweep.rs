//! `event.poller.deletes.interval`: every deletion once.

use ie_model::EventType;
use ie_simulator::Change;
use ie_store::WalkKind;
use rstest::rstest;
use serde_json::json;

use crate::crm::{Death, Request};
use crate::rig::{OBJECT, Rig, SWEEPS, Wish};

fn deletes(records: usize) -> Wish {
    Wish {
        records,
        deletes: true,
        ..Wish::default()
    }
}

fn delete(rig: &Rig, ids: &[i64]) {
    for id in ids {
        rig.control.change(&Change::delete(OBJECT, *id)).unwrap();
    }
}

fn gets(requests: &[Request]) -> usize {
    let is_get = |request: &&Request| matches!(request, Request::Get { .. });
    requests.iter().filter(is_get).count()
}

#[tokio::test]
async fn the_first_sweep_learns_what_there_is_and_says_nothing() {
    let rig = Rig::start(deletes(25)).await;

    rig.poll().await;

    assert!(rig.events().await.is_empty());
    let pages = [0, 9, 18].map(|skip| Request::List { skip, brief: true });
    assert_eq!(rig.hand.take()[1..], pages);
    let walk = rig.walk(WalkKind::Sweep).await;
    assert_eq!((walk.records, walk.total, walk.events), (25, Some(25), 0));
    let pause = chrono::TimeDelta::minutes(i64::from(SWEEPS));
    assert_eq!(walk.due_at, walk.finished_at.map(|at| at + pause));

    rig.poll().await;
    assert_eq!(rig.hand.take().len(), 1, "no sweep before its time");
}

#[tokio::test]
async fn a_deletion_is_told_of_once_with_the_time_it_was_learnt_and_the_bare_id() {
    let rig = Rig::start(deletes(25)).await;
    rig.settle().await;
    let new = rig.control.change(&Change::create(OBJECT)).unwrap();
    let (old, new) = (rig.ids()[3], new.id.as_i64().unwrap());
    rig.poll().await;
    delete(&rig, &[old, new]);
    rig.hand.take();

    rig.sweep().await;

    // 24 are left: three pages of ten that overlap by one; and one request for each that is missing.
    let requests = rig.hand.take();
    assert_eq!((requests.len(), gets(&requests)), (1 + 3 + 2, 2));
    assert_eq!(rig.deleted().await, [old, new]);
    for (event, record) in rig.events().await.into_iter().skip(1) {
        assert_eq!(event.date, rig.control.now());
        assert_eq!(
            record,
            json!({"CONTACT_ID": event.object_id.parse::<i64>().unwrap()})
        );
    }
    let gone = (EventType::Deleted, false);
    let histories = rig.histories().await;
    assert_eq!(histories[&new], [(EventType::Created, false), gone]);
    assert_eq!(histories[&old], [gone]);
    assert_eq!(rig.walk(WalkKind::Sweep).await.events, 2);

    rig.sweep().await;
    assert_eq!(gets(&rig.hand.take()), 0);
    assert_eq!(rig.deleted().await, [old, new]);
}

#[tokio::test]
async fn a_sweep_costs_a_request_for_each_page_and_for_each_missing_record() {
    let rig = Rig::start(Wish {
        page_size: 500,
        ..deletes(1300)
    })
    .await;
    rig.settle().await;
    delete(&rig, &rig.ids()[..7]);
    rig.hand.take();

    rig.sweep().await;

    let beside = rig.hand.take().iter().filter(|r| r.is_beside()).count();
    assert_eq!(beside, 1293_usize.div_ceil(499) + 7);
    assert_eq!(rig.deleted().await.len(), 7);
}

#[rstest]
#[tokio::test]
async fn a_worker_that_dies_at_any_request_leaves_each_deletion_told_of_once(
    #[values(0, 1, 2, 3, 4, 5, 6)] request: usize,
    #[values(false, true)] answered: bool,
    #[values(2, 1000)] slice_requests: u32,
) {
    let rig = Rig::start(Wish {
        slice_requests,
        ..deletes(25)
    })
    .await;
    rig.settle().await;
    let gone = [rig.ids()[0], rig.ids()[10], rig.ids()[24]];
    delete(&rig, &gone);
    rig.clock.advance(std::time::Duration::from_secs(3600));
    let mut deaths = 0;

    while deaths < 5 && rig.poll_and_die(Death { request, answered }).await {
        deaths += 1;
    }
    rig.settle().await;

    assert!(deaths > 0 || request > slice_requests as usize);
    assert_eq!(rig.deleted().await, gone);
}

#[tokio::test]
async fn confirmations_go_on_where_the_slice_ended() {
    let rig = Rig::start(Wish {
        slice_requests: 7,
        ..deletes(60)
    })
    .await;
    rig.settle().await;
    let gone = rig.ids()[..40].to_vec();
    delete(&rig, &gone);
    rig.hand.take();

    rig.sweep().await;

    let requests = rig.hand.take();
    assert_eq!(gets(&requests), 40, "each is asked for once");
    let mut slices = requests.split(|request| !request.is_beside());
    assert!(slices.all(|slice| slice.len() <= 7));
    assert_eq!(rig.deleted().await, gone);
}

#[rstest]
#[case::found_by_the_sweep(false)]
#[case::found_by_a_poll(true)]
#[tokio::test]
async fn a_record_that_is_back_is_told_of_and_can_be_deleted_again(#[case] written: bool) {
    let rig = Rig::start(deletes(25)).await;
    rig.settle().await;
    let id = rig.ids()[3];
    rig.hand.hide(id);
    rig.sweep().await;
    assert_eq!(rig.deleted().await, [id]);

    rig.hand.show();
    if written {
        rig.control.change(&Change::update(OBJECT, id)).unwrap();
        rig.poll().await;
    } else {
        rig.sweep().await;
    }

    let (gone, back) = ((EventType::Deleted, false), (EventType::Updated, false));
    assert_eq!(rig.histories().await[&id], [gone, back]);
    let (_, record) = rig.events().await.pop().unwrap();
    assert!(record["CUSTOMFIELDS"].is_array(), "the whole record");
    rig.sweep().await;
    assert_eq!(rig.histories().await[&id].len(), 2);

    rig.hand.hide(id);
    rig.sweep().await;
    rig.sweep().await;
    assert_eq!(rig.histories().await[&id], [gone, back, gone]);
}

#[tokio::test]
async fn many_records_that_are_back_are_told_of_over_several_slices() {
    let rig = Rig::start(Wish {
        slice_requests: 3,
        ..deletes(9)
    })
    .await;
    rig.settle().await;
    for id in rig.ids() {
        rig.hand.hide(id);
    }
    rig.sweep().await;
    assert_eq!(rig.deleted().await.len(), 9);

    rig.hand.show();
    rig.sweep().await;

    for history in rig.histories().await.values() {
        // CREATED or UPDATED, by the usual rule.
        assert_eq!(history.len(), 2);
        assert_ne!(history[1].0, EventType::Deleted);
    }
    assert_eq!(rig.events().await.len(), 18);
}

#[tokio::test]
async fn what_the_poller_does_not_ask_for_any_more_is_not_deleted() {
    let rig = Rig::start(Wish {
        condition: " and FIRST_NAME='Ada'",
        ..deletes(5)
    })
    .await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let change = Change::create(OBJECT).with("FIRST_NAME", "Ada");
        let entry = rig.control.change(&change).unwrap();
        ids.push(entry.id.as_i64().unwrap());
    }
    rig.settle().await;
    let renamed = Change::update(OBJECT, ids[0]).with("FIRST_NAME", "Bob");
    rig.control.change(&renamed).unwrap();
    delete(&rig, &[ids[1]]);
    rig.hand.take();

    rig.sweep().await;
    assert_eq!(gets(&rig.hand.take()), 2);
    assert_eq!(rig.deleted().await, [ids[1]]);

    rig.sweep().await;
    assert_eq!(gets(&rig.hand.take()), 0, "it is known to be beside");
    let renamed = Change::update(OBJECT, ids[0]).with("FIRST_NAME", "Ada");
    rig.control.change(&renamed).unwrap();
    rig.sweep().await;
    delete(&rig, &[ids[0]]);
    rig.sweep().await;
    assert_eq!(rig.deleted().await, ids[..2]);
}

#[tokio::test]
async fn a_snapshot_comes_before_the_first_sweep_and_both_are_told_once() {
    let rig = Rig::start(Wish {
        initial: ie_model::Initial::Snapshot,
        ..deletes(25)
    })
    .await;

    rig.settle().await;
    assert_eq!(rig.walks().await.len(), 1);
    let id = rig.ids()[3];
    delete(&rig, &[id]);
    rig.sweep().await;
    rig.sweep().await;

    let histories = rig.histories().await;
    assert_eq!(histories.len(), 25);
    let told = (EventType::Created, true);
    assert_eq!(histories[&id], [told, (EventType::Deleted, false)]);
}
