//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::catalogue;

/// Makes faults, one after another, and says what was lost, what was repeated and how soon it went on.
#[derive(Debug, Parser)]
#[command(name = "ie-faults", max_term_width = 100)]
pub(crate) struct Options {
    /// Only the fault of this name; may be given several times
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(catalogue::names()))]
    pub(crate) only: Vec<String>,
    /// Print the names of the faults and end
    #[arg(long)]
    pub(crate) list: bool,
    /// No fault lasts longer than this many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) at_most: Option<u64>,
    /// Writes in Insightly per second
    #[arg(long, value_name = "PER SECOND", default_value_t = 20.0)]
    pub(crate) rate: f64,
    /// What chance depends on
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Instead of the table: a mix of faults for so many minutes
    #[arg(long, value_name = "MINUTES", overrides_with = "soak")]
    pub(crate) soak: Option<f64>,
    /// Where what was observed is kept, from one run to the next
    #[arg(long, value_name = "FILE", default_value = "target/faults/report.json")]
    pub(crate) report: PathBuf,
    /// Renew the table in this document
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
}

impl Options {
    /// How long a fault lasts that is meant to last so long.
    pub(crate) fn length(&self, meant: Duration) -> Duration {
        let limit = self.at_most.map(Duration::from_secs);
        limit.map_or(meant, |limit| meant.min(limit))
    }
}
