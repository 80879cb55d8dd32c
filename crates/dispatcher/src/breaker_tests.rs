//! Tests of [`super`]: when a breaker opens, that one probe at a time goes out, and that the memory is bounded.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    Limits {
        failures: 3,
        pause: 5 * SECOND,
        longest_pause: 60 * SECOND,
        size: 10,
    }
}

fn pass(breakers: &Arc<Breakers>) -> Result<Pass, Open> {
    breakers.admit(Lane::changes(1))
}

fn fail(breakers: &Arc<Breakers>, times: u32) {
    for _ in 0..times {
        pass(breakers).unwrap().failed();
    }
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
    let breakers = Breakers::new(limits());

    fail(&breakers, 2);
    pass(&breakers).unwrap().succeeded();
    fail(&breakers, 2);
    assert!(pass(&breakers).is_ok());
    fail(&breakers, 1);

    assert!(pass(&breakers).is_err());
    assert!(breakers.admit(Lane::changes(2)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_goes_out_and_its_success_closes_it() {
    let breakers = Breakers::new(limits());
    fail(&breakers, 3);

    tokio::time::advance(5 * SECOND).await;
    let probe = pass(&breakers).unwrap();
    assert!(pass(&breakers).is_err());
    probe.succeeded();

    assert!(pass(&breakers).is_ok());
}

#[tokio::test(start_paused = true)]
async fn failed_probes_double_the_pause_up_to_the_longest() {
    let breakers = Breakers::new(limits());
    fail(&breakers, 3);

    for pause in [5, 10, 20, 40, 60, 60] {
        tokio::time::advance(SECOND * pause - Duration::from_millis(1)).await;
        assert!(pass(&breakers).is_err(), "{pause}");
        tokio::time::advance(Duration::from_millis(1)).await;
        pass(&breakers).unwrap().failed();
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_names_a_time_is_left_alone_until_then() {
    let breakers = Breakers::new(limits());

    pass(&breakers).unwrap().asked_to_wait(40 * SECOND);

    let Open(away) = pass(&breakers).unwrap_err();
    assert!(away >= 40 * SECOND && away < 41 * SECOND, "{away:?}");
    tokio::time::advance(40 * SECOND).await;
    assert!(pass(&breakers).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_none_leaves_the_next_one_free() {
    let breakers = Breakers::new(limits());
    fail(&breakers, 3);
    tokio::time::advance(5 * SECOND).await;

    drop(pass(&breakers).unwrap());

    assert!(pass(&breakers).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_probe_from_before_a_success_does_not_end_a_later_one() {
    let breakers = Breakers::new(limits());
    let early = pass(&breakers).unwrap();
    fail(&breakers, 3);
    tokio::time::advance(5 * SECOND).await;
    let stale = pass(&breakers).unwrap();
    early.succeeded();
    fail(&breakers, 3);
    tokio::time::advance(5 * SECOND).await;
    let _probe = pass(&breakers).unwrap();

    stale.failed();
    tokio::time::advance(60 * SECOND).await;

    assert!(pass(&breakers).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_away_does_not_come_back_all_at_once() {
    let breakers = Breakers::new(limits());
    fail(&breakers, 3);

    let mut away: Vec<Duration> = (0..1000).map(|_| pass(&breakers).unwrap_err().0).collect();

    away.dedup();
    assert_eq!(away.len(), 1000);
    assert!(away.iter().all(|away| *away >= 5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn more_callbacks_than_there_is_room_for_are_called_without_a_breaker() {
    let breakers = Breakers::new(limits());

    for instance in 0..100 {
        for _ in 0..3 {
            breakers
                .admit(Lane::changes(instance))
                .map(Pass::failed)
                .ok();
        }
        assert!(breakers.breakers().len() <= 10);
    }
    assert!(breakers.admit(Lane::changes(0)).is_err());
    assert!(breakers.admit(Lane::changes(99)).is_ok());

    // What nothing was sent to for long makes room.
    tokio::time::advance(121 * SECOND).await;
    for _ in 0..3 {
        breakers.admit(Lane::changes(99)).unwrap().failed();
    }
    assert!(breakers.admit(Lane::changes(99)).is_err());
}

/// What may happen to a breaker.
#[derive(Clone, Debug)]
enum Step {
    Admit,
    Succeed(usize),
    Fail(usize),
    AskToWait(usize, u64),
    Drop(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0usize..8;
    prop_oneof![
        4 => Just(Step::Admit),
        1 => which.clone().prop_map(Step::Succeed),
        4 => which.clone().prop_map(Step::Fail),
        1 => (which.clone(), 0u64..100).prop_map(|(which, time)| Step::AskToWait(which, time)),
        1 => which.prop_map(Step::Drop),
        3 => (0u64..40).prop_map(Step::Pass),
    ]
}

proptest! {
    /// Whatever happens: while it is open nothing goes out but one probe, no earlier than its time, and everybody else is
    /// sent away for a time that ends.
    #[test]
    fn an_open_breaker_lets_nothing_out_but_one_probe_in_its_time(steps in prop::collection::vec(step(), 1..200)) {
        let mut breaker = Breaker::new(Instant::now());
        let (limits, mut now) = (limits(), Instant::now());
        let mut under_way: Vec<Option<Probe>> = Vec::new();
        for (step, number) in steps.into_iter().zip(0..) {
            let take = |under_way: &mut Vec<Option<Probe>>, which: usize| {
                (which < under_way.len()).then(|| under_way.remove(which))
            };
            match step {
                Step::Pass(seconds) => now += SECOND * u32::try_from(seconds).unwrap(),
                Step::Admit => {
                    let before = breaker.state.clone();
                    let admission = breaker.admit(now, number);
                    match (&before, admission) {
                        (State::Closed { failures }, Admission::Free) => prop_assert!(*failures < limits.failures),
                        (State::Open { until, probe: None, .. }, Admission::Probe(_)) => prop_assert!(*until <= now),
                        (State::Open { until, probe, pause, .. }, Admission::Away(away)) => {
                            prop_assert!(probe.is_some() || *until > now);
                            prop_assert!(away > Duration::ZERO);
                            prop_assert!(*pause >= limits.pause && *pause <= limits.longest_pause);
                        }
                        other => prop_assert!(false, "{other:?}"),
                    }
                    match admission {
                        Admission::Free => under_way.push(None),
                        Admission::Probe(probe) => under_way.push(Some(probe)),
                        Admission::Away(_) => {}
                    }
                }
                // A success makes it forgotten; a probe that is still under way then decides nothing.
                Step::Succeed(which) => if take(&mut under_way, which).is_some() {
                    breaker = Breaker::new(now);
                },
                Step::Fail(which) => if let Some(probe) = take(&mut under_way, which) {
                    breaker.failed(now, probe, &limits);
                },
                Step::AskToWait(which, time) => if let Some(probe) = take(&mut under_way, which) {
                    breaker.hold(now, SECOND * u32::try_from(time).unwrap(), (probe, &limits));
                },
                Step::Drop(which) => if let Some(Some(probe)) = take(&mut under_way, which) {
                    breaker.is_void(probe);
                },
            }
            // Its probe is under way: never is another let out before that one has ended.
            if let State::Open { probe: probe @ Some(_), .. } = &breaker.state {
                prop_assert!(under_way.contains(probe));
            }
        }
    }
}
