//! The data directory: the database, the master key, the first credentials.
//!
//! The first start creates what is missing, each secret in a file that only its owner can read.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use ie_platform::config;
use ie_platform::seal::Sealer;
use ie_platform::secret::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::Config;
use crate::cli::RunOptions;

const DATABASE: &str = "insightly-events.db";
const MASTER_KEY: &str = "master.key";
const CREDENTIALS: &str = "credentials.toml";

/// The secrets of the first user: for `Authorization: User …, Organization …`, and for the dashboard.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    pub(crate) user_secret: String,
    pub(crate) organization_secret: String,
    /// None in a directory that is older than the dashboard: `user password` gives one.
    pub(crate) dashboard_password: Option<String>,
}

/// What a first start has created.
#[derive(Debug, Default)]
pub(crate) struct Created {
    pub(crate) credentials: Option<Credentials>,
    pub(crate) master_key: Option<PathBuf>,
}

/// Fills in what the configuration leaves open from the directory, creating what is not there yet.
///
/// # Errors
/// A file cannot be read or written; a database without its master key; secrets that were edited away.
pub(crate) fn prepare(directory: &Path, config: &mut Config) -> anyhow::Result<Created> {
    let mut created = Created::default();
    let database = directory.join(DATABASE);
    if config.store.url.expose_secret().is_empty() {
        create_directory(directory)?;
        config.store.url = format!("sqlite:{}", database.display()).into();
    }
    if !config.secrets.has_master_key() {
        create_directory(directory)?;
        let path = directory.join(MASTER_KEY);
        if !path.exists() {
            if database.exists() {
                bail!(
                    "{} is missing, and without it the keys in {} cannot be read: put the file back, or begin \
                     anew with another --data directory",
                    path.display(),
                    database.display()
                );
            }
            write_secret(&path, Sealer::generate_key().expose_secret())?;
            created.master_key = Some(path.clone());
        }
        config.secrets.master_key_file = Some(path);
    }
    if config.api.bootstrap_user_secret.is_none()
        && config.api.bootstrap_organization_secret.is_none()
    {
        let credentials = match read_credentials(directory)? {
            Some(credentials) => credentials,
            None => created
                .credentials
                .insert(create_credentials(directory)?)
                .clone(),
        };
        config.api.bootstrap_user_secret = Some(credentials.user_secret.into());
        let password = credentials.dashboard_password.map(Into::into);
        config.api.bootstrap_user_password = config.api.bootstrap_user_password.take().or(password);
        config.api.bootstrap_organization_secret = Some(credentials.organization_secret.into());
    }
    Ok(created)
}

/// Fills in what [`prepare`] would, and creates nothing: a start that is only imagined.
pub(crate) fn preview(directory: &Path, config: &mut Config) -> anyhow::Result<()> {
    if config.store.url.expose_secret().is_empty() {
        config.store.url = format!("sqlite:{}", directory.join(DATABASE).display()).into();
    }
    if !config.secrets.has_master_key() {
        let path = directory.join(MASTER_KEY);
        if path.exists() {
            config.secrets.master_key_file = Some(path);
        } else {
            config.secrets.master_key = Some(Sealer::generate_key());
        }
    }
    Ok(())
}

/// The file of the master key, where a start has made one.
pub(crate) fn master_key_file(run: &RunOptions) -> Option<PathBuf> {
    Some(run.data.join(MASTER_KEY)).filter(|path| path.exists())
}

/// The configuration that a start would have.
///
/// # Errors
/// The configuration cannot be read.
pub(crate) fn imagined(run: &RunOptions) -> anyhow::Result<Config> {
    let Unprepared(mut config) = config::load(run.config.as_deref())?;
    preview(&run.data, &mut config)?;
    Ok(config)
}

/// The configuration of a server that has been started: there are a store and the key that seals its secrets.
///
/// # Errors
/// The configuration cannot be read; no server was started with it.
pub(crate) fn started(run: &RunOptions) -> anyhow::Result<Config> {
    let Unprepared(config) = config::load(run.config.as_deref())?;
    let key = run.data.join(MASTER_KEY);
    if !config.secrets.has_master_key() && !key.exists() {
        bail!(
            "there is no {}, which the first start of the server makes: start it there first, or name its directory \
             with --data",
            key.display()
        );
    }
    imagined(run)
}

