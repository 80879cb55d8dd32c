//! Tests of [`super`]: the limit, who is parked for how long, and that idle callbacks are forgotten.

use rstest::rstest;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: usize = 2;

fn slots() -> Arc<Slots> {
    Slots::new(Limits {
        slots: LIMIT,
        line: 3,
        crowd: 10,
        park: vec![SECOND, 5 * SECOND, 30 * SECOND],
    })
}

fn take(slots: &Arc<Slots>, instance: i64, notification: i64) -> Result<Slot, Busy> {
    match slots.enter(Lane::changes(instance), NotificationId(notification))? {
        Entrance::Slot(slot) => Ok(slot),
        Entrance::Line(_) => panic!("{notification} stands in line"),
    }
}

/// A callback with every slot taken, which has answered once within a millisecond.
async fn quick(slots: &Arc<Slots>) -> Vec<Slot> {
    let held = take(slots, 1, 1).unwrap();
    let ended = take(slots, 1, 2).unwrap();
    tokio::time::advance(Duration::from_millis(1)).await;
    drop(ended);
    vec![held, take(slots, 1, 3).unwrap()]
}

async fn stand_in_line(slots: &Arc<Slots>, notification: i64) -> Result<Slot, Busy> {
    slots
        .take(Lane::changes(1), NotificationId(notification))
        .await
}

#[test]
fn a_callback_has_as_many_slots_as_its_limit() {
    let slots = slots();
    let _first = take(&slots, 1, 1).unwrap();
    let _second = take(&slots, 1, 2).unwrap();

    let third = take(&slots, 1, 3);

    assert_eq!(third.unwrap_err(), Busy::Full(SECOND));
}

#[test]
fn a_full_callback_takes_nothing_from_another() {
    let slots = slots();
    let _first = take(&slots, 1, 1).unwrap();
    let _second = take(&slots, 1, 2).unwrap();

    let other = take(&slots, 2, 3);

    assert!(other.is_ok());
}

#[test]
fn a_slot_given_back_can_be_taken_again() {
    let slots = slots();
    let first = take(&slots, 1, 1).unwrap();
    let _second = take(&slots, 1, 2).unwrap();

    drop(first);

    assert!(take(&slots, 1, 3).is_ok());
}

#[test]
fn a_second_copy_of_a_notification_under_way_stays_away() {
    let slots = slots();
    let first = take(&slots, 1, 1).unwrap();

    let twin = take(&slots, 1, 1);
    drop(first);
    let later = take(&slots, 1, 1);

    assert_eq!(twin.unwrap_err(), Busy::Twin(SECOND));
    assert!(later.is_ok());
}

