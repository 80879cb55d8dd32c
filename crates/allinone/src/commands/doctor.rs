//! `insightly-events doctor`: what is reachable, what is wrong, how to mend it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use ie_platform::config::{self, Problems};
use ie_platform::http::{self, ClientSettings};
use serde_json::{Value, json};

use super::instances::state;
use super::text;
use crate::cli::{RunOptions, Server};
use crate::data;
use crate::output::say;
use crate::remote::Remote;

/// One thing that was looked at.
struct Finding {
    what: String,
    /// What is wrong and how to mend it; none when it is well.
    problem: Option<String>,
}

struct Findings(Vec<Finding>);

impl Findings {
    fn well(&mut self, what: impl Into<String>) {
        self.0.push(Finding {
            what: what.into(),
            problem: None,
        });
    }

    fn problem(&mut self, what: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Finding {
            what: what.into(),
            problem: Some(problem.into()),
        });
    }
}

/// Looks at everything that can be looked at from here; exit code 1 when something is wrong.
pub(super) async fn run(run: &RunOptions, server: &Server) -> anyhow::Result<ExitCode> {
    let mut findings = Findings(Vec::new());
    if server.url.is_none() {
        configuration(run, &mut findings);
        health(run, &mut findings).await?;
    }
    match Remote::of(run, server) {
        Ok(remote) => api(&remote, &mut findings).await,
        Err(error) => findings.problem("credentials", format!("{error:#}")),
    }
    print(server, &findings);
    let sick = findings.0.iter().any(|finding| finding.problem.is_some());
    Ok(if sick {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn print(server: &Server, findings: &Findings) {
    for Finding { what, problem } in &findings.0 {
        if server.json {
            say(&json!({"what": what, "ok": problem.is_none(), "problem": problem}).to_string());
            continue;
        }
        match problem {
            None => say(&format!("ok       {what}")),
            Some(problem) => say(&format!("PROBLEM  {what}: {problem}")),
        }
    }
}

fn configuration(run: &RunOptions, findings: &mut Findings) {
    match effective(run) {
        Ok(problems) if problems.is_empty() => findings.well("configuration"),
        Ok(problems) => findings.problem("configuration", problems.to_string()),
        Err(error) => findings.problem("configuration", format!("{error:#}")),
    }
    match std::fs::metadata(&run.data) {
        Ok(metadata) if metadata.is_dir() && !metadata.permissions().readonly() => {
            findings.well(format!("data directory {}", run.data.display()));
        }
        Ok(_) => findings.problem(
            format!("data directory {}", run.data.display()),
            "it is not a directory that can be written: choose another with --data, or change its permissions",
        ),
        Err(error) => findings.problem(
            format!("data directory {}", run.data.display()),
            format!("{error}: start the server once, or name its directory with --data"),
        ),
    }
}

/// What is wrong with the configuration that a start would have.
fn effective(run: &RunOptions) -> anyhow::Result<Problems> {
    let config = data::imagined(run)?;
    let mut problems = Problems::default();
    config::Config::validate(&config, &mut problems);
    Ok(problems)
}

/// The health port of this machine's server, with the state of each component.
async fn health(run: &RunOptions, findings: &mut Findings) -> anyhow::Result<()> {
    let address = health_address(run)?;
    let settings = ClientSettings {
        timeout: Duration::from_secs(5),
        ..ClientSettings::default()
    };
    let client = http::client(&settings).context("while making the HTTP client")?;
    let request = client.get(format!("http://{address}/health/ready"));
    let response = match http::send(request, &client, "doctor").await {
        Ok(response) => response,
        Err(_) => {
            findings.problem(
                format!("process at {address}"),
                "nobody answers: start it with `insightly-events`, or name its port in health.address",
            );
            return Ok(());
        }
    };
    let (body, _) = http::read_limited(response, 1 << 20)
        .await
        .context("while reading the health answer")?;
    let body: Value = serde_json::from_slice(&body).context("while reading the health answer")?;
    for (name, status) in body["components"].as_object().into_iter().flatten() {
        match status["ready"].as_bool() {
            Some(true) => findings.well(name.as_str()),
            _ => findings.problem(name.as_str(), text(&status["why"])),
        }
    }
    Ok(())
}

fn health_address(run: &RunOptions) -> anyhow::Result<String> {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct HealthOnly {
        health: ie_platform::health::HealthConfig,
    }
    impl ie_platform::config::Config for HealthOnly {
        fn defaults() -> Vec<&'static str> {
            vec![<ie_platform::health::HealthConfig as ie_platform::config::Section>::DEFAULTS]
        }
        fn validate(&self, _: &mut ie_platform::config::Problems) {}
    }
    let config: HealthOnly = ie_platform::config::load(run.config.as_deref())?;
    Ok(config.health.address.replace("0.0.0.0", "127.0.0.1"))
}

/// The API as this user sees it: instances, their pollers, dead letters.
async fn api(remote: &Remote, findings: &mut Findings) {
    let instances = match remote.list("/instances", &[]).await {
        Ok(instances) => instances,
        Err(error) => {
            return findings.problem(format!("api at {}", remote.base()), format!("{error:#}"));
        }
    };
    findings.well(format!(
        "api at {} with {} instances",
        remote.base(),
        instances.len()
    ));
    for instance in &instances {
        let what = format!(
            "instance {} ({})",
            text(&instance["id"]),
            text(&instance["name"])
        );
        match state(instance).as_str() {
            "key refused" => findings.problem(
                what,
                "Insightly refuses its API key: give it a new one with PATCH /instances/{id}, configuration.password",
            ),
            "disabled" => findings.problem(what, "it is disabled: enable it with PUT /instances/{id}/enabled"),
            state => findings.well(format!("{what}: {state}")),
        }
        pollers(remote, instance, findings).await;
    }
    match remote.list("/dead-letters", &[]).await {
        Ok(letters) if letters.is_empty() => findings.well("no dead letters"),
        Ok(letters) => findings.problem(
            format!("{} dead letters", letters.len()),
            "see `dead-letters list`, mend the callback, then `dead-letters redrive`",
        ),
        Err(error) => findings.problem("dead letters", format!("{error:#}")),
    }
}

async fn pollers(remote: &Remote, instance: &Value, findings: &mut Findings) {
    let id = text(&instance["id"]);
    match remote
        .list(&format!("/instances/{id}/event-poller-records"), &[])
        .await
    {
        Ok(pollers) => {
            for poller in pollers
                .iter()
                .filter(|poller| !text(&poller["lastError"]).is_empty())
            {
                let what = format!("instance {id}, {}", text(&poller["name"]));
                let next = text(&poller["nextPollDate"]);
                findings.problem(
                    what,
                    format!("{}; polled again at {next}", text(&poller["lastError"])),
                );
            }
        }
        Err(error) => findings.problem(format!("instance {id}"), format!("{error:#}")),
    }
}
