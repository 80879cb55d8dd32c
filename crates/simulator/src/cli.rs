//! The program `ie-simulator`: its command line over its configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use ie_platform::config::{Config, Problems, Section as _};
use ie_platform::{Context, Options, Process, check_config, healthcheck, run_with};
use serde::{Deserialize, Serialize};

use crate::settings::Settings;
use crate::simulator::serve;

/// The configuration of the program.
#[derive(Debug, Serialize, Deserialize)]
struct ProgramConfig {
    simulator: Settings,
}

impl Config for ProgramConfig {
    fn defaults() -> Vec<&'static str> {
        vec![Settings::DEFAULTS]
    }

    fn validate(&self, problems: &mut Problems) {
        self.simulator.validate(problems);
    }
}

/// An Insightly to develop, test, demonstrate and measure against.
#[derive(Debug, Parser)]
#[command(name = "ie-simulator", version)]
struct Cli {
    /// A configuration file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where to listen
    #[arg(long, value_name = "IP:PORT")]
    address: Option<SocketAddr>,

    /// The same seed gives the same records
    #[arg(long)]
    seed: Option<u64>,

    /// How many records of an object to begin with; may be repeated
    #[arg(long, value_name = "OBJECT=COUNT", value_parser = records)]
    records: Vec<(String, usize)>,

    /// Changes per second to make by itself
    #[arg(long)]
    rate: Option<f64>,

    /// Requests per second and account
    #[arg(long)]
    requests_per_second: Option<u32>,

    /// Requests per day and account
    #[arg(long)]
    daily_limit: Option<u32>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Asks the simulator that runs with this configuration whether it is ready
    Healthcheck,
    /// Shows the effective configuration, or what is wrong with it
    CheckConfig,
}

/// Reads `Contacts=1000`.
fn records(text: &str) -> Result<(String, usize), String> {
    let (object, count) = text
        .split_once('=')
        .ok_or("expected an object and a number, such as Contacts=1000")?;
    let count = count
        .parse()
        .map_err(|error| format!("{count:?} is not a number of records: {error}"))?;
    Ok((object.to_owned(), count))
}

impl Cli {
    /// Puts what the command line says over the configuration.
    fn apply(&self, config: &mut ProgramConfig) {
        let settings = &mut config.simulator;
        settings.address = self.address.unwrap_or(settings.address);
        settings.seed = self.seed.unwrap_or(settings.seed);
        settings.rate = self.rate.unwrap_or(settings.rate);
        settings.requests_per_second = self
            .requests_per_second
            .unwrap_or(settings.requests_per_second);
        settings.daily_limit = self.daily_limit.unwrap_or(settings.daily_limit);
        settings.records.extend(self.records.iter().cloned());
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    let process = Process {
        name: "ie-simulator",
        version: env!("CARGO_PKG_VERSION"),
    };
    let options = Options {
        config: cli.config.clone(),
    };
    let prepare = |config: &mut ProgramConfig| {
        cli.apply(config);
        Ok(())
    };
    match cli.command {
        Some(Command::Healthcheck) => healthcheck::<ProgramConfig>(options),
        Some(Command::CheckConfig) => check_config::<ProgramConfig>(options, prepare),
        None => run_with(process, options, prepare, start),
    }
}

async fn start(context: Context, config: ProgramConfig) -> anyhow::Result<()> {
    let ready = context.health.component("simulator");
    let (address, _control) = serve(config.simulator, context.clock.clone(), &context.lifecycle)
        .await
        .context("starting the simulator")?;
    ready.set_ready();
    tracing::info!(%address, "simulating Insightly under /v3.1, control API under /control");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_command_line_wins_over_the_configuration() {
        let mut config: ProgramConfig = ie_platform::config::load_from(None, []).unwrap();
        let arguments = [
            "ie-simulator",
            "--records",
            "Leads=7",
            "--daily-limit",
            "5",
            "--address",
            "127.0.0.1:0",
        ];

        Cli::try_parse_from(arguments).unwrap().apply(&mut config);

        assert_eq!(config.simulator.records["Leads"], 7);
        assert_eq!(config.simulator.records["Contacts"], 1_000);
        assert_eq!(config.simulator.daily_limit, 5);
        assert_eq!(config.simulator.address.port(), 0);
    }

    #[test]
    fn the_commented_defaults_are_the_defaults() {
        let config: ProgramConfig = ie_platform::config::load_from(None, []).unwrap();

        assert_eq!(config.simulator, Settings::default());
    }

    #[test]
    fn mistakes_are_named_with_what_was_expected() {
        let mut settings = Settings::empty().with_records("Contact", 5);
        settings.rate = -1.0;
        settings.custom_objects.push("Site".to_owned());
        let mut problems = Problems::default();

        settings.validate(&mut problems);

        let keys: Vec<&str> = problems.keys().collect();
        assert_eq!(
            keys,
            [
                "simulator.rate",
                "simulator.custom_objects",
                "simulator.records"
            ]
        );
    }
}
