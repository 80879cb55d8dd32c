//! The program `ie-simulator`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ie_simulator::main()
}
