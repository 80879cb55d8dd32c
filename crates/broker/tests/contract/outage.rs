//! RabbitMQ going away and coming back.

use std::time::Duration;

use ie_broker::{Broker, Config, Error, Outgoing};
use tokio::time::{Instant, timeout};

use crate::proxy::Proxy;
use crate::rig::{
    Backend, LIMIT, amqp_url, config, context, delete_queues, eventually, ids, note, with_config,
};

fn through(proxy: &Proxy) -> Config {
    let direct = config(Backend::RabbitMq);
    Config {
        url: proxy.url(&amqp_url()).into(),
        ..direct
    }
}

#[tokio::test]
async fn nothing_is_lost_when_connections_are_cut_again_and_again() {
    let proxy = Proxy::to(&amqp_url()).await;
    with_config(through(&proxy), async |rig| {
        let mut consumer = rig.consume_all(20);

        for round in 0..10 {
            let batch: Vec<_> = (0..100).map(|n| note(format!("{round}-{n}"))).collect();
            let outgoing: Vec<_> = batch.iter().map(Outgoing::new).collect();
            let (outcomes, ()) = tokio::join!(rig.broker.publish(&outgoing), proxy.cut_once());
            // What got no answer within the limit would be published again by its owner; here each gets one.
            assert!(outcomes.unwrap().iter().all(Result::is_ok), "round {round}");
        }

        let mut seen = Vec::new();
        while ids(&seen).len() < 1000 {
            seen.push(consumer.next().await);
        }
        seen.extend(consumer.stop().await);
        rig.holds(0, 0, 0).await;
        let unmarked = seen
            .iter()
            .filter(|seen| !seen.delivery.redelivered)
            .count();
        assert!(unmarked <= 1000, "every copy says that it may be one");
    })
    .await;
}

#[tokio::test]
async fn a_publish_without_a_broker_fails_within_its_limit_and_works_once_it_is_back() {
    let proxy = Proxy::to(&amqp_url()).await;
    let limited = Config {
        publish_timeout: Duration::from_millis(500),
        ..through(&proxy)
    };
    with_config(limited, async |rig| {
        let message = note("a");

        proxy.cut();
        let begun = Instant::now();
        let without = rig.broker.publish_one(Outgoing::new(&message)).await;
        let took = begun.elapsed();
        eventually(
            "unready",
            async || rig.context.health.is_ready(),
            |ready| !ready,
        )
        .await;
        proxy.restore();
        eventually(
            "ready",
            async || rig.context.health.is_ready(),
            |ready| *ready,
        )
        .await;
        let with = rig.broker.publish_one(Outgoing::new(&message)).await;

        assert!(
            matches!(without, Err(Error::Disconnected { .. })),
            "{without:?}"
        );
        assert!(took < Duration::from_secs(5), "{took:?}");
        with.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_went_silent_does_not_hang_a_publish() {
    let proxy = Proxy::to(&amqp_url()).await;
    let limited = Config {
        publish_timeout: Duration::from_millis(500),
        ..through(&proxy)
    };
    with_config(limited, async |rig| {
        let message = note("a");

        proxy.go_silent();
        let silent = timeout(LIMIT, rig.broker.publish_one(Outgoing::new(&message))).await;
        proxy.cut_once().await;
        let heard = eventually(
            "publishing works again",
            async || {
                rig.broker
                    .publish_one(Outgoing::new(&message))
                    .await
                    .is_ok()
            },
            |works| *works,
        );

        let silent = silent.expect("an answer in time");
        assert!(
            matches!(silent, Err(Error::Disconnected { .. })),
            "{silent:?}"
        );
        assert!(heard.await);
    })
    .await;
}

#[tokio::test]
async fn a_consumer_takes_up_again_after_an_outage() {
    let proxy = Proxy::to(&amqp_url()).await;
    with_config(through(&proxy), async |rig| {
        let mut consumer = rig.consume_all(5);
        rig.publish(&[note("before")]).await;
        assert_eq!(consumer.next().await.id, "before");

        proxy.cut();
        eventually(
            "unready",
            async || rig.context.health.is_ready(),
            |ready| !ready,
        )
        .await;
        proxy.restore();
        rig.publish(&[note("after")]).await;

        // What was acknowledged just before the cut may come again.
        while consumer.next().await.id != "after" {}
    })
    .await;
}

#[tokio::test]
async fn connecting_waits_for_a_broker_that_is_not_there_yet() {
    let proxy = Proxy::to(&amqp_url()).await;
    let (config, context) = (through(&proxy), context());
    proxy.cut();

    let connecting = Broker::connect(&config, &context);
    let restoring = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.restore();
    };
    let (connected, ()) = tokio::join!(timeout(LIMIT, connecting), restoring);

    connected.expect("connects in time").unwrap();
    delete_queues(&config).await;
}

#[tokio::test]
async fn a_soft_stop_ends_the_wait_for_a_broker() {
    let proxy = Proxy::to(&amqp_url()).await;
    let (config, context) = (through(&proxy), context());
    proxy.cut();
    context.lifecycle.stop();

    let outcome = timeout(LIMIT, Broker::connect(&config, &context))
        .await
        .expect("in time");

    assert!(
        matches!(outcome, Err(Error::Disconnected { .. })),
        "{outcome:?}"
    );
}
