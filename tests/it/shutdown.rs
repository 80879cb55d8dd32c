//! Every program: it stops when asked, and does not start with a bad configuration.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ie_platform::http::{self, ClientSettings};
use ie_simulator::Settings;
use ie_tests::eventually::eventually;
use ie_tests::process::{Recipe, free_ports, program};
use ie_tests::rig::{Mode, PATIENCE, Rig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

use crate::crash::posted_and_held;

/// A free port that nobody was told about: whoever binds it has started too early.
fn variables(data: &std::path::Path) -> anyhow::Result<(SocketAddr, Vec<(String, String)>)> {
    let [health, api, simulator] = free_ports()?;
    let settings = [
        (
            "SECRETS__MASTER_KEY",
            "bm90IGEgc2VjcmV0OiBmb3IgYSBsYXB0b3Agb25seSE=".to_owned(),
        ),
        (
            "STORE__URL",
            format!("sqlite:{}", data.join("test.db").display()),
        ),
        ("API__ADDRESS", api.to_string()),
        ("SIMULATOR__ADDRESS", simulator.to_string()),
    ];
    let mut variables: Vec<_> = settings
        .into_iter()
        .map(|(name, value)| (format!("IE__{name}"), value))
        .collect();
    variables.push(("IE_DATA".to_owned(), data.display().to_string()));
    Ok((health, variables))
}

#[rstest]
#[case("insightly-events")]
#[case("ie-api")]
#[case("ie-scheduler")]
#[case("ie-fetcher")]
#[case("ie-dispatcher")]
#[case("ie-simulator")]
#[tokio::test]
async fn sigterm_ends_a_program_with_0(#[case] name: &str) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let (health, environment) = variables(data.path())?;
    let name = name.to_owned();
    let recipe = Recipe {
        name,
        environment,
        health,
    };
    let mut running = recipe.start()?;
    running.ready(PATIENCE).await?;

    let asked = Instant::now();
    kill(Pid::from_raw(i32::try_from(running.id())?), Signal::SIGTERM)?;
    let status = running.ended(PATIENCE).await?;

    assert_eq!(status.code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(30),
        "it took {:?}",
        asked.elapsed()
    );
    Ok(())
}

#[rstest]
#[case("insightly-events", "BROKER__URL", "redis://localhost", "broker.url")]
#[case("ie-api", "API__ADDRESS", "nowhere", "api.address")]
#[case("ie-scheduler", "SCHEDULER__TICK", "0s", "scheduler.tick")]
#[case("ie-fetcher", "FETCHER__PAGE_SIZE", "501", "fetcher.page_size")]
#[case("ie-dispatcher", "DISPATCHER__SCHEDULE", "soon", "dispatcher.schedule")]
#[case("ie-simulator", "SIMULATOR__ADDRESS", "nowhere", "simulator.address")]
#[tokio::test]
async fn a_bad_setting_is_named_and_nothing_starts(
    #[case] name: &str,
    #[case] variable: &str,
    #[case] value: &str,
    #[case] key: &str,
) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let output = Command::new(program(name)?)
        .env_clear()
        .envs(variables(data.path())?.1)
        .env(format!("IE__{variable}"), value)
        .stdin(Stdio::null())
        .output()?;

    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(key), "{text}");
    assert!(!text.contains("starting"), "it said that it starts: {text}");
    assert!(!data.path().join("test.db").exists(), "it opened the store");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_dispatcher_at_once_though_a_callback_has_not_answered()
-> anyhow::Result<()> {
    // Given a dispatcher whose callback holds its answer back,
    let mut rig = Rig::start(Mode::Processes, Settings::empty().without_limits()).await?;
    let (instance, _) = rig.create_instance(&["contacts"]).await?;
    posted_and_held(&rig, instance).await?;
    let (recipe, dispatcher) = rig.programs.last_mut().context("no dispatcher")?;

    // when it is asked to stop, waits for that answer, and is asked again,
    dispatcher.terminate()?;
    let client = http::client(&ClientSettings::default())?;
    let ready = format!("http://{}/health/ready", recipe.health);
    eventually("the drain", PATIENCE, async || {
        let answer = http::send(client.get(&ready), &client, "test").await?;
        Ok((!answer.status().is_success()).then_some(()))
    })
    .await?;
    let asked_again = Instant::now();
    dispatcher.terminate()?;
    let status = dispatcher.ended(PATIENCE).await?;

    // then it ends at once and says by its code that it dropped something.
    assert_eq!(status.code(), Some(130));
    assert!(asked_again.elapsed() < Duration::from_secs(15));
    rig.receiver.release();
    rig.stop().await
}
