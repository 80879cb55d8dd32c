//! A running simulator: a port, and the task that makes the changes of streams.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use ie_platform::{Lifecycle, SharedClock};
use tokio::net::TcpListener;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::http::connection::{Door, Scissors};
use crate::http::{BASE, router};
use crate::settings::Settings;
use crate::stream::Stream;
use crate::world::World;

/// How long answers under way may take once the simulator stops.
const DRAIN: Duration = Duration::from_secs(2);
/// How often streams make the changes that are due.
const STEP: Duration = Duration::from_millis(10);

/// A simulated Insightly on a port of its own.
///
/// ```
/// # #[tokio::main] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use ie_platform::SystemClock;
/// use ie_simulator::{Change, Fault, Rule, Settings, Simulator};
///
/// let settings = Settings::empty().with_records("Contacts", 100);
/// let simulator = Simulator::start(settings, Arc::new(SystemClock)).await?;
/// let control = simulator.control();
/// control.change(&Change::update("Contacts", None).with("FIRST_NAME", "Ada"))?;
/// control.misbehave(Rule::always(Fault::EmptyBody).times(1));
/// assert!(simulator.base_url().ends_with("/v3.1"));
/// simulator.stop().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    control: Control,
    lifecycle: Lifecycle,
}

impl Simulator {
    /// Starts one; it listens when this returns.
    pub async fn start(settings: Settings, clock: SharedClock) -> anyhow::Result<Self> {
        let lifecycle = Lifecycle::new();
        let (address, control) = serve(settings, clock, &lifecycle).await?;
        Ok(Self {
            address,
            control,
            lifecycle,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base address of Insightly's API: `http://127.0.0.1:port/v3.1`.
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE}", self.address)
    }

    /// The base address of the control API.
    pub fn control_url(&self) -> String {
        format!("http://{}/control", self.address)
    }

    /// A handle on it.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Stops it and waits until its port is closed.
    pub async fn stop(self) {
        self.lifecycle.stop();
        self.lifecycle.drain(DRAIN).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.lifecycle.abort();
    }
}

/// Starts a simulator whose tasks belong to `lifecycle`.
pub async fn serve(
    settings: Settings,
    clock: SharedClock,
    lifecycle: &Lifecycle,
) -> anyhow::Result<(SocketAddr, Control)> {
    let listener = TcpListener::bind(settings.address)
        .await
        .with_context(|| format!("listening on {}", settings.address))?;
    let address = listener.local_addr().context("asking for the port")?;
    let (rate, gzip) = (settings.rate, settings.gzip);
    let objects = settings.records.clone();
    let now = clock.now();
    // A million records take a second.
    let world = tokio::task::spawn_blocking(move || World::new(settings, now))
        .await
        .context("making up the records")??;
    let control = Control::new(world, clock);

    let door = Door {
        listener,
        connections: control.connections(),
    };
    let service = router(control.clone(), gzip).into_make_service_with_connect_info::<Scissors>();
    let server = axum::serve(door, service).with_graceful_shutdown(stopped(lifecycle.stopping()));
    lifecycle.spawn("simulator", async move {
        server.into_future().await.context("serving")
    });
    lifecycle.spawn("streams", drive(control.clone(), lifecycle.clone()));
    if rate > 0.0 {
        let mut stream = Stream::at_rate(rate);
        if !objects.is_empty() {
            stream.objects = objects
                .into_iter()
                .map(|(object, count)| (object, count.max(1) as f64))
                .collect();
        }
        control.start_stream(stream)?;
    }
    Ok((address, control))
}

async fn stopped(stopping: CancellationToken) {
    stopping.cancelled().await;
}

/// Makes the changes of streams when they are due.
async fn drive(control: Control, lifecycle: Lifecycle) -> anyhow::Result<()> {
    while lifecycle
        .run_until_stopped(control.stream_started())
        .await
        .is_some()
    {
        let mut ticks = interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        while !control.with_world(|world, _| world.streams_are_idle()) {
            if lifecycle.run_until_stopped(ticks.tick()).await.is_none() {
                return Ok(());
            }
            let elapsed = last.elapsed();
            last += elapsed;
            control.with_world(|world, now| world.advance(elapsed, now))?;
        }
    }
    Ok(())
}
