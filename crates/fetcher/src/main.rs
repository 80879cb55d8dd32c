//! The process `ie-fetcher`.

use std::process::ExitCode;

use ie_platform::Process;

fn main() -> ExitCode {
    let process = Process { name: "ie-fetcher", version: env!("CARGO_PKG_VERSION") };
    ie_platform::run(process, ie_fetcher::run_process)
}
