//! The program `ie-fetcher`.

use std::process::ExitCode;

use ie_fetcher::process::{PROCESS, start};

fn main() -> ExitCode {
    ie_platform::run(PROCESS, start)
}
