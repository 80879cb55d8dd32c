//! The command line, as a person uses it: a server with its data directory, and commands that talk to it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::http::StatusCode;
use ie_simulator::{Change, Settings};
use ie_tests::eventually::eventually;
use ie_tests::process::{Program, Recipe, free_port, free_ports, program};
use ie_tests::rig::{Mode, PATIENCE, Rig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A server with its data in a directory of its own.
pub(crate) struct Served {
    pub(crate) data: tempfile::TempDir,
    variables: Vec<(String, String)>,
    running: Program,
}

impl Served {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let [health, api] = free_ports()?;
        let variables = [
            ("IE_DATA", data.path().display().to_string()),
            ("IE__API__ADDRESS", api.to_string()),
            (
                "IE__API__INSIGHTLY_URLS",
                "[\"http://127.0.0.1:*\"]".to_owned(),
            ),
            (
                "IE__DISPATCHER__ALLOW_NETWORKS",
                "[\"127.0.0.0/8\"]".to_owned(),
            ),
            ("IE__OUTGOING__ALLOW_HTTP", "true".to_owned()),
            ("IE__DISPATCHER__SCHEDULE", "[\"1s\"]".to_owned()),
            ("IE__HEALTH__ADDRESS", health.to_string()),
        ];
        let variables: Vec<_> = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let name = "insightly-events".to_owned();
        let mut running = Recipe {
            name,
            environment: variables.clone(),
            health,
        }
        .start()?;
        running.ready(PATIENCE).await?;
        Ok(Self {
            data,
            variables,
            running,
        })
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        run(&self.variables, arguments)
    }

    /// What a command that must succeed has printed.
    pub(crate) fn says(&self, arguments: &[&str]) -> anyhow::Result<String> {
        says(&self.variables, arguments)
    }
}

