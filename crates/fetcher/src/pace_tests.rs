//! What is shared out is never exceeded, nobody starves, and the next day begins anew.

use proptest::prelude::*;

use super::*;
use crate::testing::poller;

const MINUTE: Duration = Duration::from_secs(60);

fn now() -> DateTime<Utc> {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

fn supply(left: u32, rest: Duration) -> Supply {
    Supply {
        left: Some(left),
        reserve: 0,
        per_second: 9.7,
        rest,
    }
}

fn demand(intervals: &[u32]) -> Demand {
    let polls = intervals.iter().map(|minutes| 1440.0 / f64::from(*minutes));
    Demand {
        pollers: u32::try_from(intervals.len()).unwrap(),
        polls_per_day: polls.sum(),
    }
}

fn plenty() -> Pace {
    Pace {
        stretch: 1.0,
        resets_at: now() + TimeDelta::hours(16),
    }
}

#[test]
fn enough_requests_stretch_nothing() {
    let day = Duration::from_secs(86_400);

    assert_eq!(stretch(demand(&[15; 4]), 1.0, supply(384, day)), 1.0);
    let unknown = Supply {
        left: None,
        ..supply(0, day)
    };
    assert_eq!(stretch(demand(&[15; 4]), 1.0, unknown), 1.0);
}

#[test]
fn half_the_requests_stretch_twice_and_the_reserve_is_not_theirs() {
    let day = Duration::from_secs(86_400);
    let factor = |left, reserve, cost| {
        let supply = Supply {
            reserve,
            ..supply(left, day)
        };
        stretch(demand(&[15; 4]), cost, supply)
    };

    assert_eq!(factor(192, 0, 1.0), 2.0);
    assert_eq!(factor(202, 10, 1.0), 2.0);
    assert_eq!(factor(384, 0, 3.0), 3.0);
    assert_eq!(factor(10, 10, 1.0), LONGEST_STRETCH);
}

#[test]
fn a_rate_that_is_too_low_stretches_as_well() {
    let hour = supply(100_000, MINUTE * 60);

    // 1,000 pollers at a minute are 16.7 requests per second.
    let factor = stretch(demand(&[1; 1000]), 1.0, hour);

    assert!((1.8..2.0).contains(&factor), "{factor}");
}

#[test]
fn the_next_poll_is_an_interval_away_with_some_jitter() {
    let due = |dice| next(&poller(10, now()), plenty(), now(), (0.05, dice)).due - now();

    assert_eq!(due(0.5), TimeDelta::minutes(10));
    assert_eq!(due(0.0), TimeDelta::seconds(570));
    assert_eq!(due(1.0), TimeDelta::seconds(630));
}

#[test]
fn who_was_late_returns_to_its_rhythm_and_is_polled_once_for_all_it_missed() {
    let after_outage = |behind: i64| {
        let late = poller(10, now() - TimeDelta::seconds(behind));
        let next = next(&late, plenty(), now(), (0.0, 0.5));
        assert_eq!(next.planned, None);
        (next.due - now()).num_seconds()
    };

    assert_eq!(after_outage(3600 + 60), 540);
    assert_eq!(after_outage(3600 + 240), 360);
    // Its beat comes too soon: the one after it.
    assert_eq!(after_outage(3600 + 500), 700);
}

#[test]
fn a_stretched_poll_says_when_it_should_have_been_and_does_not_wait_beyond_the_day() {
    let pace = |stretch| Pace {
        stretch,
        resets_at: now() + TimeDelta::minutes(60),
    };
    let next = |stretch| next(&poller(10, now()), pace(stretch), now(), (0.0, 0.5));

    assert_eq!(next(3.0).due, now() + TimeDelta::minutes(30));
    assert_eq!(next(3.0).planned, Some(now() + TimeDelta::minutes(10)));
    // Spread over an interval after the day has turned.
    assert_eq!(next(1e6).due, now() + TimeDelta::minutes(65));
}

/// A rest of a day as the handler lives it: each poll takes a request, and the pace is that of the moment.
struct Rest {
    left: u32,
    polls: Vec<u32>,
    /// Polls that found nothing left, and were put off to the next day.
    put_off: usize,
    last_due: Vec<DateTime<Utc>>,
}

fn live(intervals: &[u32], left: u32, reserve: u32, rest: Duration) -> Rest {
    let resets_at = now() + TimeDelta::from_std(rest).unwrap();
    let demand = demand(intervals);
    let mut day = Rest {
        left,
        polls: vec![0; intervals.len()],
        put_off: 0,
        last_due: vec![now(); intervals.len()],
    };
    let mut dice = 0.0;
    loop {
        let (which, at) = (0..intervals.len())
            .map(|which| (which, day.last_due[which]))
            .min_by_key(|(_, at)| *at)
            .unwrap();
        if at >= resets_at {
            return day;
        }
        if day.left <= reserve {
            day.put_off += 1;
            day.last_due[which] = resets_at;
            continue;
        }
        day.left -= 1;
        day.polls[which] += 1;
        let supply = Supply {
            reserve,
            ..supply(day.left, (resets_at - at).to_std().unwrap())
        };
        let pace = Pace {
            stretch: stretch(demand, 1.0, supply),
            resets_at,
        };
        dice = (dice + 0.618) % 1.0;
        let poller = poller(intervals[which], at);
        day.last_due[which] = next(&poller, pace, at, (0.05, dice)).due;
    }
}

proptest! {
    #[test]
    fn whatever_is_left_is_not_exceeded_and_nobody_starves(
        intervals in prop::collection::vec(1_u32..120, 1..20),
        left in 0_u32..3000,
        reserve in 0_u32..20,
        hours in 1_u64..24,
    ) {
        let rest = MINUTE * 60 * u32::try_from(hours).unwrap();
        let day = live(&intervals, left, reserve, rest);

        let polls: u32 = day.polls.iter().sum();
        prop_assert!(polls <= left.saturating_sub(reserve));
        // The pace itself keeps within it: hardly a poll runs into the end.
        prop_assert!(day.put_off <= intervals.len(), "{} were put off", day.put_off);
        let all = supply(left, rest);
        let factor = stretch(demand(&intervals), 1.0, Supply { reserve, ..all });
        for (interval, polls) in intervals.iter().zip(&day.polls) {
            let share = hours as f64 * 60.0 / f64::from(*interval) / factor;
            // All are due at the start here: with fewer requests than some for each, who is first gets them.
            let some_for_each = left.saturating_sub(reserve) as usize >= 4 * intervals.len();
            prop_assert!(
                !some_for_each || f64::from(*polls) + 1.0 >= (share * 0.5).floor(),
                "{polls} polls every {interval} minutes stretched by {factor}, of {share}"
            );
        }
        // When the day has turned, everybody is polled within an interval.
        let turn = now() + TimeDelta::from_std(rest).unwrap();
        for (interval, due) in intervals.iter().zip(&day.last_due) {
            let limit = TimeDelta::seconds(i64::from(*interval) * 63);
            prop_assert!(*due - turn <= limit, "{due} is long after {turn}");
        }
    }
}
