//! The program `ie-dispatcher`.

use std::process::ExitCode;

use ie_dispatcher::process::{PROCESS, start};

fn main() -> ExitCode {
    ie_platform::run(PROCESS, start)
}
