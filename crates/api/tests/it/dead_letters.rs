//! `/dead-letters`, and the second chance.

use std::sync::Arc;
use std::time::Duration;

use ie_broker::{ConsumerSettings, Delivery, Failure, Handler};
use ie_model::{Notification, NotificationId, NotificationStatus, Queue};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rig::{Rig, id};

/// Hands what is delivered to the test.
struct Receiver(mpsc::UnboundedSender<(NotificationId, Delivery)>);

#[async_trait::async_trait]
impl Handler<Notification> for Receiver {
    async fn handle(&self, message: Notification, delivery: &Delivery) -> Result<(), Failure> {
        self.0.send((message.id, delivery.clone())).unwrap();
        Ok(())
    }
}

fn consume(rig: &Rig) -> mpsc::UnboundedReceiver<(NotificationId, Delivery)> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (broker, lifecycle) = (rig.broker.clone(), rig.context.lifecycle.clone());
    rig.context.lifecycle.spawn("consumer", async move {
        let settings = ConsumerSettings { prefetch: 10 };
        broker
            .consume(settings, Arc::new(Receiver(sender)), &lifecycle)
            .await
    });
    receiver
}

async fn status(rig: &Rig, id: NotificationId) -> NotificationStatus {
    rig.store.notification(id).await.unwrap().unwrap().status
}

#[tokio::test]
async fn a_dead_letter_says_why_it_died() {
    let rig = Rig::start().await;
    let (instance, ids) = rig.failed(1).await;

    let mut letters = rig
        .get(&format!("/dead-letters?instanceId={instance}"))
        .await
        .ok();

    assert_eq!(letters[0]["id"], ids[0].to_string());
    letters[0]["id"] = json!("(id)");
    letters[0]["instanceId"] = json!("(id)");
    insta::assert_json_snapshot!(letters);
}

#[tokio::test]
async fn only_what_failed_is_a_dead_letter_and_they_come_in_pages() {
    let rig = Rig::start().await;
    let (_, ids) = rig.failed(3).await;
    let instance = id(&rig.instance(&json!({"event.objects": "contacts"})).await);
    rig.notifications(instance, 1).await;

    let page = rig.get("/dead-letters?pageSize=2").await;
    let token = page.headers["elements-next-page-token"]
        .to_str()
        .unwrap()
        .to_owned();
    let rest = rig
        .get(&format!("/dead-letters?pageSize=2&nextPage={token}"))
        .await
        .ok();

    assert_eq!(page.ok().as_array().unwrap().len(), 2);
    assert_eq!(rest.as_array().unwrap().len(), 1);
    assert_eq!(rest[0]["id"], ids[2].to_string());
}

#[tokio::test]
async fn a_redriven_notification_is_delivered_with_its_attempts_counted_on() {
    let rig = Rig::start().await;
    let (_, ids) = rig.failed(1).await;
    let mut delivered = consume(&rig);

    let answer = rig.post("/dead-letters/redrive", &json!({})).await.ok();

    assert_eq!(
        answer,
        json!({
            "redriven": 1, "queued": 1, "until": "2026-11-24T10:01:00Z", "waitMs": 10,
            "last": ids[0].to_string(), "remaining": 0, "more": false,
        })
    );
    let (id, delivery) = tokio::time::timeout(Duration::from_secs(10), delivered.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(id, ids[0]);
    assert_eq!(delivery.attempt, 2);
    assert!(
        delivery.redelivered,
        "the dispatcher looks up what was done already"
    );
    assert_eq!(status(&rig, ids[0]).await, NotificationStatus::Received);
    assert_eq!(rig.get("/dead-letters").await.ok(), json!([]));
}

#[tokio::test]
async fn a_redrive_takes_what_it_is_asked_to_take() {
    let rig = Rig::start().await;
    let (first, of_first) = rig.failed(3).await;
    let (second, of_second) = rig.failed(2).await;
    let redrive =
        async |body: Value| rig.post("/dead-letters/redrive", &body).await.ok()["redriven"].clone();

    assert_eq!(
        redrive(json!({"ids": [of_first[1].to_string(), of_second[0].get(), "999999"]})).await,
        2
    );
    assert_eq!(
        status(&rig, of_first[1]).await,
        NotificationStatus::Received
    );
    assert_eq!(status(&rig, of_first[0]).await, NotificationStatus::Failed);

    assert_eq!(redrive(json!({"instanceId": second.to_string()})).await, 1);
    assert_eq!(redrive(json!({"instanceId": first, "limit": 1})).await, 1);
    assert_eq!(
        status(&rig, of_first[0]).await,
        NotificationStatus::Received,
        "the oldest first"
    );
    assert_eq!(status(&rig, of_first[2]).await, NotificationStatus::Failed);
}

#[tokio::test]
async fn what_is_in_the_queue_of_the_dead_is_taken_out() {
    let rig = Rig::start().await;
    let (_, ids) = rig.failed(1).await;
    let stored = rig.store.notification(ids[0]).await.unwrap().unwrap();
    struct Kills;
    #[async_trait::async_trait]
    impl Handler<Notification> for Kills {
        async fn handle(&self, _: Notification, _: &Delivery) -> Result<(), Failure> {
            Err(Failure::dead_letter(std::io::Error::other("refused")))
        }
    }
    rig.broker
        .publish_one(ie_broker::Outgoing::new(&stored.notification))
        .await
        .unwrap();
    let stop = ie_platform::Lifecycle::new();
    let consumer = rig.context.lifecycle.spawn_detail({
        let (broker, stop) = (rig.broker.clone(), stop.clone());
        async move {
            broker
                .consume(ConsumerSettings { prefetch: 1 }, Arc::new(Kills), &stop)
                .await
        }
    });
    let killed = async {
        while rig.broker.depth(Queue::Changes).await.unwrap().dead == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), killed)
        .await
        .unwrap();
    stop.stop();
    consumer.await.unwrap().unwrap();

    rig.post("/dead-letters/redrive", &json!({})).await.ok();

    let depth = rig.broker.depth(Queue::Changes).await.unwrap();
    assert_eq!((depth.ready, depth.dead), (1, 0));
}