/// What a command that must succeed has printed, with these variables and no others.
pub(crate) fn says(variables: &[(String, String)], arguments: &[&str]) -> anyhow::Result<String> {
    let output = run(variables, arguments)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{arguments:?}: {errors}");
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs a command with these variables and no others to its end.
pub(crate) fn run(variables: &[(String, String)], arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(program("insightly-events")?);
    let variables = variables.iter().map(|(name, value)| (name, value));
    Ok(command
        .env_clear()
        .envs(variables)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?)
}

pub(crate) fn write_body(rig: &Rig, folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("body.json");
    std::fs::write(&path, rig.body(&["contacts"]).to_string())?;
    path.to_str()
        .map(str::to_owned)
        .context("a path that is no text")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_created_watched_and_mended_from_the_command_line() -> anyhow::Result<()> {
    // Given a server, and a callback that refuses,
    let rig = Rig::start(Mode::Embedded, Settings::empty().without_limits()).await?;
    let served = Served::start().await?;
    assert!(
        served
            .says(&["instance", "list"])?
            .contains("no instances yet")
    );
    rig.receiver.answer_with(StatusCode::BAD_REQUEST);

    // when an instance is created from a file and a record changes,
    let body = write_body(&rig, served.data.path())?;
    let created = served.says(&["instance", "create", "-f", &body])?;
    rig.world().change(&Change::create("Contacts"))?;

    // then its event fails, the doctor says what to do,
    assert!(
        created.contains("created instance 1") && created.contains("token"),
        "{created}"
    );
    eventually("a dead letter", PATIENCE, async || {
        served.says(&["instance", "poll", "1"])?;
        Ok(served
            .says(&["dead-letters", "list"])?
            .contains("400")
            .then_some(()))
    })
    .await?;
    let sick = served.run(&["doctor"])?;
    let diagnosis = String::from_utf8_lossy(&sick.stdout);
    assert_eq!(sick.status.code(), Some(1));
    assert!(diagnosis.contains("PROBLEM  1 dead letters"), "{diagnosis}");

    // and when the callback is mended and the dead letter redriven, it arrives and the doctor is content.
    rig.receiver.answer_with(StatusCode::OK);
    served.says(&["dead-letters", "redrive"])?;
    eventually("the event", PATIENCE, async || {
        Ok(served
            .says(&["events", "tail", "--no-follow"])?
            .contains("NOTIFIED")
            .then_some(()))
    })
    .await?;
    // A test of the callback says what it answers.
    assert!(
        served
            .says(&["instance", "test", "1"])?
            .contains("was accepted: 200")
    );
    rig.receiver.answer_with(StatusCode::BAD_REQUEST);
    let refused = served.run(&["instance", "test", "1"])?;
    let text = String::from_utf8_lossy(&refused.stdout);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text.contains("answered 400"), "{text}");
    let well = served.run(&["doctor"])?;
    assert_eq!(
        well.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&well.stdout)
    );
    assert!(
        served
            .says(&["instance", "show", "1"])?
            .contains("contacts")
    );
    rig.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_a_server_says_what_is_missing() -> anyhow::Result<()> {
    let mut served = Served::start().await?;
    served.running.kill()?;

    let output = served.run(&["instance", "list"])?;

    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("is the server running there?"), "{text}");
    let diagnosis = served.run(&["doctor"])?;
    let text = String::from_utf8_lossy(&diagnosis.stdout);
    assert!(text.contains("nobody answers: start it with"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_shows_signed_events_and_ends_by_itself() -> anyhow::Result<()> {
    let output = tokio::task::spawn_blocking(|| {
        Command::new(program("insightly-events")?)
            .env_clear()
            .args(["demo", "--events", "3", "--rate", "20"])
            .output()
            .context("while running the demonstration")
    })
    .await??;

    let (text, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let events = text
        .lines()
        .filter(|line| line.contains("UPDATED") || line.contains("CREATED"))
        .count();
    assert!(events >= 3, "{text}");
    assert!(text.contains("events in"), "{text}");
    assert!(!errors.contains("ERROR"), "{errors}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_demonstration_and_leaves_nothing_behind() -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let health = free_port()?;
    let environment = vec![("TMPDIR".to_owned(), temporary.path().display().to_string())];
    let mut child = Command::new(program("insightly-events")?)
        .env_clear()
        .envs(environment)
        .env("IE__HEALTH__ADDRESS", health.to_string())
        .arg("demo")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let begin = Instant::now();
    eventually("the demonstration's data", PATIENCE, async || {
        Ok((std::fs::read_dir(temporary.path())?.count() > 0
            && begin.elapsed() > Duration::from_secs(1))
        .then_some(()))
    })
    .await?;

    kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGINT)?;
    let status = eventually("its end", PATIENCE, async || Ok(child.try_wait()?)).await?;

    assert_eq!(status.code(), Some(0));
    assert_eq!(
        std::fs::read_dir(temporary.path())?.count(),
        0,
        "the data directory is still there"
    );
    Ok(())
}

/// The status of signing in to the dashboard.
async fn sign_in(served: &Served, name: &str, password: &str) -> anyhow::Result<StatusCode> {
    let address = served
        .variables
        .iter()
        .find(|(name, _)| name == "IE__API__ADDRESS");
    let (_, address) = address.context("the server has an address")?;
    let http = ie_platform::http::client(&ie_platform::http::ClientSettings::default())?;
    let request = http
        .post(format!("http://{address}/dashboard/sign-in"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("name={name}&password={password}"));
    Ok(ie_platform::http::send(request, &http, "test")
        .await?
        .status())
}

/// A file with a password in the server's data directory.
fn password_file(served: &Served, name: &str, text: &str) -> anyhow::Result<String> {
    let path = served.data.path().join(name);
    std::fs::write(&path, text)?;
    let text = path.to_str().map(str::to_owned);
    text.context("a path that is no text")
}

fn create_user(served: &Served, name: &str, role: &str, file: &str) -> anyhow::Result<Output> {
    let line = ["user", "create", "--name", name, "--role", role];
    served.run(&[&line[..], &["--password-file", file]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_on_the_command_line_and_sign_in() -> anyhow::Result<()> {
    // Given a server, whose first start has made a password,
    let served = Served::start().await?;
    let credentials = std::fs::read_to_string(served.data.path().join("credentials.toml"))?;
    let password = credentials.split("dashboard_password = \"").nth(1);
    let password = password.and_then(|rest| rest.split('"').next());
    let password = password.context("a first password")?;
    assert_eq!(
        sign_in(&served, "admin", password).await?,
        StatusCode::SEE_OTHER
    );

    // when a user is made, then it signs in,
    let first = password_file(&served, "first", "kims-password\n")?;
    let made = create_user(&served, "kim", "read-only", &first)?;
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(said.contains("created user kim, read-only"), "{said}");
    let entered = sign_in(&served, "kim", "kims-password").await?;
    assert_eq!(entered, StatusCode::SEE_OTHER);

    // and with another password only by that.
    let second = password_file(&served, "second", "another-password")?;
    let line = ["user", "password", "--name", "kim", "--password-file"];
    served.says(&[&line[..], &[&second]].concat())?;
    let entered = sign_in(&served, "kim", "kims-password").await?;
    assert_eq!(entered, StatusCode::UNPROCESSABLE_ENTITY);
    let entered = sign_in(&served, "kim", "another-password").await?;
    assert_eq!(entered, StatusCode::SEE_OTHER);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_cannot_be_made_is_refused_with_the_reason() -> anyhow::Result<()> {
    let served = Served::start().await?;
    let good = password_file(&served, "good", "a-good-password")?;
    let short = password_file(&served, "short", "short")?;
    let unknown = ["user", "password", "--name", "lee", "--password-file"];

    for (refused, why) in [
        (
            create_user(&served, "admin", "admin", &good)?,
            "there is a user admin already",
        ),
        (create_user(&served, "lee", "owner", &good)?, "no such role"),
        (
            create_user(&served, "lee", "admin", &short)?,
            "10 to 200 characters",
        ),
        (
            served.run(&[&unknown[..], &[&good]].concat())?,
            "there is no user lee",
        ),
    ] {
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success(), "{why}");
        assert!(said.contains(why), "{why}: {said}");
    }
    Ok(())
}
