//! The master key is replaced while everything runs.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ie_simulator::{Change, Settings, Stream};
use ie_tests::eventually::eventually;
use ie_tests::process::program;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::command_line::{run, says};

const MASTER_KEY: &str = "IE__SECRETS__MASTER_KEY";
const ACCEPTED_KEYS: &str = "IE__SECRETS__ACCEPTED_KEYS";

/// Instances whose secrets are there to be sealed anew, beside the one that works.
const OTHERS: usize = 12;

fn new_key() -> String {
    STANDARD.encode(rand::random::<[u8; 32]>())
}

fn environment(rig: &Rig) -> &[(String, String)] {
    &rig.programs[0].0.environment
}

fn key_in_use(rig: &Rig) -> anyhow::Result<String> {
    let found = environment(rig).iter().find(|(name, _)| name == MASTER_KEY);
    Ok(found.context("no master key")?.1.clone())
}

/// How many values are sealed with the current key, and with others.
fn status(rig: &Rig) -> anyhow::Result<(u64, u64)> {
    let told = says(environment(rig), &["keys", "status", "--json"])?;
    let keys: Vec<Value> = serde_json::from_str(&told)?;
    let values = |current: bool| {
        keys.iter()
            .filter(|key| (key["role"] == "current") == current)
            .filter_map(|key| key["values"].as_u64())
            .sum()
    };
    Ok((values(true), values(false)))
}

/// A rotation so slow that it can be killed in the middle.
fn slow_rotation(rig: &Rig) -> anyhow::Result<Child> {
    Ok(Command::new(program("insightly-events")?)
        .env_clear()
        .envs(environment(rig).iter().cloned())
        .args(["keys", "rotate", "--batch", "1", "--pause", "1s"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?)
}

/// Instances that are polled never; their secrets are sealed all the same.
async fn others(rig: &Rig) -> anyhow::Result<()> {
    let mut body = rig.body(&["leads"]);
    body["configuration"]["event.notification.enabled"] = json!(false);
    for _ in 0..OTHERS {
        rig.client
            .must(Method::POST, "/instances", Some(body.clone()))
            .await?;
    }
    Ok(())
}

#[rstest]
#[case::embedded(Mode::Program)]
#[case::processes(Mode::Processes)]
#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_replaced_while_changes_are_polled_and_delivered(
    #[case] mode: Mode,
) -> anyhow::Result<()> {
    // Given a system whose changes are polled and delivered, and the next key known to every process,
    let mut rig = Rig::start(mode, Settings::empty().without_limits()).await?;
    let (instance, baseline) = rig.create_instance(&["contacts"]).await?;
    others(&rig).await?;
    let (old, new) = (key_in_use(&rig)?, new_key());
    let changes = Stream::at_rate(20.0).up_to(600);
    let changes = changes.of(&[("Contacts", 1.0)]).mixed(0.4, 0.6, 0.0);
    rig.world().start_stream(changes)?;
    rig.set(ACCEPTED_KEYS, &new);
    rig.restart().await?;

    // when the next key takes over, a rotation is killed in the middle, and another one ends,
    rig.set(MASTER_KEY, &new);
    rig.set(ACCEPTED_KEYS, &old);
    rig.restart().await?;
    // The api has sealed its account's copies as it started.
    let (fresh, before) = status(&rig)?;
    let all = fresh + before;
    let mut rotation = slow_rotation(&rig)?;
    eventually("a part is sealed anew", PATIENCE, async || {
        drop(rig.poll_now(instance).await);
        Ok((status(&rig)?.0 > fresh).then_some(()))
    })
    .await?;
    rotation.kill()?;
    rotation.wait()?;
    let (part, rest) = status(&rig)?;
    ensure!(
        part > fresh && rest > 0 && part + rest == all,
        "{part} of {all}"
    );
    let told = says(environment(&rig), &["keys", "rotate"])?;
    ensure!(told.contains("it may be removed"), "{told}");
    ensure!(status(&rig)? == (all, 0), "{:?} of {all}", status(&rig)?);

    // and the old key is removed,
    rig.set(ACCEPTED_KEYS, "");
    rig.restart().await?;

    // then every change arrives once, those of before and those of after.
    eventually("the end of the stream", PATIENCE, async || {
        drop(rig.poll_now(instance).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(rig.streams_are_done().then_some(()))
    })
    .await?;
    rig.world().change(&Change::create("Contacts"))?;
    rig.settle_exactly(instance, baseline).await?;
    let received = rig.receiver.accepted();
    ensure!(received.iter().all(|one| one.signature_ok), "not signed");
    rig.stop().await
}

#[rstest]
#[case::embedded(Mode::Program)]
#[case::processes(Mode::Processes)]
#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_key_nothing_starts_and_says_why(#[case] mode: Mode) -> anyhow::Result<()> {
    let mut rig = Rig::start(mode, Settings::empty().without_limits()).await?;
    rig.create_instance(&["contacts"]).await?;
    let wrong = new_key();
    rig.set(MASTER_KEY, &wrong);

    for (recipe, running) in &mut rig.programs {
        running.terminate()?;
        running.ended(PATIENCE).await?;
        if recipe.name == "ie-scheduler" {
            // It opens nothing, and has no key.
            continue;
        }
        let mut refused = recipe.start()?;
        let status = refused.ended(PATIENCE).await?;
        let log = std::fs::read_to_string(recipe.log())?;

        ensure!(!status.success(), "{} runs", recipe.name);
        let says = "the master key is not the one of this store";
        ensure!(
            log.contains(says) && log.contains("sealed with key"),
            "{log}"
        );
        ensure!(!log.contains(&wrong), "the key stands in the log");
    }

    let output = run(environment(&rig), &["keys", "status"])?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success(),
        "a key that is not configured is well"
    );
    ensure!(
        errors.contains("add that key to secrets.accepted_keys"),
        "{errors}"
    );
    rig.stop().await
}
