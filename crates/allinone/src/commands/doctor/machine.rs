//! What the process stands on: its configuration, its data directory and the room there, the database and its clock.

use std::path::Path;
use std::time::Duration;

use ie_platform::clock::{Clock as _, SystemClock};
use ie_platform::config::{self, Problems};
use ie_store::{Probe, probe};
use nix::sys::statvfs::statvfs;

use super::{Findings, LIMIT, advice};
use crate::cli::RunOptions;
use crate::{Config, data};

/// A database that takes longer for a question without any work is slow.
const SLOW: Duration = Duration::from_millis(300);

/// Looks at all of it.
pub(super) async fn look(run: &RunOptions, findings: &mut Findings) {
    let config = match data::imagined(run) {
        Ok(config) => config,
        Err(error) => return findings.problem("configuration", format!("{error:#}")),
    };
    let mut problems = Problems::default();
    config::Config::validate(&config, &mut problems);
    if problems.is_empty() {
        findings.well("configuration");
    } else {
        findings.problem("configuration", problems.to_string());
    }
    directory(&run.data, findings);
    database(&config, findings).await;
}

fn directory(path: &Path, findings: &mut Findings) {
    let what = format!("data directory {}", path.display());
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() && !metadata.permissions().readonly() => {
            match room(path).and_then(|(free, total)| advice::of_room(free, total)) {
                None => findings.well(what),
                Some(problem) => findings.problem(what, problem),
            }
        }
        Ok(_) => findings.problem(
            what,
            "it is not a directory that can be written: choose another with --data, or change its permissions",
        ),
        Err(error) => findings.problem(
            what,
            format!("{error}: start the server once, or name its directory with --data"),
        ),
    }
}

/// Bytes that are left on the disk of a path, and all of them; none where the system does not say.
fn room(path: &Path) -> Option<(u64, u64)> {
    let disk = statvfs(path).ok()?;
    let (unit, free, total) = (disk.fragment_size(), disk.blocks_available(), disk.blocks());
    Some((free.saturating_mul(unit), total.saturating_mul(unit)))
}

async fn database(config: &Config, findings: &mut Findings) {
    let found = match probe(&config.store, LIMIT).await {
        Ok(None) => return,
        Ok(Some(found)) => found,
        Err(error) => {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            let why = why.unwrap_or_else(|| error.to_string());
            let advice = advice::of_component("store", &why).unwrap_or_default();
            return findings.problem("database", format!("{why}: {advice}"));
        }
    };
    let Probe { took, time } = found;
    if took > SLOW {
        findings.problem(
            "database",
            format!(
                "it is slow, {} ms for a question without any work: see the network, its processors, disk and locks",
                took.as_millis()
            ),
        );
    } else {
        findings.well(format!("database, {} ms for a question", took.as_millis()));
    }
    match advice::of_clock(time - SystemClock.now()) {
        None => findings.well("the database's clock"),
        Some(problem) => findings.problem("the database's clock", problem),
    }
}
