//! What only RabbitMQ can do to us.

use std::time::Duration;

use ie_broker::{Broker, Config, Error, Failure, Outgoing};
use ie_model::Queue;
use lapin::options::{BasicGetOptions, BasicNackOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;

use crate::rig::{
    Backend, amqp_url, config, context, delete_queues, note, raw_connection, with_config, with_rig,
};

#[tokio::test]
async fn a_message_that_reaches_no_queue_is_an_error() {
    with_rig(Backend::RabbitMq, async |rig| {
        let raw = raw_connection().await.create_channel().await.unwrap();
        let name = format!("{}.changes", rig.config.prefix);
        raw.queue_delete(name.as_str().into(), QueueDeleteOptions::default())
            .await
            .unwrap();

        let outcome = rig.broker.publish_one(Outgoing::new(&note("a"))).await;

        let again = rig.broker.publish_one(Outgoing::new(&note("a"))).await;

        let Err(Error::Unroutable { queue }) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(queue, name);
        again.expect("the queue was declared again");
    })
    .await;
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_named_with_the_way_to_mend_it() {
    let config = config(Backend::RabbitMq);
    let connection = raw_connection().await;
    let channel = connection.create_channel().await.unwrap();
    let name = format!("{}.changes", config.prefix);
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare(name.as_str().into(), durable, FieldTable::default())
        .await
        .unwrap();

    let error = Broker::connect(&config, &context()).await.unwrap_err();

    delete_queues(&config).await;
    assert!(matches!(error, Error::Topology { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains(&format!("`{name}` is declared with other arguments")),
        "{text}"
    );
    assert!(
        text.contains("inequivalent arg"),
        "the broker's own words: {text}"
    );
    assert!(
        text.contains(&format!("rabbitmqctl delete_queue {name}")),
        "{text}"
    );
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_once_and_not_shown() {
    let url = amqp_url();
    let (_, rest) = url.split_once('@').expect("an address with a user");
    let wrong = format!("amqp://guest:hunter2@{rest}");
    let config = Config {
        url: wrong.into(),
        ..config(Backend::RabbitMq)
    };

    let error = Broker::connect(&config, &context()).await.unwrap_err();

    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

#[tokio::test]
async fn a_consumer_whose_queue_was_deleted_declares_it_and_subscribes_again() {
    with_rig(Backend::RabbitMq, async |rig| {
        let mut consumer = rig.consume_all(5);
        rig.publish(&[note("before")]).await;
        consumer.next().await;
        rig.holds(0, 0, 0).await;

        let raw = raw_connection().await.create_channel().await.unwrap();
        let name = format!("{}.changes", rig.config.prefix);
        raw.queue_delete(name.into(), QueueDeleteOptions::default())
            .await
            .unwrap();
        while rig
            .broker
            .publish_one(Outgoing::new(&note("after")))
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }

        assert_eq!(consumer.next().await.id, "after");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_kills_its_consumers_ends_among_the_dead_letters() {
    let fatal = Config {
        delivery_limit: 2,
        ..config(Backend::RabbitMq)
    };
    with_config(fatal, async |rig| {
        rig.publish(&[note("poison")]).await;
        let raw = raw_connection().await.create_channel().await.unwrap();
        let name = format!("{}.changes", rig.config.prefix);

        let mut deliveries = 0;
        while rig.depth().await.dead == 0 {
            let options = BasicGetOptions::default();
            let got = raw.basic_get(name.as_str().into(), options).await.unwrap();
            let Some(message) = got else { continue };
            deliveries += 1;
            let requeue = BasicNackOptions {
                requeue: true,
                ..Default::default()
            };
            message.acker.nack(requeue).await.unwrap();
        }

        assert_eq!(deliveries, 3);
        let dead = rig
            .broker
            .dead_letters(Queue::Changes, 1)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(dead.message_id, "poison");
        assert!(dead.reason.contains("delivery_limit"), "{}", dead.reason);
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_put_off_is_handed_out_again_and_not_lost() {
    with_rig(Backend::RabbitMq, async |rig| {
        let mut consumer = rig.consume(1, |note, delivery| {
            Box::pin(async move {
                match (note.id.as_str(), delivery.attempt) {
                    ("a", 1) => Err(Failure::retry("down")),
                    _ => Ok(()),
                }
            })
        });
        // Both connections declare the queues when they open.
        rig.publish(&[note("warm")]).await;
        consumer.next().await;
        let raw = raw_connection().await.create_channel().await.unwrap();
        let name = format!("{}.changes.wait.50ms", rig.config.prefix);
        raw.queue_delete(name.into(), QueueDeleteOptions::default())
            .await
            .unwrap();

        rig.publish(&[note("a")]).await;
        let seen = consumer.take(3).await;

        // The first retry finds no wait queue, the second finds it declared again; that it came back stays known.
        let (second, third) = (&seen[1].delivery, &seen[2].delivery);
        assert_eq!((second.attempt, second.redelivered), (1, true));
        assert_eq!((third.attempt, third.redelivered), (2, true));
        consumer.stop().await;
        rig.holds(0, 0, 0).await;
    })
    .await;
}
