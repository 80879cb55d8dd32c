//! The whole path: a record changes in the simulated Insightly, and its callback accepts the notification of it.
//!
//! Everything is on one machine, the simulator and the callbacks included, so more workers help only as long as there
//! are processors for them.

use std::time::{Duration, Instant};

use anyhow::ensure;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use ie_model::NotificationStatus;
use ie_platform::Lifecycle;
use ie_tests::eventually::eventually;
use tokio::net::TcpListener;

use crate::options::Sizes;
use crate::records::{NO_BUDGET, TICK};
use crate::report::{Figure, Goal};
use crate::running::{PATIENCE, Running};
use crate::scene::Scene;
use crate::stage::{poll_now, prefix};
use crate::tally::{Turns, median};
use crate::yardsticks::Measured;

/// Enough that no callback has more under way than `dispatcher.callback_limit`, and as many pollers.
const CALLBACKS: usize = 64;

/// Events of a notification, by default.
const BATCH: usize = 10;

/// Changes of an instance in one turn at the most: they fit into one page, so that it is known how many notifications
/// they make.
const MOST: usize = 480;

/// Workers of each kind.
const WORKERS: [usize; 3] = [1, 2, 4];

/// What decides whether there are traces; `telemetry.ratio`, how many of them are kept, stays as it is by default.
const EXPORTER: &str = "TELEMETRY__EXPORTER";

/// The part of the throughput that is left with tracing.
const KEPT: f64 = 0.95;

/// Changes per second with 1, 2 and 4 schedulers, fetchers and dispatchers.
pub(crate) async fn workers(sizes: Sizes) -> Measured {
    let mut scene = Scene::start(CALLBACKS, Duration::ZERO).await?;
    let mut measured = WORKERS.map(|_| Vec::new());
    for round in 0..sizes.rounds.min(3) {
        for turn in 0..WORKERS.len() {
            let place = (round + turn) % WORKERS.len();
            let path = Path {
                workers: WORKERS[place],
                settings: &[],
            };
            measured[place].push(path.run(&mut scene, sizes.records).await?);
        }
    }
    scene.stop().await?;
    let alone = median(&measured[0]);
    let figures = WORKERS.iter().zip(&measured).map(|(workers, per_second)| {
        let name = format!("changes_per_second_with_{workers}_of_each");
        let value = median(per_second);
        Figure::new(&name, value, Goal::Open, "changes/s")
            .part("rounds", per_second.clone())
            .part("against_one_of_each", value / alone)
            .part("changes", each(sizes.records) * CALLBACKS)
            .part("pollers", CALLBACKS)
    });
    Ok(figures.collect())
}

/// What tracing costs: the same path with every trace sent to a collector, against none.
pub(crate) async fn tracing(sizes: Sizes) -> Measured {
    let lifecycle = Lifecycle::new();
    let endpoint = collector(&lifecycle).await?;
    let on = [(EXPORTER, "otlp"), ("TELEMETRY__ENDPOINT", &endpoint)];
    let off = [(EXPORTER, "none")];
    let mut scene = Scene::start(CALLBACKS, Duration::ZERO).await?;
    let mut turns = Turns::default();
    for round in 0..sizes.rounds {
        let (mut traced, mut untraced) = (0.0, 0.0);
        for turn in 0..2 {
            let is_traced = (round + turn) % 2 == 0;
            let settings: &[(&str, &str)] = if is_traced { &on } else { &off };
            let path = Path {
                workers: 1,
                settings,
            };
            let per_second = path.run(&mut scene, sizes.records).await?;
            *(if is_traced {
                &mut traced
            } else {
                &mut untraced
            }) = per_second;
        }
        turns.add(traced, untraced);
    }
    scene.stop().await?;
    lifecycle.stop();
    let figure = Figure::new(
        "path_traced_against_untraced",
        turns.ratio(),
        Goal::AtLeast(KEPT),
        "ratio",
    )
    .part("traced_per_second", median(&turns.ours))
    .part("untraced_per_second", median(&turns.reference))
    .part("ratios", turns.ratios())
    .part("changes", each(sizes.records) * CALLBACKS);
    Ok(vec![figure])
}

/// Changes of each instance.
fn each(records: usize) -> usize {
    (records / CALLBACKS).clamp(1, MOST)
}

/// Notifications that have been accepted.
async fn notified(scene: &Scene) -> anyhow::Result<usize> {
    let counts = scene.stage.store.counts().await?;
    let mut counts = counts.into_iter();
    let notified = counts.find(|(status, _)| *status == NotificationStatus::Notified);
    Ok(usize::try_from(notified.map_or(0, |(_, count)| count))?)
}

/// A collector that takes what it is sent and keeps nothing, so that it costs as little as can be.
async fn collector(lifecycle: &Lifecycle) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let app = Router::new().fallback(|request: Request| async {
        let read = to_bytes(request.into_body(), usize::MAX).await;
        let status = if read.is_ok() { "0" } else { "13" };
        // An empty answer of gRPC: not compressed, no bytes.
        let headers = [
            ("content-type", "application/grpc"),
            ("grpc-status", status),
        ];
        (headers, Bytes::from_static(&[0; 5]))
    });
    let own = lifecycle.clone();
    lifecycle.spawn("collector", async move {
        // Dropped at the stop: exporters keep their connections.
        match own
            .run_until_stopped(axum::serve(listener, app).into_future())
            .await
        {
            Some(ended) => Ok(ended?),
            None => Ok(()),
        }
    });
    Ok(endpoint)
}

/// The processes between Insightly and the callbacks.
struct Path<'a> {
    workers: usize,
    settings: &'a [(&'a str, &'a str)],
}

impl Path<'_> {
    /// Changes per second, from the moment that they are polled for until the last is accepted.
    async fn run(&self, scene: &mut Scene, records: usize) -> anyhow::Result<f64> {
        let _running = self.start(scene).await?;
        scene.callbacks.clear();
        let each = each(records);
        let notifications = each.div_ceil(BATCH) * CALLBACKS;
        let before = notified(scene).await?;
        scene.world.next_window(&[("Contacts", each)])?;

        let started = Instant::now();
        for instance in &scene.instances {
            poll_now(&scene.stage.client, *instance).await?;
        }
        scene.callbacks.wait_for(notifications, PATIENCE).await?;
        let arrivals = scene.callbacks.arrivals();
        let last = arrivals.last().map_or(started, |arrival| arrival.at);
        // What is not recorded would be delivered again in the next turn.
        eventually("every delivery to be recorded", PATIENCE, async || {
            let recorded = notified(scene).await? - before;
            Ok((recorded == notifications).then_some(()))
        })
        .await?;
        let arrived = scene.callbacks.count();
        ensure!(
            arrived == notifications,
            "{arrived} arrivals of {notifications}"
        );
        Ok((each * CALLBACKS) as f64 / (last - started).as_secs_f64())
    }

    async fn start(&self, scene: &Scene) -> anyhow::Result<Vec<Running>> {
        let prefix = prefix();
        let mut settings = vec![NO_BUDGET, TICK];
        settings.extend(self.settings);
        let mut running = Vec::new();
        for name in ["ie-scheduler", "ie-fetcher", "ie-dispatcher"] {
            for _ in 0..self.workers {
                running.push(scene.stage.program(name, &prefix, &settings).await?);
            }
        }
        Ok(running)
    }
}
