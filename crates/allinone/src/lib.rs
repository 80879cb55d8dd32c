#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod config;
mod data;
mod demo;
mod output;
mod receive;
mod receiver;
mod remote;
mod serve;
mod services;
mod unpack;

use std::process::ExitCode;

use clap::Parser;

pub use config::Config;
pub use services::{Running, start};

/// Which program this is, for telemetry and for `--version`.
pub(crate) const PROCESS: ie_platform::Process = ie_platform::Process {
    name: "insightly-events",
    version: env!("CARGO_PKG_VERSION"),
};

/// The command line: parses it and does what it says.
pub fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors for clap either: they go to stdout.
            let code = if error.use_stderr() {
                output::EXIT_USAGE
            } else {
                0
            };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    match cli.command {
        None => serve::serve(&cli.run),
        Some(cli::Command::Demo(demo)) => demo::run(&cli.run, demo),
        Some(cli::Command::Receive(receive)) => receive::run(&cli.run, receive),
        Some(cli::Command::Healthcheck) => serve::healthcheck(&cli.run),
        Some(cli::Command::CheckConfig) => serve::check_config(&cli.run),
        Some(cli::Command::LogFilter { filter, url }) => {
            serve::log_filter(&cli.run, filter.as_deref(), url.as_deref())
        }
        Some(cli::Command::Poison(options)) => commands::poison(&cli.run, &options),
        Some(cli::Command::Keys(options)) => commands::keys(&cli.run, &options),
        Some(cli::Command::Backup(options)) => commands::backup(&cli.run, &options),
        Some(cli::Command::Restore(options)) => commands::restore(&cli.run, &options),
        Some(cli::Command::Client(command)) => commands::run(&cli.run, command),
    }
}
