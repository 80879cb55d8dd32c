//! A collector that is of no use does no harm.

use std::time::Duration;

use anyhow::ensure;
use ie_simulator::{Change, Settings};
use ie_tests::eventually::eventually;
use ie_tests::process::free_port;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

/// Each is a notification of its own. So many fit into a callback's slots, or nearly.
const CHANGES: usize = 40;

/// Where the collector should be.
enum Place {
    /// Somebody takes connections there, and never says a word.
    Silent(std::net::TcpListener),
    /// Nobody is there.
    Empty(std::net::SocketAddr),
}

impl Place {
    fn endpoint(&self) -> anyhow::Result<String> {
        let address = match self {
            Self::Silent(listener) => listener.local_addr()?,
            Self::Empty(address) => *address,
        };
        Ok(format!("http://{address}"))
    }
}

#[rstest]
#[case::silent_over_grpc("grpc", true)]
#[case::silent_over_http("http", true)]
#[case::away_over_grpc("grpc", false)]
#[case::away_over_http("http", false)]
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_answer_holds_nobody_up(
    #[case] protocol: &str,
    #[case] silent: bool,
) -> anyhow::Result<()> {
    // Given four processes that trace everything and have nobody to tell,
    let place = if silent {
        Place::Silent(std::net::TcpListener::bind("127.0.0.1:0")?)
    } else {
        Place::Empty(free_port()?)
    };
    let telemetry = [
        ("TELEMETRY__EXPORTER", "otlp"),
        ("TELEMETRY__PROTOCOL", protocol),
        ("TELEMETRY__ENDPOINT", &place.endpoint()?),
        ("TELEMETRY__FLUSH", "300ms"),
    ];
    let world = Settings::empty().without_limits();
    let mut rig = Rig::start_with(Mode::Processes, world, &telemetry).await?;
    let mut body = rig.body(&["contacts"]);
    body["configuration"]["event.notification.batch"] = 1.into();
    let created = rig
        .client
        .must(reqwest::Method::POST, "/instances", Some(body))
        .await?;
    let instance = created["id"].as_i64().unwrap_or_default();

    // when many records change,
    for _ in 0..CHANGES {
        rig.world().change(&Change::create("Contacts"))?;
    }

    // then every change arrives, and every process ends in order when it is told to.
    eventually("every change", PATIENCE, async || {
        rig.poll_now(instance).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok((rig.receiver.accepted().len() >= CHANGES).then_some(()))
    })
    .await?;
    for (_, program) in &mut rig.programs {
        kill(Pid::from_raw(i32::try_from(program.id())?), Signal::SIGTERM)?;
    }
    for (recipe, program) in &mut rig.programs {
        let status = program.ended(PATIENCE).await?;
        ensure!(status.success(), "{} ended with {status}", recipe.name);
    }
    drop(place);
    rig.stop().await
}
