//! Order per object while the callback fails at random and a dispatcher is killed.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use ie_simulator::{Settings, Stream};
use ie_tests::process::{Recipe, free_ports};
use ie_tests::receiver::Received;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use reqwest::Method;
use serde_json::{Value, json};

/// Creates an instance whose events keep their order, and nothing becomes a dead letter soon; gives its id and Insightly's
/// time of its creation.
async fn ordered_instance(rig: &Rig) -> anyhow::Result<(i64, DateTime<Utc>)> {
    let mut body = rig.body(&["contacts"]);
    let settings = [
        ("event.notification.order", json!("per-object")),
        ("event.notification.batch", json!(2)),
        ("event.notification.retry.schedule", json!(vec!["1s"; 50])),
    ];
    for (key, value) in settings {
        body["configuration"][key] = value;
    }
    let made = rig.client.must(Method::POST, "/instances", Some(body));
    let id = made.await?["id"].as_i64().context("no id")?;
    let path = format!("/instances/{id}/event-poller-records");
    let records = rig.client.must(Method::GET, &path, None).await?;
    let cursor = records[0]["cursor"].as_str().context("no cursor")?;
    Ok((id, cursor.parse()?))
}

/// No event is older than one of its object that was accepted before it. Gives the highest sequence of each object.
fn in_order(accepted: &[Received]) -> anyhow::Result<HashMap<String, i64>> {
    let mut highest: HashMap<String, i64> = HashMap::new();
    for event in accepted.iter().flat_map(events) {
        let object = event["elementObjectId"]
            .as_str()
            .or(event["objectId"].as_str());
        let object = anyhow::Context::context(object, "no object id")?;
        let sequence = anyhow::Context::context(event["sequence"].as_i64(), "no sequence")?;
        let last = highest.entry(object.to_owned()).or_insert(sequence);
        anyhow::ensure!(*last <= sequence, "{object}: {sequence} after {last}");
        *last = sequence;
    }
    Ok(highest)
}

fn events(received: &Received) -> Vec<Value> {
    let events = received.body["message"]["events"].as_array();
    events.cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_an_object_keep_their_order_whatever_fails() -> anyhow::Result<()> {
    // Given three dispatchers,
    let world = Settings::empty()
        .without_limits()
        .with_records("Contacts", 30);
    let mut rig = Rig::start(Mode::Processes, world).await?;
    for health in free_ports::<2>()? {
        let (dispatcher, _) = rig.programs.last().expect("a rig has programs");
        let recipe = Recipe {
            health,
            ..dispatcher.clone()
        };
        let mut program = recipe.start()?;
        program.ready(PATIENCE).await?;
        rig.programs.push((recipe, program));
    }
    let (instance, baseline) = ordered_instance(&rig).await?;

    // when few records change often, the callback refuses every other moment, and one dispatcher is killed,
    let changes = Stream::at_rate(20.0).up_to(160).of(&[("Contacts", 1.0)]);
    rig.world().start_stream(changes.mixed(0.0, 1.0, 0.0))?;
    let mut round = 0;
    while !rig.streams_are_done() {
        let refuses = rand::random_bool(0.5);
        let answer = if refuses {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        rig.receiver.answer_with(answer);
        rig.poll_now(instance).await?;
        tokio::time::sleep(Duration::from_millis(400)).await;
        round += 1;
        if round == 10 {
            let (recipe, program) = rig.programs.last_mut().expect("a rig has programs");
            program.kill()?;
            *program = recipe.start()?;
        }
    }
    rig.receiver.answer_with(StatusCode::OK);

    // then the last version of every changed record arrives, and none after a later one.
    rig.settle(instance, PATIENCE, |arrived| {
        let (ledger, state) = (
            rig.world().ledger("Contacts")?,
            rig.world().state("Contacts")?,
        );
        arrived.covers(&ledger, &state, baseline)
    })
    .await?;
    let highest = in_order(&rig.receiver.accepted())?;
    assert!(!highest.is_empty(), "nothing has arrived");
    let refused = rig.receiver.received().len() - rig.receiver.accepted().len();
    assert!(refused > 0, "the callback has refused nothing");
    rig.stop().await
}
