//! `insightly-events poison …`

use clap::{Args, Subcommand};

/// What to do with messages that no client can see, and how to tell of them.
#[derive(Debug, Args)]
pub(crate) struct PoisonOptions {
    #[command(subcommand)]
    pub(crate) command: PoisonCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum PoisonCommand {
    /// List them with the reason of each, and leave them where they are
    List {
        /// At most this many
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: usize,
    },
    /// Show one with its payload, which may hold personal data
    Show {
        /// The message's id
        id: String,
    },
    /// Drop them for good: those named, or all of them
    Discard {
        /// The messages' ids
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// Every one
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}
