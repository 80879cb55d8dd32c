//! A dispatcher that is killed between the callback's answer and the acknowledgement.
//!
//! The moment is made by what is around it: a callback that holds its answer back, and a way to RabbitMQ or PostgreSQL on
//! which nothing gets through any more.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use ie_broker::{Broker, Depth};
use ie_model::Queue;
use ie_platform::http::{self, ClientSettings};
use ie_platform::{Context, Process};
use ie_simulator::{Change, Settings};
use ie_tests::eventually::eventually;
use ie_tests::process::Recipe;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use crate::outage::wait_for;
use crate::proxy::Proxy;

/// Starts the dispatcher in place of the one that runs; both are the last of the rig's programs.
async fn replace(rig: &mut Rig, recipe: &Recipe) -> anyhow::Result<()> {
    let (_, dispatcher) = rig.programs.last_mut().context("no dispatcher")?;
    dispatcher.kill()?;
    *dispatcher = recipe.start()?;
    dispatcher.ready(PATIENCE).await
}

/// How the dispatcher is started, and how with a proxy on the way to what this variable names.
async fn recipes(rig: &Rig, variable: &str) -> anyhow::Result<(Recipe, Recipe, Proxy)> {
    let (direct, _) = rig.programs.last().context("no dispatcher")?;
    let mut proxied = direct.clone();
    let mut variables = proxied.environment.iter_mut();
    let url = variables.find(|(name, _)| name == variable);
    let (_, url) = url.with_context(|| format!("no {variable}"))?;
    let proxy = Proxy::to(url).await;
    *url = proxy.url(url);
    Ok((direct.clone(), proxied, proxy))
}

/// Changes a record, and waits until its notification has reached the callback, which holds the answer back.
pub(crate) async fn posted_and_held(rig: &Rig, instance: i64) -> anyhow::Result<String> {
    rig.receiver.hold();
    rig.world().change(&Change::create("Contacts"))?;
    eventually("the request", PATIENCE, async || {
        rig.poll_now(instance).await?;
        let received = rig.receiver.received();
        Ok(received.last().map(|request| request.webhook_id.clone()))
    })
    .await
}

/// Ends the dispatcher in order: what it has in its hands is finished and acknowledged.
async fn end_dispatcher(rig: &mut Rig) -> anyhow::Result<()> {
    let (_, dispatcher) = rig.programs.last_mut().context("no dispatcher")?;
    kill(
        Pid::from_raw(i32::try_from(dispatcher.id())?),
        Signal::SIGTERM,
    )?;
    let status = dispatcher.ended(PATIENCE).await?;
    ensure!(status.success(), "the dispatcher ended with {status}");
    Ok(())
}

async fn broker(rig: &Rig) -> anyhow::Result<(Broker, Context)> {
    let context = Context::new(Process {
        name: "ie-tests",
        version: "0",
    });
    let broker = Broker::connect(&rig.broker_config()?, &context).await?;
    Ok((broker, context))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_before_the_kill_is_not_delivered_again() -> anyhow::Result<()> {
    // Given a dispatcher that has posted a notification,
    let mut rig = Rig::start(Mode::Processes, Settings::empty().without_limits()).await?;
    let (instance, _) = rig.create_instance(&["contacts"]).await?;
    let (direct, proxied, way_to_rabbitmq) = recipes(&rig, "IE__BROKER__URL").await?;
    replace(&mut rig, &proxied).await?;
    let first = posted_and_held(&rig, instance).await?;

    // when nothing of it reaches RabbitMQ any more, the callback accepts, that is recorded, and it is killed,
    way_to_rabbitmq.go_silent();
    rig.receiver.release();
    wait_for(&rig, instance, "NOTIFIED", 1).await?;
    let (_, dispatcher) = rig.programs.last_mut().context("no dispatcher")?;
    dispatcher.kill()?;

    // then the message was not acknowledged and comes back,
    let (broker, context) = broker(&rig).await?;
    eventually("the message to be back", PATIENCE, async || {
        let depth = broker.depth(Queue::Changes).await?;
        Ok((depth.ready == 1).then_some(()))
    })
    .await?;

    // but the next dispatcher drops it: it has nothing left to do, and the callback has seen each notification once.
    replace(&mut rig, &direct).await?;
    rig.world().change(&Change::create("Contacts"))?;
    wait_for(&rig, instance, "NOTIFIED", 2).await?;
    end_dispatcher(&mut rig).await?;
    assert_eq!(broker.depth(Queue::Changes).await?, Depth::default());
    let received: Vec<String> = rig
        .receiver
        .received()
        .into_iter()
        .map(|request| request.webhook_id)
        .collect();
    assert_eq!(received.len(), 2, "{received:?}");
    assert_eq!(received[0], first);
    assert_ne!(received[1], first);
    context.lifecycle.stop();
    rig.stop().await
}

/// When the dispatcher is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The callback has the request, and has not answered.
    BeforeTheAnswer,
    /// It has answered, and PostgreSQL has not been told.
    BeforeTheRecord,
}

