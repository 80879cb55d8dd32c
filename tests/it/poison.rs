//! A message that cannot be read goes to the dead letters at once, with the reason, and nothing else suffers.

use ie_broker::{Broker, Outgoing};
use ie_model::{Message, Queue};
use ie_platform::{Context, Process};
use ie_simulator::{Change, Settings};
use ie_tests::eventually::eventually;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use serde::{Deserialize, Serialize};

use crate::command_line::{run, says};

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

    // An operator looks at it with the services' own settings, and drops it.
    look_and_drop(&rig.programs[0].0.environment)?;
    assert_eq!(broker.depth(Queue::Poll).await?.dead, 0);
    context.lifecycle.stop();
    rig.stop().await
}

fn look_and_drop(environment: &[(String, String)]) -> anyhow::Result<()> {
    let operator = |arguments: &[&str]| says(environment, arguments);
    let list = operator(&["poison", "list"])?;
    assert!(
        list.contains("garbage") && list.contains("not a `poll-job`") && !list.contains("seven"),
        "{list}"
    );
    let shown = operator(&["poison", "show", "garbage", "--json"])?;
    assert!(shown.contains("seven"), "{shown}");
    let other = run(environment, &["poison", "show", "another"])?;
    assert_eq!(other.status.code(), Some(1));
    let dropped = operator(&["poison", "discard", "garbage"])?;
    assert!(dropped.contains("1 dropped"), "{dropped}");
    let list = operator(&["poison", "list"])?;
    assert!(list.contains("no messages"), "{list}");
    Ok(())
}

#[test]
fn an_in_process_queue_is_not_looked_into_from_outside() -> anyhow::Result<()> {
    let output = run(&[], &["poison", "list"])?;

    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("IE__BROKER__URL"), "{error}");
    Ok(())
}
