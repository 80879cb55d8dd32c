//! `make bench`: every yardstick of the design, measured in one run against a bare client or against itself.
//!
//! Ratios within one run, because machines differ; the two sides of a ratio take turns, because machines are shared.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its purpose is to show figures"
)]

mod backlog;
mod bare;
mod budget;
mod callbacks;
mod cpu;
mod deliveries;
mod embedded;
mod fairness;
mod idle;
mod isolation;
mod memory;
mod options;
mod queued;
mod records;
mod report;
mod running;
mod scaling;
mod scene;
mod stage;
mod start;
mod tally;
mod tick;
mod walk;
mod world;
mod yardsticks;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = options::Options::parse();
    let report = yardsticks::measure(&options).await?;
    report.conclude();
    let missed = options.check && !report.all_ok();
    Ok(ExitCode::from(u8::from(missed)))
}
