//! Callbacks that are down: who is left alone for how long, and that everything arrives in the end.

use std::sync::Arc;
use std::time::Duration;

use ie_model::NotificationStatus::{Failed, Notified};
use ie_model::{CallRate, DeliverySettings};
use rstest::rstest;
use tokio::sync::Semaphore;

use crate::support::Backend::{Memory, RabbitMq};
use crate::support::{Answer, Backend, NewInstance, Receiver, Rig, eventually};

/// A day at a thousandth of a second per second: the default schedule, breaker and parks, in milliseconds.
const FAST: [(&str, &str); 4] = [
    ("schedule", "[5ms, 30ms, 120ms, 600ms, 1800ms, 7200ms]"),
    ("breaker_pause", "5ms"),
    ("breaker_longest_pause", "300ms"),
    ("park", "[1ms, 5ms, 30ms]"),
];
const PLANNED: [i64; 6] = [5, 30, 120, 600, 1800, 7200];

#[rstest]
#[tokio::test]
async fn a_callback_that_was_down_for_an_hour_gets_everything_once_and_nothing_too_early(
    #[values(Memory, RabbitMq)] backend: Backend,
) {
    let rig = Rig::prepare_on(backend).await;
    rig.dispatch(&FAST).await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(503));
    let instance = rig.instance(&receiver.url("/")).await;

    let notifications = rig.notify_times(30, instance).await;
    // The hour: 3,600 ms after its first failure it is up again.
    receiver.next().await;
    tokio::time::sleep(Duration::from_millis(3600)).await;
    let refused = 1 + receiver.others().len();
    receiver.answer(Answer::status(200));

    for notification in &notifications {
        let stored = rig.reaches(notification, Notified).await;
        let attempts = rig.attempts(notification).await;
        assert_eq!(attempts.len(), stored.attempts as usize);
        for (pair, planned) in attempts.windows(2).zip(PLANNED) {
            let gap = (pair[1].at - pair[0].at).num_milliseconds();
            assert!(gap >= planned * 9 / 10 - 1, "{gap} ms, planned {planned}");
        }
        let accepted = attempts.iter().filter(|a| a.status_code == Some(200));
        assert_eq!(accepted.count(), 1);
    }
    // Left alone, it was not asked 30 times five times, as the schedule alone would have done.
    assert!(refused < 60, "{refused} requests while it was down");
    rig.queue_is(|depth| depth.waiting == 0 && depth.ready == 0)
        .await;
    rig.stop(0).await;
}

#[tokio::test]
async fn a_callback_that_keeps_failing_sees_one_probe_at_a_time() {
    let rig = Rig::start(&[
        ("breaker_failures", "3"),
        (
            "schedule",
            "[10ms, 10ms, 10ms, 10ms, 10ms, 10ms, 10ms, 10ms]",
        ),
    ])
    .await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(500));
    let instance = rig.instance(&receiver.url("/")).await;
    let first = rig.notify_times(3, instance).await;
    for _ in 0..3 {
        receiver.next().await;
    }
    let gate = Arc::new(Semaphore::new(0));
    receiver.answer(Answer::status(500).behind(&gate));
    // Nothing else goes on: what was under way when it opened has ended.
    eventually("the attempts are recorded", || async {
        let recorded = rig.attempts(&first[2]).await;
        (!recorded.is_empty()).then_some(())
    })
    .await;

    let mut all = first;
    for _ in 0..4 {
        receiver.next().await;
        // Each that comes while the probe is under way is sent away.
        all.extend(rig.notify_times(5, instance).await);
        let others = all.len() - 1;
        rig.queue_is(|depth| depth.ready == 0 && depth.waiting >= others - 1)
            .await;
        assert!(receiver.others().is_empty(), "a second request");
        gate.add_permits(1);
    }

    receiver.answer(Answer::status(200));
    gate.add_permits(100);
    for notification in &all {
        rig.reaches(notification, Notified).await;
    }
    rig.queue_is(|depth| depth.waiting == 0).await;
    rig.stop(0).await;
}

#[tokio::test]
async fn a_callback_that_names_a_time_is_left_alone_until_then() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([Answer::status(429).with_header("retry-after", "1")]);
    let instance = rig.instance(&receiver.url("/")).await;
    let first = rig.notify(instance).await;
    receiver.next().await;
    rig.reaches(&first, ie_model::NotificationStatus::Dispatched)
        .await;

    let others = rig.notify_times(5, instance).await;

    for notification in others.iter().chain([&first]) {
        rig.reaches(notification, Notified).await;
        let busy = rig.attempts(&first).await[0].at;
        let accepted = rig.attempts(notification).await.pop().unwrap();
        let gap = (accepted.at - busy).num_milliseconds();
        assert!(gap >= 1000, "{gap} ms after the 429");
    }
    rig.queue_is(|depth| depth.waiting == 0).await;
    rig.stop(0).await;
}

#[tokio::test]
async fn a_rate_is_kept_and_another_callback_does_not_feel_it() {
    let rig = Rig::start(&[("park", "[60ms, 200ms]")]).await;
    let receiver = Receiver::start().await;
    let delivery = DeliverySettings {
        rate: CallRate::new(20.0, Duration::from_secs(1)),
        ..DeliverySettings::default()
    };
    let slow = NewInstance::notifying(&receiver.url("/slow")).with_delivery(delivery);
    let (slow, free) = (
        rig.instance_with(slow).await,
        rig.instance(&receiver.url("/free")).await,
    );

    let kept = rig.notify_times(12, slow).await;
    let others = rig.notify_times(12, free).await;

    for notification in others.iter().chain(&kept) {
        let stored = rig.reaches(notification, Notified).await;
        assert_eq!(stored.attempts, 1);
    }
    let mut times = Vec::new();
    for notification in &kept {
        times.push(rig.attempts(notification).await[0].at);
    }
    times.sort();
    let span = (times[11] - times[0]).num_milliseconds();
    // Eleven gaps of 50 ms; the first may have been late.
    assert!(span >= 11 * 50 * 3 / 4, "{span} ms");
    rig.queue_is(|depth| depth.waiting == 0).await;
    rig.stop(0).await;
}

#[tokio::test]
async fn a_disabled_instance_does_not_wait_for_its_breaker() {
    let rig = Rig::start(&[
        ("breaker_failures", "1"),
        ("breaker_pause", "60ms"),
        ("schedule", "[20ms, 20ms, 20ms]"),
    ])
    .await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([Answer::status(500)]);
    receiver.answer(Answer::status(410));
    let instance = rig.instance(&receiver.url("/")).await;

    let notifications = rig.notify_times(10, instance).await;

    for notification in &notifications {
        rig.reaches(notification, Failed).await;
    }
    assert!(receiver.others().len() <= 10);
    rig.queue_is(|depth| depth.dead == 10).await;
    rig.stop(10).await;
}
