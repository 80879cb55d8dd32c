//! A thousand callbacks, of which a hundred never answer.

use std::time::Duration;

use ie_model::NotificationStatus::Notified;
use ie_model::{InstanceId, Notification};
use rstest::rstest;

use crate::support::Backend::{Memory, RabbitMq};
use crate::support::{Answer, Backend, Receiver, Rig};

const HEALTHY: usize = 900;
const SILENT: usize = 100;

/// Below this a machine that is busy with other things decides, not the silent callbacks.
const NOISE: Duration = Duration::from_secs(1);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_silent_callbacks_of_a_thousand_do_not_touch_the_others(
    #[values(Memory, RabbitMq)] backend: Backend,
) {
    let rig = Rig::prepare_on(backend).await;
    rig.dispatch(&[("timeout", "2s"), ("schedule", "[1h]")])
        .await;
    let (healthy, silent) = (Receiver::start().await, Receiver::start().await);
    silent.answer(Answer::never());
    let callbacks = instances(&rig, &healthy, HEALTHY).await;
    let dead = instances(&rig, &silent, SILENT).await;

    let alone = notify(&rig, &callbacks, &[]).await;
    let alone = slowest_hundredth(&rig, &alone).await;
    let beside = notify(&rig, &callbacks, &dead).await;
    let beside = slowest_hundredth(&rig, &beside).await;

    assert!(
        beside <= alone * 3 || beside <= NOISE,
        "{beside:?} beside the silent, {alone:?} alone"
    );
    rig.context.lifecycle.stop();
    rig.context.lifecycle.drain(Duration::from_secs(20)).await;
}

async fn instances(rig: &Rig, receiver: &Receiver, count: usize) -> Vec<InstanceId> {
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        ids.push(rig.instance(&receiver.url(&format!("/{number}"))).await);
    }
    ids
}

/// A notification for each callback; for each silent one as many as would hold all its slots.
async fn notify(rig: &Rig, callbacks: &[InstanceId], silent: &[InstanceId]) -> Vec<Notification> {
    let mut notifications = Vec::new();
    let mut silent = silent.iter();
    for (place, callback) in callbacks.iter().enumerate() {
        if place % 9 == 0
            && let Some(dead) = silent.next()
        {
            rig.notify_times(10, *dead).await;
        }
        notifications.push(rig.notify(*callback).await);
    }
    notifications
}

/// The 99th percentile of the time from a notification's making to the end of its only attempt.
async fn slowest_hundredth(rig: &Rig, notifications: &[Notification]) -> Duration {
    let mut times = Vec::new();
    for notification in notifications {
        let stored = rig.reaches(notification, Notified).await;
        assert_eq!(stored.attempts, 1);
        let attempt = rig.attempts(notification).await.remove(0);
        let waited = (attempt.at - notification.created_at).to_std();
        times.push(waited.unwrap_or_default() + Duration::from_millis(attempt.duration_ms));
    }
    times.sort();
    times[times.len() * 99 / 100]
}
