//! Callbacks that lead into the operator's network are not called.

use ie_model::NotificationStatus::{Failed, Notified};
use rstest::rstest;

use crate::support::{Receiver, Rig};

#[rstest]
#[case::literal("http://127.0.0.1:PORT/")]
#[case::short("http://127.1:PORT/")]
#[case::decimal("http://2130706433:PORT/")]
#[case::mapped("http://[::ffff:127.0.0.1]:PORT/")]
#[case::name("http://localhost:PORT/")]
#[tokio::test]
async fn an_address_inside_is_refused_however_it_is_written(#[case] url: &str) {
    let rig = Rig::start(&[("allow_networks", "[]"), ("schedule", "[10ms]")]).await;
    let mut receiver = Receiver::start().await;
    let url = url.replace("PORT", &receiver.port().to_string());
    let instance = rig.instance(&url).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    assert_eq!(stored.attempts, 2);
    let error = stored.last_error.unwrap();
    assert!(error.contains("loopback"), "{error}");
    assert!(error.contains("dispatcher.allow_networks"), "{error}");
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert!(receiver.others().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_into_an_allowed_network_is_called() {
    let rig = Rig::start(&[]).await;
    let mut receiver = Receiver::start().await;
    let url = format!("http://localhost:{}/", receiver.port());
    let instance = rig.instance(&url).await;

    let notification = rig.notify(instance).await;

    receiver.next().await;
    rig.reaches(&notification, Notified).await;
    rig.stop(0).await;
}

#[tokio::test]
async fn without_tls_nothing_is_called_unless_the_operator_allows_it() {
    let rig = Rig::start(&[("outgoing.allow_http", "false"), ("schedule", "[]")]).await;
    let mut receiver = Receiver::start().await;
    let instance = rig.instance(&receiver.url("/")).await;

    let notification = rig.notify(instance).await;

    let stored = rig.reaches(&notification, Failed).await;
    assert!(stored.last_error.unwrap().contains("outgoing.allow_http"));
    rig.queue_is(|depth| depth.dead == 1).await;
    rig.stop(1).await;
    assert!(receiver.others().is_empty());
}
