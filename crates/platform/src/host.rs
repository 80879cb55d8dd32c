//! What this machine is called, for people who look for a process.

use std::path::Path;

/// Where the kernel tells the name: that of the container or the pod, where there is one.
const KERNEL: &str = "/proc/sys/kernel/hostname";

/// The name of this machine; `unknown` where the kernel does not tell it in a file.
pub fn name() -> String {
    read(Path::new(KERNEL)).unwrap_or_else(|| "unknown".to_owned())
}

fn read(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_and_what_cannot_be_read_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hostname");

        assert_eq!(read(&file), None, "not there");
        std::fs::write(&file, "\n").unwrap();
        assert_eq!(read(&file), None, "blank");
        std::fs::write(&file, "worker-3\n").unwrap();
        assert_eq!(read(&file).as_deref(), Some("worker-3"));
    }
}
