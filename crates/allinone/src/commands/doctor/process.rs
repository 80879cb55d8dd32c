//! The process of this machine, by its health port: whether it runs, and how its components are.

use anyhow::Context as _;
use ie_platform::config::{self, Problems, Section};
use ie_platform::health::HealthConfig;
use ie_platform::http::{self, ClientSettings};
use serde_json::Value;

use super::{Findings, LIMIT, advice};
use crate::cli::RunOptions;
use crate::commands::text;

/// Asks for the state of each component.
pub(super) async fn ask(run: &RunOptions, findings: &mut Findings) -> anyhow::Result<()> {
    let address = address(run)?;
    let settings = ClientSettings {
        timeout: LIMIT,
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
        if status["ready"] == true {
            findings.well(name.as_str());
            continue;
        }
        let why = text(&status["why"]);
        let problem = match advice::of_component(name, &why) {
            Some(advice) => format!("{why}: {advice}"),
            None => why,
        };
        findings.problem(name.as_str(), problem);
    }
    Ok(())
}

fn address(run: &RunOptions) -> anyhow::Result<String> {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct HealthOnly {
        health: HealthConfig,
    }
    impl config::Config for HealthOnly {
        fn defaults() -> Vec<&'static str> {
            vec![HealthConfig::DEFAULTS]
        }
        fn validate(&self, _: &mut Problems) {}
    }
    let config: HealthOnly = config::load(run.config.as_deref())?;
    Ok(config.health.address.replace("0.0.0.0", "127.0.0.1"))
}
