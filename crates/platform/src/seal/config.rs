//! The section `secrets`: which key seals, and which others open.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, Sealer};
use crate::config::{Problems, Section};
use crate::secret::{self, SecretString};

/// The section `secrets`: the key that encrypts what the store must keep secret.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsConfig {
    /// The key itself.
    #[serde(with = "secret::redacted_option", default)]
    pub master_key: Option<SecretString>,
    /// The file that holds the key.
    #[serde(default)]
    pub master_key_file: Option<PathBuf>,
    /// Keys that open and do not seal.
    #[serde(with = "secret::redacted_list", default)]
    pub accepted_keys: Vec<SecretString>,
    /// Files of more such keys.
    #[serde(default)]
    pub accepted_key_files: Vec<PathBuf>,
}

/// Why there is no sealer.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// There is no key, or there are two.
    #[error("set either secrets.master_key or secrets.master_key_file, found {0}")]
    Choice(&'static str),
    /// The file cannot be read.
    #[error("cannot read {setting} {path}: {source}", path = path.display())]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key is not a key.
    #[error(transparent)]
    Key(#[from] Error),
}

impl SecretsConfig {
    /// Whether it says which key seals.
    pub fn has_master_key(&self) -> bool {
        self.master_key.is_some() || self.master_key_file.is_some()
    }

    /// The sealer with the configured keys.
    pub fn sealer(&self) -> Result<Sealer, SecretsError> {
        self.accepting(self.sealing()?)
    }

    /// With the key that seals, and no other.
    fn sealing(&self) -> Result<Sealer, SecretsError> {
        let key = match (&self.master_key, &self.master_key_file) {
            (Some(_), Some(_)) => return Err(SecretsError::Choice("both")),
            (None, None) => return Err(SecretsError::Choice("neither")),
            (Some(key), None) => key.clone(),
            (None, Some(path)) => read("secrets.master_key_file", path)?,
        };
        Ok(Sealer::from_base64(&key)?)
    }

    fn accepting(&self, sealer: Sealer) -> Result<Sealer, SecretsError> {
        let files = self.accepted_key_files.iter();
        let files = files.map(|path| read("secrets.accepted_key_files", path));
        let keys = self.accepted_keys.iter().cloned().map(Ok);
        keys.chain(files)
            .try_fold(sealer, |sealer, key| Ok(sealer.accepting(&key?)?))
    }
}

fn read(setting: &'static str, path: &Path) -> Result<SecretString, SecretsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SecretsError::File {
        setting,
        path: path.to_owned(),
        source,
    })?;
    Ok(text.into())
}

impl Section for SecretsConfig {
    const NAME: &'static str = "secrets";
    const DEFAULTS: &'static str = include_str!("../../defaults/secrets.toml");

    fn validate(&self, problems: &mut Problems) {
        let sealer = match self.sealing() {
            Ok(sealer) => sealer,
            Err(error) => {
                let key = match &self.master_key_file {
                    Some(_) => "secrets.master_key_file",
                    None => "secrets.master_key",
                };
                return problems.add(key, error.to_string());
            }
        };
        if let Err(error) = self.accepting(sealer) {
            let key = match &error {
                SecretsError::File { setting, .. } => setting,
                _ if self.accepted_keys.is_empty() => "secrets.accepted_key_files",
                _ => "secrets.accepted_keys",
            };
            problems.add(key, error.to_string());
        }
    }
}
