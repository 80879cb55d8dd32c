//! The program `ie-scheduler`.

use std::process::ExitCode;

use ie_scheduler::process::{PROCESS, start};

fn main() -> ExitCode {
    ie_platform::run(PROCESS, start)
}
