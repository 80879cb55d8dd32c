//! `insightly-events backup` and `restore`: the embedded store, copied while it is used, and put back.

use std::process::ExitCode;

use anyhow::Context as _;
use ie_store::{back_up, restore};

use crate::cli::{BackupOptions, RestoreOptions, RunOptions};
use crate::data;
use crate::output::{say, warn};

/// Copies the database of this machine's configuration.
pub(super) async fn make(run: &RunOptions, options: &BackupOptions) -> anyhow::Result<ExitCode> {
    let config = data::imagined(run)?;
    let file = &options.file;
    back_up(&config.store, file)
        .await
        .with_context(|| format!("no backup was made in {}", file.display()))?;
    say(&format!("backed up to {}", file.display()));
    if let Some(key) = data::master_key_file(run) {
        warn(&format!(
            "keep a copy of {} as well, in another place: without it the keys in the backup cannot be read",
            key.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts a backup in the place of this machine's database.
pub(super) async fn put_back(
    run: &RunOptions,
    options: &RestoreOptions,
) -> anyhow::Result<ExitCode> {
    let config = data::imagined(run)?;
    let file = &options.file;
    restore(&config.store, file, options.force)
        .await
        .with_context(|| format!("{} was not put back", file.display()))?;
    say(&format!("restored {}", file.display()));
    if config.secrets.master_key_file.is_none() {
        warn(&format!(
            "put the backup's master.key into {} before the server starts, unless the configuration names its key",
            run.data.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
