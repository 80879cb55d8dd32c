//! The program `insightly-events`.

use std::process::ExitCode;

fn main() -> ExitCode {
    insightly_events::main()
}