/// Puts fresh secrets into the directory's credentials, in place of those that they replace.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn update_credentials(
    directory: &Path,
    change: impl FnOnce(&mut Credentials),
) -> anyhow::Result<()> {
    let Some(mut credentials) = read_credentials(directory)? else {
        return Ok(());
    };
    change(&mut credentials);
    let text = toml::to_string(&credentials).context("while writing the credentials")?;
    // Whole or not at all: these secrets stand nowhere else in clear.
    let (path, fresh) = (
        directory.join(CREDENTIALS),
        directory.join("credentials.toml.new"),
    );
    if fresh.exists() {
        fs::remove_file(&fresh).with_context(|| format!("while removing {}", fresh.display()))?;
    }
    write_secret(&fresh, &text)?;
    fs::rename(&fresh, &path).with_context(|| format!("while replacing {}", path.display()))
}

/// The configuration before a start has filled in what it leaves open, which is not valid yet.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Unprepared(Config);

impl config::Config for Unprepared {
    fn defaults() -> Vec<&'static str> {
        <Config as config::Config>::defaults()
    }

    fn validate(&self, _: &mut config::Problems) {}
}

/// The credentials of a directory where a server has started before.
///
/// # Errors
/// The file is there and cannot be read.
pub(crate) fn read_credentials(directory: &Path) -> anyhow::Result<Option<Credentials>> {
    let path = directory.join(CREDENTIALS);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("while reading {}", path.display()));
        }
    };
    let credentials = toml::from_str(&text).with_context(|| {
        format!(
            "while reading {}: expected user_secret and organization_secret",
            path.display()
        )
    })?;
    Ok(Some(credentials))
}

fn create_credentials(directory: &Path) -> anyhow::Result<Credentials> {
    create_directory(directory)?;
    let credentials = Credentials {
        user_secret: random_secret(),
        organization_secret: random_secret(),
        dashboard_password: Some(random_secret()),
    };
    let text = toml::to_string(&credentials).context("while writing the credentials")?;
    write_secret(&directory.join(CREDENTIALS), &text)?;
    Ok(credentials)
}

/// 128 random bits as text.
fn random_secret() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

fn create_directory(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| {
        format!(
            "while creating the data directory {}: choose another with --data",
            directory.display()
        )
    })
}

/// Writes a new file that only its owner can read; never over one that is there.
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options
        .open(path)
        .with_context(|| format!("while creating {}", path.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("while writing {}", path.display()))
}

#[cfg(test)]
fn master_key(directory: &Path) -> ie_platform::secret::SecretString {
    fs::read_to_string(directory.join(MASTER_KEY))
        .expect("the first start wrote it")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        config::load_from::<Unprepared>(None, []).unwrap().0
    }

    #[test]
    fn the_first_start_creates_secrets_and_the_second_finds_them() {
        let directory = tempfile::tempdir().unwrap();
        let (mut first, mut second) = (config(), config());

        let created = prepare(directory.path(), &mut first).unwrap();
        let again = prepare(directory.path(), &mut second).unwrap();

        let credentials = created.credentials.unwrap();
        assert!(created.master_key.is_some());
        assert!(again.credentials.is_none() && again.master_key.is_none());
        assert_eq!(
            second.api.bootstrap_user_secret.unwrap().expose_secret(),
            credentials.user_secret
        );
        let password = second.api.bootstrap_user_password;
        assert_eq!(
            password.map(|password| password.expose_secret().to_owned()),
            credentials.dashboard_password
        );
        assert!(Sealer::from_base64(&master_key(directory.path())).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_secrets() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path(), &mut config()).unwrap();
        for name in [MASTER_KEY, CREDENTIALS] {
            let mode = fs::metadata(directory.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "{name}");
        }
    }

    #[test]
    fn a_database_without_its_master_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(DATABASE), "").unwrap();
        let error = prepare(directory.path(), &mut config()).unwrap_err();
        assert!(
            error.to_string().contains("master.key is missing"),
            "{error}"
        );
    }
}
