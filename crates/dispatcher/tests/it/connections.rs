//! Connections to callbacks: used again, and bounded over all of them while they are unused.

use axum::http::Version;
use ie_model::NotificationStatus::Notified;
use ie_model::{DeliverySettings, InstanceId, TlsSettings};

use crate::support::{Authority, NewInstance, Receiver, Rig, eventually};

/// Enough that connections would pile up, and few enough for the descriptors of one process.
const CALLBACKS: usize = 500;
const KEPT: usize = 40;

async fn delivered(rig: &Rig, instance: InstanceId) {
    let notification = rig.notify(instance).await;
    rig.reaches(&notification, Notified).await;
}

#[tokio::test]
async fn deliveries_to_one_callback_share_an_http2_connection() {
    let rig = Rig::start(&[]).await;
    let authority = Authority::new("its own");
    let mut receiver = Receiver::secure(authority.acceptor(None)).await;
    let delivery = DeliverySettings {
        tls: TlsSettings {
            authorities: Some(authority.pem()),
            certificate: None,
        },
        ..DeliverySettings::default()
    };
    let new = NewInstance::notifying(&receiver.secure_url()).with_delivery(delivery);
    let instance = rig.instance_with(new).await;

    // One at a time, and then many at once.
    for _ in 0..5 {
        delivered(&rig, instance).await;
    }
    for notification in rig.notify_times(20, instance).await {
        rig.reaches(&notification, Notified).await;
    }

    for _ in 0..25 {
        assert_eq!(receiver.next().await.version, Version::HTTP_2);
    }
    assert_eq!(receiver.connections().made(), 1);
    rig.stop(0).await;
}

#[tokio::test]
async fn a_connection_is_kept_between_deliveries_without_tls() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let instance = rig.instance(&receiver.url("/")).await;

    for _ in 0..5 {
        delivered(&rig, instance).await;
        assert_eq!(receiver.next().await.version, Version::HTTP_11);
    }

    assert_eq!(receiver.connections().made(), 1);
    rig.stop(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unused_connections_are_bounded_over_all_callbacks() {
    let kept = KEPT.to_string();
    let rig = Rig::start(&[("idle_connections", kept.as_str())]).await;
    let mut receivers = Vec::new();
    for _ in 0..CALLBACKS {
        receivers.push(Receiver::start().await);
    }
    let mut notifications = Vec::new();
    let mut last = None;
    for receiver in &receivers {
        let instance = rig.instance(&receiver.url("/")).await;
        notifications.push(rig.notify(instance).await);
        last = Some(instance);
    }
    for notification in &notifications {
        rig.reaches(notification, Notified).await;
    }

    let open = || {
        receivers
            .iter()
            .map(|r| r.connections().open())
            .sum::<usize>()
    };
    let made = || {
        receivers
            .iter()
            .map(|r| r.connections().made())
            .sum::<usize>()
    };
    assert_eq!(made(), CALLBACKS);
    // The other end notices a little later; nothing is closed for its age within the test's patience.
    eventually("the rest is closed", || async {
        (open() <= KEPT).then_some(())
    })
    .await;

    // What was used last is kept.
    delivered(&rig, last.unwrap()).await;
    assert_eq!(made(), CALLBACKS);
    assert!(open() > 0);
    rig.stop(0).await;
}