#[tokio::test]
async fn a_redrive_without_a_body_takes_all() {
    let rig = Rig::with(&[("REDRIVE_LIMIT", "2")]).await;
    rig.failed(3).await;

    let first = rig
        .call(reqwest::Method::POST, "/dead-letters/redrive", None)
        .await
        .ok();
    let second = rig
        .call(reqwest::Method::POST, "/dead-letters/redrive", None)
        .await
        .ok();

    assert_eq!(
        (&first["redriven"], &second["redriven"]),
        (&json!(2), &json!(1))
    );
}

#[tokio::test]
async fn a_redrive_that_cannot_be_read_is_refused() {
    let rig = Rig::start().await;
    let body = json!({"ids": "all", "limit": 0, "status": "FAILED"});

    let message = rig
        .post("/dead-letters/redrive", &body)
        .await
        .refused(StatusCode::BAD_REQUEST);

    assert_eq!(
        message,
        "3 problems: (1) $.ids: expected a list of the ids of events, such as [\"1042\"]; \
         (2) $.limit: expected a whole number of dead letters from 1 to 1000, got 0; \
         (3) $.status: is not known here; expected instanceId, ids, objectType, errorClass, from, to, after, limit"
    );
}

#[tokio::test]
async fn a_redrive_says_what_it_left_and_goes_on_after_the_last_one() {
    let rig = Rig::with(&[("REDRIVE_LIMIT", "2"), ("REDRIVE_RATE", "4")]).await;
    let (_, ids) = rig.failed(5).await;
    let mut body = json!({});
    let mut taken = Vec::new();
    loop {
        let answer = rig.post("/dead-letters/redrive", &body).await.ok();
        taken.push((answer["redriven"].clone(), answer["remaining"].clone()));
        // It dies again at once, as of an instance that is off: it is behind.
        rig.fail(ids[0], NotificationStatus::Failed).await;
        if answer["more"] != true {
            assert_eq!(answer["last"], ids[4].to_string());
            break;
        }
        assert_eq!(answer["waitMs"], 500, "two at four per second");
        body = json!({"after": answer["last"]});
    }

    let expected = [(2, 3), (2, 1), (1, 0)];
    assert_eq!(
        taken,
        expected.map(|(some, rest)| (json!(some), json!(rest)))
    );
    let nothing = rig.post("/dead-letters/redrive", &body).await.ok();
    assert_eq!(
        (&nothing["more"], &nothing["last"]),
        (&json!(false), &json!(null))
    );
    let odd = rig
        .post("/dead-letters/redrive", &json!({"after": "soon"}))
        .await;
    let message = odd.refused(StatusCode::BAD_REQUEST);
    assert!(
        message.contains("$.after: expected the id of an event"),
        "{message}"
    );
}

#[tokio::test]
async fn a_discard_says_what_it_left() {
    let rig = Rig::with(&[("REDRIVE_LIMIT", "2")]).await;
    let (instance, ids) = rig.failed(3).await;
    let body = json!({"instanceId": instance});

    let first = rig.post("/dead-letters/discard", &body).await.ok();
    let rest = json!({"instanceId": instance, "after": first["last"]});
    let second = rig.post("/dead-letters/discard", &rest).await.ok();

    assert_eq!(
        first,
        json!({"discarded": 2, "last": ids[1].to_string(), "remaining": 1, "more": true})
    );
    assert_eq!(
        second,
        json!({"discarded": 1, "last": ids[2].to_string(), "remaining": 0, "more": false})
    );
}
