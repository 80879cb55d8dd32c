//! What the command line prints, and its exit codes.

use std::io::Write as _;
use std::process::ExitCode;

use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};

/// The command line or the configuration cannot be used (`EX_USAGE`).
pub(crate) const EXIT_USAGE: u8 = 64;

/// Prints a line on standard output. A reader that has gone away ends nothing: the next signal does.
pub(crate) fn say(text: &str) {
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// Prints a line on standard error.
pub(crate) fn warn(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Prints why a command failed, and gives its exit code.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    warn(&format!("insightly-events: {error:#}"));
    ExitCode::FAILURE
}

/// A table with these columns.
pub(crate) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_header(columns.to_vec());
    table
}
