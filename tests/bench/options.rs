//! The command line, and how large each measurement is.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::yardsticks::NAMES;

/// Measures every yardstick, prints a line for each and writes them as JSON.
#[derive(Debug, Parser)]
#[command(name = "ie-bench", max_term_width = 100)]
pub(crate) struct Options {
    /// Only the measurement of this name; may be given several times
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(NAMES))]
    pub(crate) only: Vec<String>,
    /// Small sizes: whether it works, not how fast it is
    #[arg(long)]
    pub(crate) quick: bool,
    /// End with 1 when a goal is missed
    #[arg(long)]
    pub(crate) check: bool,
    /// How many pollers, queued notifications and records stand for "a million"
    #[arg(long, value_name = "COUNT")]
    pub(crate) scale: Option<u32>,
    /// How often the two sides of a ratio take turns
    #[arg(long, value_name = "COUNT")]
    pub(crate) rounds: Option<usize>,
    /// Where the report goes
    #[arg(long, value_name = "FILE", default_value = "target/bench/report.json")]
    pub(crate) report: PathBuf,
}

/// How large each measurement is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Turns of each side of a ratio.
    pub(crate) rounds: usize,
    /// What stands for a million.
    pub(crate) million: u32,
    /// Notifications delivered in one turn.
    pub(crate) deliveries: u32,
    /// Records read in one turn.
    pub(crate) records: usize,
    /// Ticks of each size.
    pub(crate) ticks: usize,
    /// How long a steady state is watched.
    pub(crate) steady: Duration,
    /// How long one account has a backlog.
    pub(crate) backlog: Duration,
    /// Polls of resources in which nothing has changed.
    pub(crate) idle_polls: u64,
    /// How often a page of the dashboard is asked for.
    pub(crate) visits: usize,
}

impl Options {
    /// The sizes that these options ask for.
    pub(crate) fn sizes(&self) -> Sizes {
        let full = Sizes {
            rounds: 5,
            million: 1_000_000,
            deliveries: 20_000,
            records: 50_000,
            ticks: 31,
            steady: Duration::from_secs(15),
            backlog: Duration::from_secs(60),
            idle_polls: 40,
            visits: 41,
        };
        let quick = Sizes {
            rounds: 1,
            million: 20_000,
            deliveries: 2_000,
            records: 5_000,
            ticks: 5,
            steady: Duration::from_secs(4),
            backlog: Duration::from_secs(6),
            idle_polls: 8,
            visits: 5,
        };
        let sizes = if self.quick { quick } else { full };
        Sizes {
            rounds: self.rounds.unwrap_or(sizes.rounds).max(1),
            million: self.scale.unwrap_or(sizes.million).max(10_000),
            ..sizes
        }
    }

    /// Whether a measurement is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}
