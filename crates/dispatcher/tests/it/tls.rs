//! Callbacks with an authority of their own, and callbacks that want to see a certificate.

use ie_model::NotificationStatus::{Failed, Notified};
use ie_model::instance::secret;
use ie_model::{DeliverySettings, ErrorClass, InstanceId, TlsSettings};
use ie_store::PollerChanges;

use crate::support::{Authority, NewInstance, Receiver, Rig, eventually};

fn trusting(authority: &Authority) -> TlsSettings {
    TlsSettings {
        authorities: Some(authority.pem()),
        certificate: None,
    }
}

fn notifying(receiver: &Receiver, tls: TlsSettings) -> NewInstance {
    NewInstance::notifying(&receiver.secure_url()).with_delivery(DeliverySettings {
        tls,
        ..DeliverySettings::default()
    })
}

/// Notifies once, and gives why it failed.
async fn refusal(rig: &Rig, instance: InstanceId) -> String {
    let notification = rig.notify(instance).await;
    rig.reaches(&notification, Failed).await;
    let attempt = rig.attempts(&notification).await.remove(0);
    assert_eq!(attempt.error_class, Some(ErrorClass::Tls), "{attempt:?}");
    attempt.error.unwrap()
}

async fn delivered(rig: &Rig, instance: InstanceId) {
    let notification = rig.notify(instance).await;
    rig.reaches(&notification, Notified).await;
}

#[tokio::test]
async fn a_callback_of_an_unknown_authority_is_refused_and_the_way_to_mend_it_told() {
    let rig = Rig::start(&[("schedule", "[]")]).await;
    let (authority, other) = (Authority::new("its own"), Authority::new("another"));
    let mut receiver = Receiver::secure(authority.acceptor(None)).await;
    let plain = rig.instance(&receiver.secure_url()).await;
    let wrong = rig
        .instance_with(notifying(&receiver, trusting(&other)))
        .await;

    for instance in [plain, wrong] {
        let error = refusal(&rig, instance).await;
        assert!(error.contains("UnknownIssuer"), "{error}");
        assert!(error.contains("event.notification.tls.ca"), "{error}");
    }

    rig.queue_is(|depth| depth.dead == 2).await;
    rig.stop(2).await;
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn an_authority_holds_for_the_callback_of_its_instance_alone() {
    let rig = Rig::start(&[("schedule", "[]")]).await;
    let authority = Authority::new("its own");
    let receiver = Receiver::secure(authority.acceptor(None)).await;
    let own = rig
        .instance_with(notifying(&receiver, trusting(&authority)))
        .await;
    let other = rig.instance(&receiver.secure_url()).await;

    delivered(&rig, own).await;
    refusal(&rig, other).await;
    delivered(&rig, own).await;

    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
}

#[tokio::test]
async fn a_callback_that_wants_a_certificate_accepts_the_one_of_the_instance() {
    let rig = Rig::start(&[("schedule", "[]")]).await;
    let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
    let mut receiver = Receiver::secure(authority.acceptor(Some(&clients))).await;
    let issued = clients.issue("insightly-events");
    let tls = TlsSettings {
        certificate: Some(issued.certificate),
        ..trusting(&authority)
    };
    let with = notifying(&receiver, tls).with_secret(secret::CLIENT_KEY, &issued.key);
    let with = rig.instance_with(with).await;
    let without = rig
        .instance_with(notifying(&receiver, trusting(&authority)))
        .await;

    delivered(&rig, with).await;
    receiver.next().await;
    let error = refusal(&rig, without).await;

    assert!(
        error.contains("event.notification.tls.client.certificate"),
        "{error}"
    );
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn a_certificate_whose_key_is_missing_is_never_left_out_in_silence() {
    let rig = Rig::start(&[("schedule", "[]")]).await;
    let authority = Authority::new("servers");
    let mut receiver = Receiver::secure(authority.acceptor(None)).await;
    let tls = TlsSettings {
        certificate: Some(authority.issue("insightly-events").certificate),
        ..trusting(&authority)
    };
    let instance = rig.instance_with(notifying(&receiver, tls)).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    let error = stored.last_error.unwrap();
    assert!(error.contains("go together"), "{error}");
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn another_authority_takes_effect_on_connections_that_stand() {
    let rig = Rig::start(&[("schedule", "[]")]).await;
    let authority = Authority::new("its own");
    let receiver = Receiver::secure(authority.acceptor(None)).await;
    let instance = rig
        .instance_with(notifying(&receiver, trusting(&authority)))
        .await;
    delivered(&rig, instance).await;
    assert_eq!(receiver.connections().open(), 1);

    change(&rig, instance, trusting(&Authority::new("another"))).await;

    eventually("the refusal", || async {
        let notification = rig.notify(instance).await;
        let stored = eventually("its end", || async {
            let stored = rig.stored(notification.id).await;
            stored.status.is_final().then_some(stored)
        });
        (stored.await.status == Failed).then_some(())
    })
    .await;
    eventually("the connection is closed", || async {
        (receiver.connections().open() == 0).then_some(())
    })
    .await;
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
}

async fn change(rig: &Rig, instance: InstanceId, tls: TlsSettings) {
    let mut changed = rig.store.instance(instance).await.unwrap().unwrap();
    changed.settings.delivery.tls = tls;
    let pollers = PollerChanges {
        keep_others: true,
        ..PollerChanges::default()
    };
    rig.store.update_instance(&changed, &pollers).await.unwrap();
}

#[tokio::test]
async fn what_an_instance_brings_opens_no_way_into_the_operators_network() {
    let rig = Rig::start(&[("allow_networks", "[]"), ("schedule", "[]")]).await;
    let authority = Authority::new("its own");
    let receiver = Receiver::secure(authority.acceptor(None)).await;
    let instance = rig
        .instance_with(notifying(&receiver, trusting(&authority)))
        .await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    let error = stored.last_error.unwrap();
    assert!(error.contains("dispatcher.allow_networks"), "{error}");
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert_eq!(receiver.connections().made(), 0);
}
