//! A message that cannot be read goes to the dead letters at once, with the reason, and nothing else suffers.

use ie_broker::{Broker, Outgoing};
use ie_model::{Message, Queue};
use ie_platform::{Context, Process};
use ie_simulator::{Change, Settings};
use ie_tests::eventually::eventually;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use serde::{Deserialize, Serialize};

/// What says that it is a poll job and is none.
#[derive(Serialize, Deserialize)]
struct Garbage {
    poller: String,
}

impl Message for Garbage {
    const QUEUE: Queue = Queue::Poll;
    const KIND: &'static str = "poll-job";
    const VERSION: u32 = 1;

    fn message_id(&self) -> String {
        "garbage".to_owned()
    }

    fn instance(&self) -> ie_model::InstanceId {
        ie_model::InstanceId(1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_job_that_does_not_parse_is_a_dead_letter_with_its_reason() -> anyhow::Result<()> {
    // Given a system that polls,
    let rig = Rig::start(Mode::Processes, Settings::empty().without_limits()).await?;
    let (instance, _) = rig.create_instance(&["contacts"]).await?;
    let context = Context::new(Process {
        name: "ie-tests",
        version: "0",
    });
    let broker = Broker::connect(&rig.broker_config()?, &context).await?;

    // when a poll job comes that does not parse,
    let message = &Garbage {
        poller: "seven".to_owned(),
    };
    let outgoing = Outgoing {
        message,
        traceparent: None,
        republished: false,
        attempt: 1,
    };
    broker.publish(&[outgoing]).await?.remove(0)?;

    // then it is a dead letter that says why, after one look, and polls go on.
    let letter = eventually("the dead letter", PATIENCE, async || {
        Ok(broker
            .dead_letters(Queue::Poll, 10)
            .await?
            .into_iter()
            .next())
    })
    .await?;
    assert_eq!(letter.message_id, "garbage");
    assert!(
        letter.reason.contains("not a `poll-job`"),
        "{}",
        letter.reason
    );
    rig.world().change(&Change::create("Contacts"))?;
    rig.settle(instance, PATIENCE, |arrived| {
        anyhow::ensure!(!arrived.versions.is_empty(), "nothing arrived");
        Ok(())
    })
    .await?;
    context.lifecycle.stop();
    rig.stop().await
}
