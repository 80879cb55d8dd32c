//! `make faults` and `make soak`: the system as separate processes under a steady load, a fault, and every write in the
//! simulated Insightly against every receipt.
//!
//! `catalogue` says which faults there are, `inject` how each is made, `run` what is watched, `report` what is printed.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its purpose is to show what was observed"
)]

mod catalogue;
mod clock;
mod disk;
mod inject;
mod load;
mod options;
mod report;
mod row;
mod run;
mod servers;
mod soak;
mod system;
mod ways;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = options::Options::parse();
    if options.list {
        catalogue::list();
        return Ok(ExitCode::SUCCESS);
    }
    let everything = async {
        match options.soak {
            Some(minutes) => soak::run(&options, minutes).await,
            None => run::all(&options).await,
        }
    };
    // Programs, servers and mounts go with the future that owns them, also on Ctrl-C.
    let ok = tokio::select! {
        ok = Box::pin(everything) => ok?,
        signal = tokio::signal::ctrl_c() => {
            signal?;
            false
        }
    };
    Ok(ExitCode::from(u8::from(!ok)))
}
