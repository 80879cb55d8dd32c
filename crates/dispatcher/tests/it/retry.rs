//! Failed attempts: when the next one comes, and when none does.

use std::time::{Duration, Instant};

use ie_broker::Outgoing;
use ie_model::NotificationStatus::{Dispatched, Failed, Notified};
use ie_model::Queue;

use crate::support::{Answer, Receiver, Rig};

#[tokio::test]
async fn failed_attempts_follow_the_schedule_and_all_are_recorded() {
    let rig = Rig::start(&[("schedule", "[50ms, 150ms, 300ms]")]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([500, 404, 401].map(Answer::status));
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    rig.reaches(&notification, Notified).await;
    let attempts = rig.attempts(&notification).await;
    let seen: Vec<_> = attempts.iter().map(|a| (a.number, a.status_code)).collect();
    let expected = [(1, 500), (2, 404), (3, 401), (4, 200)];
    assert_eq!(
        seen,
        expected.map(|(number, status)| (number, Some(status)))
    );
    for (pair, planned) in attempts.windows(2).zip([50, 150, 300]) {
        let gap = (pair[1].at - pair[0].at).num_milliseconds();
        // A tenth of jitter, and times are kept to the millisecond.
        assert!(
            gap >= planned * 9 / 10 - 1,
            "{gap} ms instead of {planned} ms"
        );
    }
    assert_eq!(receiver.others().len(), 4);
    rig.stop(0).await;
}

#[tokio::test]
async fn the_end_of_the_schedule_is_a_dead_letter() {
    let rig = Rig::start(&[("schedule", "[10ms, 10ms]")]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(500).with_body("out of order"));
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    assert_eq!((stored.attempts, stored.due_at), (3, None));
    assert!(stored.last_error.unwrap().contains("500"));
    let attempts = rig.attempts(&notification).await;
    assert_eq!(attempts.len(), 3);
    for attempt in attempts {
        assert_eq!(attempt.response.as_deref(), Some("out of order"));
    }
    rig.queue_is(|depth| depth.dead == 1).await;
    let dead = rig.broker.dead_letters(Queue::Changes, 10).await.unwrap();
    assert_eq!(dead[0].message_id, notification.id.to_string());
    assert!(
        dead[0].reason.contains("attempt 3 failed"),
        "{}",
        dead[0].reason
    );
    rig.stop(1).await;
    assert_eq!(receiver.others().len(), 3);
}

#[tokio::test]
async fn a_schedule_longer_than_the_brokers_is_followed_to_its_end() {
    let twelve = "[5ms, 5ms, 5ms, 5ms, 5ms, 5ms, 5ms, 5ms, 5ms, 5ms, 5ms, 5ms]";
    let rig = Rig::start(&[("schedule", twelve)]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(500));
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    assert_eq!(stored.attempts, 13);
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert_eq!(receiver.others().len(), 13);
}

#[tokio::test]
async fn a_redriven_notification_begins_the_schedule_again() {
    let rig = Rig::start(&[("schedule", "[10ms]")]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([500, 500, 500].map(Answer::status));
    let instance = rig.instance(&receiver.url("/")).await;
    let notification = rig.notify(instance).await;
    rig.reaches(&notification, Failed).await;

    let redriven = rig
        .store
        .redrive(
            &Default::default(),
            Some(&[notification.id]),
            1,
            ie_store::Pace::at_once(crate::support::now()),
        )
        .await
        .unwrap();
    let message = Outgoing {
        message: &redriven[0].notification,
        traceparent: None,
        republished: true,
        attempt: redriven[0].attempts + 1,
    };
    rig.publish(message).await;

    let stored = rig.reaches(&notification, Notified).await;
    assert_eq!(stored.attempts, 4);
    let attempts = rig.attempts(&notification).await;
    let statuses: Vec<_> = attempts.iter().map(|a| a.status_code.unwrap()).collect();
    assert_eq!(statuses, [500, 500, 500, 200]);
    assert_eq!(receiver.others().len(), 4);
    rig.stop(1).await;
}

#[tokio::test]
async fn a_429_waits_as_long_as_the_callback_asks() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([Answer::status(429).with_header("retry-after", "1")]);
    let instance = rig.instance(&receiver.url("/")).await;

    let started = Instant::now();
    let notification = rig.notify(instance).await;

    receiver.next().await;
    let waiting = rig.reaches(&notification, Dispatched).await;
    let first = &rig.attempts(&notification).await[0];
    let delay = waiting.due_at.unwrap() - first.at;
    assert!(
        (1_000..10_000).contains(&delay.num_milliseconds()),
        "{delay}"
    );
    receiver.next().await;
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    rig.reaches(&notification, Notified).await;
    rig.stop(0).await;
}

#[tokio::test]
async fn a_503_may_name_a_date() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let date = crate::support::now() + chrono::TimeDelta::hours(1);
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    receiver.answer_first([Answer::status(503).with_header("retry-after", &date)]);
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    receiver.next().await;
    let waiting = rig.reaches(&notification, Dispatched).await;
    let delay = waiting.due_at.unwrap() - crate::support::now();
    assert!((58..68).contains(&delay.num_minutes()), "{delay}");
    rig.queue_is(|depth| depth.waiting == 1).await;
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn a_callback_cannot_ask_for_more_than_the_cap() {
    let rig = Rig::start(&[("retry_after_cap", "30ms")]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([Answer::status(429).with_header("retry-after", "86400")]);
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Notified).await;
    assert_eq!(stored.attempts, 2);
    assert_eq!(receiver.others().len(), 2);
    rig.stop(0).await;
}

#[tokio::test]
async fn a_410_disables_the_callback_and_is_a_dead_letter_at_once() {
    let rig = Rig::start(&[("callback_cache", "1h")]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer(Answer::status(410));
    let instance = rig.instance(&receiver.url("/")).await;

    let first = rig.notify(instance).await;
    let stored = rig.reaches(&first, Failed).await;
    let second = rig.notify(instance).await;
    let never_called = rig.reaches(&second, Failed).await;

    assert_eq!(stored.attempts, 1);
    assert_eq!(never_called.attempts, 0);
    assert!(never_called.last_error.unwrap().contains("disabled"));
    let disabled = rig.store.instance(instance).await.unwrap().unwrap();
    assert!(disabled.disabled);
    assert!(disabled.reason.unwrap().contains("410"));
    rig.queue_is(|depth| depth.dead == 2).await;
    assert_eq!(receiver.others().len(), 1);
    rig.stop(2).await;
}

#[tokio::test]
async fn a_redirect_is_a_failed_attempt_and_not_followed() {
    let rig = Rig::start(&[("schedule", "[]")]).await;
    let mut receiver = Receiver::start().await;
    let mut elsewhere = Receiver::start().await;
    let redirect = Answer::status(307).with_header("location", &elsewhere.url("/"));
    receiver.answer(redirect);
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    let error = stored.last_error.unwrap();
    assert!(
        error.contains("307") && error.contains("not followed"),
        "{error}"
    );
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert_eq!(receiver.others().len(), 1);
    assert!(elsewhere.others().is_empty());
}

#[tokio::test]
async fn a_callback_that_does_not_answer_in_time_is_tried_again() {
    let rig = Rig::start(&[("timeout", "1s")]).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_first([Answer::never()]);
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    rig.reaches(&notification, Notified).await;
    let attempts = rig.attempts(&notification).await;
    assert_eq!(attempts[0].status_code, None);
    assert_eq!(attempts[0].error.as_deref(), Some("no answer within 1s"));
    assert!(
        attempts[0].duration_ms >= 1_000,
        "{}",
        attempts[0].duration_ms
    );
    assert_eq!(receiver.others().len(), 2);
    rig.stop(0).await;
}

#[tokio::test]
async fn a_callback_that_is_not_there_is_a_failed_attempt_without_its_url() {
    let rig = Rig::start(&[("schedule", "[]")]).await;
    // Bound, so that nobody else gets the port, and not listening.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/?token=secret", nobody.local_addr().unwrap());
    let instance = rig.instance(&url).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    let error = stored.last_error.unwrap();
    assert!(error.contains("cannot connect"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
}
