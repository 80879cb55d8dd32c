//! Tests of [`super`]: the limit, who is parked for how long, and that idle callbacks are forgotten.

use rstest::rstest;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: usize = 2;

fn slots() -> Arc<Slots> {
    Slots::new(LIMIT, vec![SECOND, 5 * SECOND, 30 * SECOND])
}

fn take(slots: &Arc<Slots>, instance: i64, notification: i64) -> Result<Slot, Busy> {
    slots.take(InstanceId(instance), NotificationId(notification))
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
    assert_eq!(slots.callbacks().len(), 1_000);

    drop(taken);

    assert!(slots.callbacks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_more_wait_for_a_slow_callback_the_longer_they_are_parked() {
    let slots = slots();
    let _held = take(&slots, 1, 1).unwrap();
    let slow = take(&slots, 1, 2).unwrap();
    tokio::time::advance(4 * SECOND).await;
    drop(slow);
    let _second = take(&slots, 1, 3).unwrap();

    let parked: Vec<_> = (10..30)
        .map(|n| take(&slots, 1, n).unwrap_err().park())
        .collect();

    // Two slots of four seconds each: two seconds of backlog for each that waits.
    assert_eq!(parked[0], SECOND);
    assert_eq!(parked[1], SECOND);
    assert_eq!(parked[2], 5 * SECOND);
    assert_eq!(parked[13], 5 * SECOND);
    assert_eq!(parked[14], 30 * SECOND);
    assert_eq!(parked[19], 30 * SECOND);
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
    let delay = park_delay(backlog, &slots().park);

    assert_eq!(delay, Duration::from_secs(seconds));
}

#[test]
fn a_backlog_beyond_all_measure_is_no_panic() {
    let backlog = backlog(u32::MAX, Some(Duration::MAX), 1);

    assert_eq!(backlog, Duration::MAX);
}
