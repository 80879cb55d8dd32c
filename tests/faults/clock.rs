//! The clock of our processes, which libfaketime lets jump while they run. The servers', Insightly's and the callback's
//! clocks stay as they are, and so does the monotonic clock, as when somebody sets the time of a machine.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Where Debian's package libfaketime puts it.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// A clock that can be stepped.
#[derive(Clone, Debug)]
pub(crate) struct Stepped {
    library: PathBuf,
    file: PathBuf,
}

impl Stepped {
    /// A clock that is right.
    ///
    /// # Errors
    /// libfaketime is not installed.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let mut libraries = LIBRARIES.iter().map(PathBuf::from);
        let library = libraries
            .find(|library| library.exists())
            .context("libfaketime is not installed: scripts/services.sh install libfaketime")?;
        let clock = Self {
            library,
            file: folder.join("clock"),
        };
        clock.step(0)?;
        Ok(clock)
    }

    /// What a process that is to have this clock is told.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Puts it so many seconds ahead of the right time, within a second.
    pub(crate) fn step(&self, seconds: i64) -> anyhow::Result<()> {
        // Whole or not at all: it is read at any moment.
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}\n"))?;
        Ok(std::fs::rename(next, &self.file)?)
    }
}
