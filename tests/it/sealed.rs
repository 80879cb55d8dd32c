//! Everything that is sealed is known to the rotation of keys.

use std::path::{Path, PathBuf};

/// The files that seal something, and the column of `ie_store::SEALED_COLUMNS` in which it is kept.
const SEALERS: [(&str, &str, &str); 5] = [
    ("api/src/instances/secrets.rs", "instances", "secrets"),
    ("api/src/instances/secrets.rs", "trials", "secrets"),
    ("api/src/accounts.rs", "organizations", "sealed_secret"),
    ("api/src/accounts.rs", "users", "sealed_secret"),
    ("api/src/idempotency.rs", "idempotency_keys", "answer"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        if path.is_dir() {
            sources(&path, found)?;
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The text of a source file before its tests.
fn code(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)?;
    let code = text.split("#[cfg(test)]").next();
    Ok(code.unwrap_or_default().to_owned())
}

#[test]
fn whatever_seals_stores_it_where_the_rotation_finds_it() -> anyhow::Result<()> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut files = Vec::new();
    for package in std::fs::read_dir(&crates)? {
        let source = package?.path().join("src");
        // The platform has the sealer itself, and keeps nothing.
        if source.is_dir() && !source.ends_with("platform/src") {
            sources(&source, &mut files)?;
        }
    }
    for file in files {
        let name = file.strip_prefix(&crates)?.to_string_lossy().into_owned();
        let seals =
            [".seal(", "Sealer::seal"].map(|call| code(&file).map(|code| code.contains(call)));
        let seals = seals.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        let is_known = SEALERS.iter().any(|(known, ..)| *known == name);
        assert!(
            !seals.contains(&true) || is_known,
            "{name} seals something: give its column a line in SEALED_COLUMNS (crates/store/src/sealed.rs), and the file \
             one in SEALERS here"
        );
    }
    Ok(())
}

#[test]
fn every_sealer_has_its_column() {
    for (file, table, column) in SEALERS {
        let listed = ie_store::SEALED_COLUMNS
            .iter()
            .any(|known| known.table == table && known.column == column);
        assert!(
            listed,
            "{file} seals {table}.{column}, which is not in SEALED_COLUMNS"
        );
    }
}
