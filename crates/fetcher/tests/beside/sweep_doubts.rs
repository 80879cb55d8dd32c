//! Never a false DELETED: whatever speaks against a list or an answer ends the sweep, and a later one tells the truth.

use ie_simulator::{BehaviourChange, Change, Control, Fault, KeyChange, Order, Rule};
use ie_store::WalkKind;
use rstest::rstest;

use crate::rig::{OBJECT, Rig, Wish};

/// 25 records that were learnt, three of which are deleted now.
async fn three_of_25() -> (Rig, [i64; 3]) {
    let rig = Rig::start(Wish {
        records: 25,
        deletes: true,
        ..Wish::default()
    })
    .await;
    rig.settle().await;
    let gone = [rig.ids()[2], rig.ids()[9], rig.ids()[20]];
    for id in gone {
        rig.control.change(&Change::delete(OBJECT, id)).unwrap();
    }
    rig.clock.advance(std::time::Duration::from_secs(3600));
    (rig, gone)
}

fn key(control: &Control, revoked: bool, forbidden: &[&str]) {
    let change = KeyChange {
        key: "demo-key".to_owned(),
        revoked: Some(revoked),
        forbidden: Some(forbidden.iter().map(|&object| object.to_owned()).collect()),
        ..KeyChange::default()
    };
    control.set_key(&change).unwrap();
}

fn fault(fault: Fault) -> impl FnOnce(&Control) + Send + 'static {
    move |control| {
        control.misbehave(Rule::always(fault));
    }
}

/// Requests 1 to 3 list, 4 to 6 confirm.
async fn trouble_before(request: usize, trouble: impl FnOnce(&Control) + Send + 'static) {
    let (rig, gone) = three_of_25().await;
    let control = rig.control.clone();
    rig.hand.before(request, move || trouble(&control));

    rig.poll().await;

    assert!(rig.hand.is_done());
    assert_eq!(
        rig.deleted().await,
        [0; 0],
        "nothing in the sweep that met it"
    );
    let walk = rig.walk(WalkKind::Sweep).await;
    assert_eq!(walk.state, None, "the sweep has ended");
    assert!(walk.last_error.is_some());
    rig.control.behave();
    key(&rig.control, false, &[]);
    rig.sweep().await;
    assert_eq!(rig.deleted().await, gone);
    assert_eq!(rig.walk(WalkKind::Sweep).await.last_error, None);
    rig.sweep().await;
    assert_eq!(rig.deleted().await, gone);
}

#[rstest]
#[tokio::test]
async fn an_answer_that_fails_ends_the_sweep_without_a_deletion(
    #[values(1, 2, 3, 4, 5, 6)] request: usize,
    #[values(
        Fault::Status { status: 500, retry_after: None },
        Fault::Status { status: 503, retry_after: Some(30) },
        Fault::Maintenance { status: 200 },
        Fault::CutMid,
    )]
    kind: Fault,
) {
    trouble_before(request, fault(kind)).await;
}

#[rstest]
#[tokio::test]
async fn a_list_that_cannot_be_read_ends_the_sweep_without_a_deletion(
    #[values(1, 2, 3)] request: usize,
    #[values(Fault::TruncatedJson, Fault::MalformedJson, Fault::EmptyBody)] kind: Fault,
) {
    trouble_before(request, fault(kind)).await;
}

#[rstest]
#[tokio::test]
async fn a_page_of_html_is_no_word_about_a_record_whatever_its_status(
    #[values(4, 5, 6)] request: usize,
) {
    trouble_before(request, fault(Fault::Maintenance { status: 404 })).await;
}

#[rstest]
#[tokio::test]
async fn a_right_that_is_taken_away_ends_the_sweep_without_a_deletion(
    #[values(1, 2, 3, 4, 5, 6)] request: usize,
    #[values(false, true)] revoked: bool,
) {
    let forbidden: &'static [&str] = if revoked { &[] } else { &[OBJECT] };
    trouble_before(request, move |control| key(control, revoked, forbidden)).await;
}

