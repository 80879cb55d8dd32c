//! Tests of [`super`]: the order of delays, the jitter, `Retry-After`, the end and the next round.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MIDDLE: f64 = 0.5;

fn schedule() -> Schedule {
    Schedule {
        delays: RetrySchedule(vec![5 * SECOND, 30 * SECOND, 120 * SECOND]),
        retry_after_cap: 600 * SECOND,
        earlier: 0,
    }
}

fn busy(seconds: u64) -> Class {
    Class::Busy {
        retry_after: Some(Duration::from_secs(seconds)),
    }
}

#[test]
fn failed_attempts_follow_the_schedule_to_its_end() {
    let next = [1, 2, 3, 4].map(|number| schedule().next(number, Class::Failed, MIDDLE));

    let expected = [
        Next::RetryAfter(5 * SECOND),
        Next::RetryAfter(30 * SECOND),
        Next::RetryAfter(120 * SECOND),
        Next::DeadLetter,
    ];
    assert_eq!(next, expected);
}

#[test]
fn a_redriven_notification_begins_the_schedule_again() {
    // It was redriven before its first round was over.
    let schedule = Schedule {
        earlier: 2,
        ..schedule()
    };
    let next = [3, 4, 5, 6].map(|number| schedule.next(number, Class::Failed, MIDDLE));

    let expected = [
        Next::RetryAfter(5 * SECOND),
        Next::RetryAfter(30 * SECOND),
        Next::RetryAfter(120 * SECOND),
        Next::DeadLetter,
    ];
    assert_eq!(next, expected);
}

#[test]
fn an_empty_schedule_gives_up_at_once() {
    let schedule = Schedule {
        delays: RetrySchedule::default(),
        ..schedule()
    };

    assert_eq!(schedule.next(1, Class::Failed, MIDDLE), Next::DeadLetter);
    assert_eq!(schedule.next(2, busy(1), MIDDLE), Next::DeadLetter);
}

#[test]
fn an_accepted_notification_is_done_at_any_attempt() {
    for number in [1, 4, 100] {
        let next = schedule().next(number, Class::Accepted, MIDDLE);

        assert_eq!(next, Next::Accepted);
    }
}

#[test]
fn a_callback_that_is_gone_is_not_tried_again() {
    assert_eq!(schedule().next(1, Class::Gone, MIDDLE), Next::DeadLetter);
}

#[test]
fn a_429_waits_as_long_as_the_callback_asks() {
    let next = schedule().next(1, busy(60), 0.0);

    assert_eq!(next, Next::RetryAfter(60 * SECOND));
}

#[test]
fn a_retry_after_beyond_the_cap_is_cut() {
    let next = schedule().next(1, busy(86_400), 0.0);

    assert_eq!(next, Next::RetryAfter(600 * SECOND));
}

#[test]
fn a_retry_after_shorter_than_the_schedule_does_not_hurry_it() {
    let next = schedule().next(3, busy(1), MIDDLE);

    assert_eq!(next, Next::RetryAfter(120 * SECOND));
}

#[test]
fn asking_for_a_delay_does_not_prolong_the_schedule() {
    let next = schedule().next(4, busy(60), MIDDLE);

    assert_eq!(next, Next::DeadLetter);
}

proptest! {
    #[test]
    fn the_jitter_stays_within_a_tenth(number in 1_u32..4, random in 0.0..1.0_f64) {
        let Next::RetryAfter(delay) = schedule().next(number, Class::Failed, random) else {
            panic!("attempt {number} has a retry");
        };

        let planned = schedule().delays.0[number as usize - 1].as_secs_f64();
        let spread = (delay.as_secs_f64() / planned - 1.0).abs();
        prop_assert!(spread <= 0.1001, "{delay:?} for {planned} s");
    }

    #[test]
    fn nobody_is_called_before_the_time_it_asked_for(asked in 0_u64..600, random in 0.0..1.0_f64) {
        let Next::RetryAfter(delay) = schedule().next(1, busy(asked), random) else {
            panic!("the first attempt has a retry");
        };

        prop_assert!(delay >= Duration::from_secs(asked));
    }

    #[test]
    fn every_round_comes_to_an_end_after_as_many_retries(earlier in 0_u32..1_000) {
        let schedule = Schedule { earlier, ..schedule() };
        let is_last = |number: &u32| schedule.next(*number, Class::Failed, MIDDLE) == Next::DeadLetter;

        let last = (earlier + 1..earlier + 10).find(is_last);

        prop_assert_eq!(last, Some(earlier + 4));
    }
}
