//! The process `ie-api`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ie_platform::run(ie_api::process::PROCESS, ie_api::process::start)
}
