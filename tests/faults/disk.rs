//! A disk of a few megabytes that can be filled: a tmpfs of its own.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Room for the database, its log and some minutes of events.
const SIZE: usize = 32 << 20;

/// A small disk; dropping it unmounts it.
#[derive(Debug)]
pub(crate) struct Disk {
    mount: PathBuf,
    _folder: tempfile::TempDir,
}

impl Disk {
    /// Mounts one.
    ///
    /// # Errors
    /// Only root may mount.
    pub(crate) fn mount() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mount = folder.path().join("disk");
        std::fs::create_dir(&mount)?;
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o"])
            .arg(format!("size={SIZE},mode=0700"))
            .arg("ie-faults")
            .arg(&mount)
            .stdin(Stdio::null())
            .output()
            .context("while running mount")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "cannot mount a small disk, which only root may: {}",
            errors.trim()
        );
        Ok(Self {
            mount,
            _folder: folder,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.filler())?;
        let block = vec![1; 4096];
        // No more than the small disk has, in case something has unmounted it.
        for _ in 0..SIZE / block.len() {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("while filling the disk"),
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.mount.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, as a process that is being killed may still hold a file of it.
        drop(Command::new("umount").arg("-l").arg(&self.mount).output());
    }
}