#[rstest]
#[case::before_the_answer(Moment::BeforeTheAnswer)]
#[case::before_the_record(Moment::BeforeTheRecord)]
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_recorded_is_delivered_again_under_the_same_id(
    #[case] moment: Moment,
) -> anyhow::Result<()> {
    // Given a dispatcher that has posted a notification,
    let mut rig = Rig::start(Mode::Processes, Settings::empty().without_limits()).await?;
    let (instance, _) = rig.create_instance(&["contacts"]).await?;
    let (direct, proxied, way_to_postgresql) = recipes(&rig, "IE__STORE__URL").await?;
    replace(&mut rig, &proxied).await?;
    let first = posted_and_held(&rig, instance).await?;

    // when it is killed before it has recorded what the callback answers,
    way_to_postgresql.go_silent();
    if moment == Moment::BeforeTheRecord {
        rig.receiver.release();
        call_has_ended(&proxied).await?;
    }
    let (_, dispatcher) = rig.programs.last_mut().context("no dispatcher")?;
    dispatcher.kill()?;
    rig.receiver.release();
    let notified = format!("/instances/{instance}/events?status=NOTIFIED");
    let notified = rig.client.must(Method::GET, &notified, None).await?;
    assert_eq!(notified, json!([]), "it was recorded");

    // then the next dispatcher delivers it again: the same bytes under the same id, so that the receiver can tell.
    replace(&mut rig, &direct).await?;
    wait_for(&rig, instance, "NOTIFIED", 1).await?;
    end_dispatcher(&mut rig).await?;
    let received = rig.receiver.received();
    assert_eq!(received.len(), 2);
    let ids: BTreeSet<String> = received.iter().map(|one| one.webhook_id.clone()).collect();
    assert_eq!(ids, BTreeSet::from([first]));
    assert_eq!(received[0].body, received[1].body);
    let (broker, context) = broker(&rig).await?;
    assert_eq!(broker.depth(Queue::Changes).await?, Depth::default());
    context.lifecycle.stop();
    rig.stop().await
}

/// Waits until the dispatcher's metrics say that no call is under way.
async fn call_has_ended(dispatcher: &Recipe) -> anyhow::Result<()> {
    let http = http::client(&ClientSettings::default())?;
    let url = format!("http://{}/metrics", dispatcher.health);
    eventually("the end of the call", PATIENCE, async || {
        let answer = http::send(http.get(&url), &http, "test").await?;
        let (metrics, _) = http::read_limited(answer, 1 << 22).await?;
        let metrics = String::from_utf8_lossy(&metrics);
        let mut lines = metrics.lines();
        Ok(lines
            .any(|line| line == "ie_deliveries_in_flight 0")
            .then_some(()))
    })
    .await
}
