//! CPU time of processes, from /proc.

use anyhow::Context as _;

/// What the kernel counts in; the same on every Linux that we know of.
const TICKS_PER_SECOND: f64 = 100.0;

/// The seconds that a process has computed so far, in user and in kernel mode.
///
/// # Errors
/// There is no such process, or no /proc.
pub(crate) fn seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .with_context(|| format!("while looking at process {process}"))?;
    // The name, in brackets, may hold blanks.
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |place: usize| {
        fields
            .get(place)
            .context("stat is short")?
            .parse::<f64>()
            .context("no number")
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}