#[rstest]
#[tokio::test]
async fn pages_that_are_cut_short_lose_no_record_and_invent_no_deletion(
    #[values(1, 2, 3)] request: usize,
    #[values(2, 5)] records: usize,
) {
    let (rig, gone) = three_of_25().await;
    let control = rig.control.clone();
    rig.hand.before(request, move || {
        control.misbehave(Rule::always(Fault::PageCap { records }));
    });

    rig.settle().await;

    assert_eq!(rig.deleted().await, gone);
    assert_eq!(rig.walk(WalkKind::Sweep).await.last_error, None);
}

#[tokio::test]
async fn a_list_that_leaves_out_a_few_records_is_not_believed_about_them() {
    let (rig, gone) = three_of_25().await;
    for id in &rig.ids()[5..8] {
        rig.hand.unlist(*id);
    }

    rig.settle().await;
    assert_eq!(rig.deleted().await, gone);

    // Found again by the list, and deleted then, they are missed as any other.
    rig.hand.show();
    rig.sweep().await;
    let id = rig.ids()[5];
    rig.control.change(&Change::delete(OBJECT, id)).unwrap();
    rig.sweep().await;
    assert_eq!(rig.deleted().await.len(), 4);
    assert!(rig.deleted().await.contains(&id));
}

#[tokio::test]
async fn a_list_that_leaves_out_many_records_is_given_up_at_little_cost() {
    let rig = Rig::start(Wish {
        records: 200,
        page_size: 500,
        deletes: true,
        ..Wish::default()
    })
    .await;
    rig.settle().await;
    for id in &rig.ids()[50..] {
        rig.hand.unlist(*id);
    }
    rig.hand.take();

    rig.sweep().await;

    assert_eq!(rig.deleted().await, [0; 0]);
    let error = rig.walk(WalkKind::Sweep).await.last_error.unwrap();
    assert!(error.contains("left out records that exist"), "{error}");
    assert!(rig.hand.take().len() <= 1 + 1 + 20);
    rig.hand.show();
    rig.sweep().await;
    assert_eq!(rig.walk(WalkKind::Sweep).await.last_error, None);
}

#[tokio::test]
async fn a_list_that_shrinks_while_it_is_read_ends_the_sweep() {
    let rig = Rig::start(Wish {
        records: 60,
        deletes: true,
        ..Wish::default()
    })
    .await;
    rig.settle().await;
    rig.clock.advance(std::time::Duration::from_secs(3600));
    let hidden: Vec<i64> = rig.ids()[40..].to_vec();
    let (hand, ids) = (rig.hand.clone(), hidden.clone());
    rig.hand
        .before(3, move || ids.iter().for_each(|id| hand.hide(*id)));

    rig.poll().await;

    assert_eq!(rig.deleted().await, [0; 0]);
    let error = rig.walk(WalkKind::Sweep).await.last_error.unwrap();
    assert!(error.contains("fell from 60 to 40"), "{error}");
    rig.hand.show();
    rig.sweep().await;
    assert_eq!(rig.deleted().await, [0; 0]);
}

#[rstest]
#[tokio::test]
async fn records_that_come_go_and_move_while_they_are_listed_are_told_apart(
    #[values(Order::Id, Order::Updated, Order::Shuffled)] order: Order,
    #[values(1, 2, 3, 4)] request: usize,
) {
    let (rig, mut gone) = three_of_25().await;
    rig.control.set_behaviour(&BehaviourChange {
        order: Some(order),
        ..BehaviourChange::default()
    });
    let (control, ids) = (rig.control.clone(), rig.ids());
    let late = ids[7];
    rig.hand.before(request, move || {
        for id in [ids[0], ids[1], ids[15]] {
            control.change(&Change::update(OBJECT, id)).unwrap();
        }
        control.change(&Change::create(OBJECT)).unwrap();
        control.change(&Change::delete(OBJECT, late)).unwrap();
    });

    rig.settle().await;
    let first = rig.deleted().await;
    assert!(first.iter().all(|id| gone.contains(id) || *id == late));
    rig.sweep().await;

    let mut all = gone.to_vec();
    all.push(late);
    all.sort_unstable();
    gone.sort_unstable();
    assert_eq!(rig.deleted().await, all);
}
