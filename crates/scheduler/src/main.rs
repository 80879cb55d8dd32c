//! The process `ie-scheduler`.

use std::process::ExitCode;

use ie_platform::Process;

fn main() -> ExitCode {
    let process = Process { name: "ie-scheduler", version: env!("CARGO_PKG_VERSION") };
    ie_platform::run(process, ie_scheduler::run_process)
}
