//! The life of a process: telemetry, health, the service, signals, drain, flush.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt as _;

use crate::config::Config;
use crate::health::{self, Component};
use crate::lifecycle::{Drained, Lifecycle, panic_text};
use crate::metrics;
use crate::settings::{Platform, Settings};
use crate::signals::Signals;
use crate::startup::{Context, EXIT_FAILED, Process};
use crate::telemetry;

/// A second signal came before everything had ended.
const EXIT_ABORTED: u8 = 130;

/// How long the health server may take to finish its last answers.
const HEALTH_DRAIN: Duration = Duration::from_secs(1);
/// How often the recorder tidies up: often enough that histograms nobody reads do not grow.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// The component that stands for the process itself in `/health/ready`.
const OWN_COMPONENT: &str = "process";

/// Sets up telemetry around the life of the process, and flushes it whatever happens.
pub(crate) async fn supervise<C, F, Fut>(
    process: Process,
    settings: Settings<C>,
    service: F,
) -> anyhow::Result<u8>
where
    C: Config,
    F: FnOnce(Context, C) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let mut signals = Signals::listen().context("listening for signals")?;
    let guard = telemetry::init(process, &settings.platform.telemetry)?;
    log_panics();
    tracing::info!(
        process.name = process.name,
        process.version = process.version,
        config = %settings.redacted(),
        "starting"
    );

    let context = Context::new(process);
    context.health.set_log_filter(guard.log_filter());
    let service = service(context.clone(), settings.config);
    let code = Box::pin(live(&context, &settings.platform, &mut signals, service)).await;

    tracing::info!(process.exit_code = code, "ended");
    let flush = tokio::task::spawn_blocking(move || guard.shutdown());
    tokio::select! {
        flushed = flush => flushed.context("flushing telemetry")?,
        _ = signals.next() => {}
    }
    Ok(code)
}

/// The life of the process, from the health port to the end of the drain; gives the exit code.
async fn live(
    context: &Context,
    platform: &Platform,
    signals: &mut Signals,
    service: impl Future<Output = anyhow::Result<()>>,
) -> u8 {
    // Health outlives the service: it says "stopping" while the service drains.
    let monitoring = Lifecycle::new();
    let started = tokio::select! {
        biased;
        // The first signal also ends a start that waits, for a broker that is not there for example.
        signal = signals.next() => Ok(Some(signal)),
        started = start(context, platform, &monitoring, service) => started.map(|_| None),
    };
    let own = context.health.component(OWN_COMPONENT);
    let mut failed = false;
    let signal = match started {
        Ok(Some(signal)) => Some(signal),
        Ok(None) => up(context, &own, &monitoring, signals).await,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the service did not start");
            failed = true;
            None
        }
    };

    own.set_stopping();
    tracing::info!(
        signal,
        "stopping: no new work, waiting for what is under way"
    );
    let code = drain(context, platform.lifecycle.drain, signals).await;
    failed |= monitoring.failed();
    monitoring.stop();
    monitoring.drain(HEALTH_DRAIN).await;
    if failed { code.max(EXIT_FAILED) } else { code }
}

async fn start(
    context: &Context,
    platform: &Platform,
    monitoring: &Lifecycle,
    service: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    context.health.component(OWN_COMPONENT);
    let recorder = metrics::install();
    metrics::announce(context.process);
    let stop_upkeep = monitoring.stopping();
    monitoring.spawn("metrics upkeep", async move {
        let mut ticks = tokio::time::interval(METRICS_UPKEEP);
        while stop_upkeep
            .run_until_cancelled(ticks.tick())
            .await
            .is_some()
        {
            recorder.run_upkeep();
        }
        Ok(())
    });
    if let Some(listener) = health::bind(&context.health, &platform.health).await? {
        let server = health::serve(
            listener,
            (context.health.clone(), platform.health.clone()),
            monitoring.clone(),
        );
        monitoring.spawn("health server", server);
    }
    tokio::select! {
        biased;
        // A task of the service that fails stops the start as well; it has said why.
        () = context.lifecycle.stopping().cancelled_owned() => Ok(()),
        started = AssertUnwindSafe(service).catch_unwind() => started.unwrap_or_else(|panic| {
            Err(anyhow::anyhow!("panicked: {}", panic_text(&*panic)))
        }),
    }
}

/// Everything runs: waits for a reason to stop.
async fn up(
    context: &Context,
    own: &Component,
    monitoring: &Lifecycle,
    signals: &mut Signals,
) -> Option<&'static str> {
    if !context.lifecycle.stopping().is_cancelled() {
        own.set_ready();
    }
    tokio::select! {
        signal = signals.next() => Some(signal),
        () = context.lifecycle.stopping().cancelled_owned() => None,
        () = monitoring.stopping().cancelled_owned() => None,
    }
}

/// Soft stop and drain; a second signal aborts.
async fn drain(context: &Context, limit: Duration, signals: &mut Signals) -> u8 {
    let lifecycle = &context.lifecycle;
    lifecycle.stop();
    let drained = tokio::select! {
        drained = lifecycle.drain(limit) => drained,
        signal = signals.next() => {
            tracing::warn!(signal, "second signal: what is under way is dropped");
            lifecycle.abort();
            lifecycle.drain(Duration::ZERO).await;
            return EXIT_ABORTED;
        }
    };
    match drained {
        Drained::Complete if !lifecycle.failed() => 0,
        Drained::Complete => EXIT_FAILED,
        Drained::Aborted => {
            let limit = limit.as_secs();
            tracing::warn!(
                limit_seconds = limit,
                "what was still under way was dropped"
            );
            u8::from(lifecycle.failed())
        }
        Drained::Stuck { tasks } => {
            tracing::error!(
                tasks,
                "some tasks block their thread and could not be dropped"
            );
            EXIT_FAILED
        }
    }
}

/// Panics go to the log like everything else, where the default would print them between its lines.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let text = panic.payload_as_str().unwrap_or("without a text");
        tracing::error!(
            panic.location = location,
            panic.text = text,
            "a thread panicked"
        );
    }));
}
