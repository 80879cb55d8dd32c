//! Deliveries per second of one dispatcher through RabbitMQ and PostgreSQL, against a bare client.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use ie_model::{Notification, NotificationStatus, Queue};
use ie_tests::eventually::eventually;
use reqwest::Request;

use crate::bare;
use crate::cpu;
use crate::options::Sizes;
use crate::queued::{Storing, publish};
use crate::report::{Figure, Goal};
use crate::running::PATIENCE;
use crate::scene::Scene;
use crate::tally::{Turns, median};
use crate::yardsticks::Measured;

/// Enough that no callback has more under way than `dispatcher.callback_limit`.
const CALLBACKS: usize = 64;

/// `dispatcher.prefetch`: what one dispatcher has under way at once, and so the connections of the bare client.
const AT_ONCE: usize = 256;

/// Seconds of a core for a thousand deliveries, start and connections included: ten thousand per second on a core.
const CPU_GOAL: f64 = 0.1;

/// What a turn of the dispatcher found.
struct Turn {
    per_second: f64,
    parked: f64,
    cpu_seconds: f64,
}

pub(crate) async fn measure(sizes: Sizes) -> Measured {
    let scene = Scene::start(CALLBACKS, Duration::ZERO).await?;
    let mut storing = scene.storing(scene.bodies()?).await?;
    let mut turns = Turns::default();
    let (mut parked, mut size, mut cpu_seconds) = (0.0, 0, 0.0);
    for round in 0..sizes.rounds {
        let notifications = storing.store(sizes.deliveries as usize).await?;
        storing.mark(&notifications).await?;
        size = notifications[0].body.get().len();
        let bare_first = round % 2 == 0;
        let mut reference = 0.0;
        if bare_first {
            reference = bare_client(&scene, &notifications).await?;
        }
        let turn = dispatcher(&scene, &notifications).await?;
        if !bare_first {
            reference = bare_client(&scene, &notifications).await?;
        }
        parked += turn.parked;
        cpu_seconds += turn.cpu_seconds;
        turns.add(turn.per_second, reference);
    }
    let one = to_one_callback(&scene, sizes.deliveries as usize / 10).await?;
    scene.stop().await?;
    let figure = Figure::new(
        "deliveries_against_bare_client",
        turns.ratio(),
        Goal::AtLeast(0.4),
        "ratio",
    )
    .part("deliveries_per_second", median(&turns.ours))
    .part("bare_per_second", median(&turns.reference))
    .part("ratios", turns.ratios())
    .part("notifications", sizes.deliveries)
    .part("body_bytes", size)
    .part("at_once", AT_ONCE)
    .part("callbacks", CALLBACKS)
    .part("parked", parked)
    .part("to_one_callback_per_second", one);
    let thousands = f64::from(sizes.deliveries) * sizes.rounds as f64 / 1000.0;
    let cpu = Figure::new(
        "dispatcher_cpu_for_a_thousand_deliveries",
        cpu_seconds / thousands,
        Goal::AtMost(CPU_GOAL),
        "s",
    )
    .part("cpu_seconds", cpu_seconds)
    .part("deliveries", thousands * 1000.0);
    Ok(vec![figure, cpu])
}

/// A backlog of one tenant: what does not fit into its slots is parked and comes back.
async fn to_one_callback(scene: &Scene, count: usize) -> anyhow::Result<f64> {
    let last = scene.instances.last().copied().context("no instance")?;
    let mut storing = Storing::new(&scene.stage, &[last], scene.bodies()?).await?;
    let notifications = storing.store(count).await?;
    storing.mark(&notifications).await?;
    Ok(dispatcher(scene, &notifications).await?.per_second)
}

/// Deliveries per second from the first arrival to the last; everything that is delivered is also recorded.
async fn dispatcher(scene: &Scene, notifications: &[Notification]) -> anyhow::Result<Turn> {
    let queues = scene.queues().await?;
    publish(&queues.broker, notifications).await?;
    let notified = notified(scene).await?;
    scene.callbacks.clear();
    let dispatcher = scene
        .stage
        .program("ie-dispatcher", &queues.prefix, &[])
        .await?;
    let count = notifications.len();
    scene.callbacks.wait_for(count, PATIENCE).await?;
    let arrivals = scene.callbacks.arrivals();
    ensure!(arrivals.len() == count, "{} arrivals", arrivals.len());
    let took = arrivals[count - 1].at - arrivals[0].at;
    eventually("every delivery to be recorded", PATIENCE, async || {
        let recorded = self::notified(scene).await? - notified;
        let depth = queues.broker.depth(Queue::Changes).await?;
        let done = recorded == count as u64 && depth.ready == 0 && depth.waiting == 0;
        Ok(done.then_some(()))
    })
    .await?;
    Ok(Turn {
        cpu_seconds: cpu::seconds(dispatcher.id())?,
        per_second: (count - 1) as f64 / took.as_secs_f64(),
        parked: dispatcher
            .counter("ie_deliveries_total", "\"parked\"")
            .await?,
    })
}

async fn notified(scene: &Scene) -> anyhow::Result<u64> {
    let counts = scene.stage.store.counts().await?;
    let notified = counts
        .iter()
        .find(|(status, _)| *status == NotificationStatus::Notified);
    Ok(notified.map_or(0, |(_, count)| *count))
}

async fn bare_client(scene: &Scene, notifications: &[Notification]) -> anyhow::Result<f64> {
    scene.callbacks.clear();
    let client = bare::client(AT_ONCE / CALLBACKS * 2)?;
    let urls = scene.callbacks.urls();
    let requests = notifications.iter().map(|notification| {
        let place = scene
            .instances
            .iter()
            .position(|instance| *instance == notification.instance.get());
        let url = &urls[place.unwrap_or_default()];
        client
            .post(url)
            .header("content-type", "application/json")
            .header("elements-webhook-id", notification.id.to_string())
            .body(notification.body.get().to_owned())
            .build()
    });
    let requests = requests.collect::<Result<Vec<Request>, _>>()?;
    let sent = bare::send_all(&client, requests, AT_ONCE, bare::bytes).await?;
    let arrived = scene.callbacks.count();
    ensure!(arrived == notifications.len(), "{arrived} arrivals");
    Ok(sent.per_second)
}