#[test]
fn an_idle_callback_is_forgotten() {
    let slots = slots();
    let taken: Vec<_> = (0..1_000).map(|n| take(&slots, n, n).unwrap()).collect();
    assert_eq!(slots.callbacks().busy.len(), 1_000);

    drop(taken);

    assert!(slots.callbacks().busy.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_more_wait_for_a_slow_callback_the_longer_they_are_parked() {
    let slots = slots();
    let _held = take(&slots, 1, 1).unwrap();
    let slow = take(&slots, 1, 2).unwrap();
    tokio::time::advance(4 * SECOND).await;
    drop(slow);
    let _second = take(&slots, 1, 3).unwrap();

    let parked: Vec<_> = (10..100)
        .map(|n| take(&slots, 1, n).unwrap_err().park())
        .collect();

    // Two slots of four seconds each: two seconds of backlog for each that waits.
    assert_eq!(parked[0], SECOND);
    assert_eq!(parked[1], SECOND);
    assert_eq!(parked[2], 5 * SECOND);
    assert_eq!(parked[13], 5 * SECOND);
    // Fourteen have longer than half a minute before them; a few of those come back sooner nevertheless.
    assert_eq!(parked[14], 5 * SECOND);
    assert_eq!(parked[63], 5 * SECOND);
    assert_eq!(parked[64], 30 * SECOND);
    assert_eq!(parked[89], 30 * SECOND);

    tokio::time::advance(SECOND / 10).await;
    let later: Vec<_> = (100..110)
        .map(|n| take(&slots, 1, n).unwrap_err().park())
        .collect();
    assert_eq!(later[4], 5 * SECOND);
    assert_eq!(later[5], 30 * SECOND);
}

#[rstest]
#[case(Duration::ZERO, 1)]
#[case(SECOND, 1)]
#[case(Duration::from_millis(4_999), 1)]
#[case(5 * SECOND, 5)]
#[case(29 * SECOND, 5)]
#[case(30 * SECOND, 30)]
#[case(Duration::MAX, 30)]
fn the_delay_is_the_longest_within_the_backlog(#[case] backlog: Duration, #[case] seconds: u64) {
    let delay = park_delay(backlog, &slots().limits.park);

    assert_eq!(delay, Duration::from_secs(seconds));
}

#[test]
fn a_backlog_beyond_all_measure_is_no_panic() {
    let backlog = backlog(u32::MAX, Some(Duration::MAX), 1);

    assert_eq!(backlog, Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_waits_for_a_callback_that_is_quick() {
    let slots = slots();
    let mut held = quick(&slots).await;

    let free_one = async { drop(held.pop()) };
    let (first, second, ()) = tokio::join!(
        stand_in_line(&slots, 10),
        async {
            let second = stand_in_line(&slots, 11).await;
            second.map(drop)
        },
        free_one
    );

    assert!(first.is_ok(), "{first:?}");
    assert_eq!(second, Err(Busy::Full(SECOND)), "its turn never came");
}

#[tokio::test(start_paused = true)]
async fn the_line_has_an_end() {
    let slots = slots();
    let _held = quick(&slots).await;
    let _line: Vec<_> = (10..13)
        .map(|n| slots.enter(Lane::changes(1), NotificationId(n)).unwrap())
        .collect();

    assert_eq!(take(&slots, 1, 13).unwrap_err(), Busy::Full(SECOND));
    assert_eq!(take(&slots, 1, 12).unwrap_err(), Busy::Twin(SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_stands_still_is_left_and_forms_again_after_an_answer() {
    let slots = slots();
    let mut held = quick(&slots).await;

    let stood = stand_in_line(&slots, 10).await;
    let later = take(&slots, 1, 11);
    drop(held.pop());
    held.push(take(&slots, 1, 12).unwrap());
    let after_an_answer = slots.enter(Lane::changes(1), NotificationId(13));

    assert_eq!(stood.unwrap_err(), Busy::Full(SECOND));
    assert_eq!(later.unwrap_err(), Busy::Full(SECOND));
    // The answer took a second, and two slots turn over in half of that.
    assert!(matches!(after_an_answer, Ok(Entrance::Line(_))));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_line_leaves_no_slot_taken() {
    let slots = slots();
    let mut held = quick(&slots).await;
    let gone = slots.enter(Lane::changes(1), NotificationId(10)).unwrap();
    let behind = slots.enter(Lane::changes(1), NotificationId(11)).unwrap();

    drop(gone);
    drop(held.pop());

    let Entrance::Line(mut place) = behind else {
        panic!("it got a slot");
    };
    assert!(place.try_recv().is_ok());
    drop(held);
    assert!(slots.callbacks().busy.is_empty());
}

#[tokio::test(start_paused = true)]
async fn in_a_crowd_who_has_not_answered_quickly_holds_one_slot() {
    let slots = slots();
    let _quick = quick(&slots).await;
    let mut held: Vec<Slot> = (10..18)
        .map(|instance| take(&slots, instance, instance).unwrap())
        .collect();

    // Ten are under way. One that has none gets one, and no second.
    held.push(take(&slots, 20, 20).unwrap());
    assert_eq!(take(&slots, 20, 21).unwrap_err(), Busy::Full(SECOND));
    assert_eq!(take(&slots, 10, 22).unwrap_err(), Busy::Full(SECOND));

    // When the crowd is gone there is room again.
    held.truncate(1);
    assert!(take(&slots, 10, 23).is_ok());
}

#[tokio::test(start_paused = true)]
async fn in_a_crowd_a_callback_that_was_quick_before_it_was_idle_has_its_slots() {
    let slots = slots();
    drop(quick(&slots).await);
    assert!(slots.callbacks().busy.is_empty());
    let _crowd: Vec<Slot> = (10..20)
        .map(|instance| take(&slots, instance, instance).unwrap())
        .collect();

    let first = take(&slots, 1, 50);
    let second = take(&slots, 1, 51);

    assert!(first.is_ok() && second.is_ok(), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn in_a_crowd_a_quick_callback_keeps_its_slots() {
    let slots = slots();
    let mut quick = quick(&slots).await;
    let _crowd: Vec<Slot> = (10..20)
        .map(|instance| take(&slots, instance, instance).unwrap())
        .collect();
    quick.truncate(1);

    assert!(take(&slots, 1, 50).is_ok());
}
