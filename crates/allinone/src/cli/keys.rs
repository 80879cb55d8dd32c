//! `insightly-events keys …`

use std::time::Duration;

use clap::{Args, Subcommand};

/// What to do about the master keys, and how to tell of it.
#[derive(Debug, Args)]
pub(crate) struct KeysOptions {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do about them.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Count what each key has sealed; fails when something is sealed with a key that is not configured
    Status,
    /// Seal everything anew with secrets.master_key
    ///
    /// A step at a time, while the services run. It may be ended at any time and begun again.
    Rotate(RotateOptions),
}

/// How fast it goes.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct RotateOptions {
    /// Rows that are looked at, and written at once
    #[arg(long, default_value_t = 200, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) batch: u32,
    /// The rest between two steps
    #[arg(long, default_value = "20ms", value_parser = parse_pause, value_name = "TIME")]
    pub(crate) pause: Duration,
}

fn parse_pause(text: &str) -> Result<Duration, String> {
    humantime_serde::re::humantime::parse_duration(text)
        .map_err(|error| format!("{error}; expected a time such as 20ms or 0s"))
}
