//! Encryption at rest: what the store must keep but must not be able to read.
//!
//! A sealed value is text, `v1.<key id>.<base64url of nonce and ciphertext>`. It is bound to a context, such as
//! `instance:17:password`, so that a value copied from one row to another cannot be opened there.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{
    STANDARD, STANDARD_NO_PAD_INDIFFERENT, URL_SAFE_NO_PAD, URL_SAFE_NO_PAD_INDIFFERENT,
};
use chacha20poly1305::aead::{Aead as _, Generate as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::{Problems, Section};
use crate::secret::{self, ExposeSecret, SecretString};

const VERSION: &str = "v1";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Four bytes tell keys apart; they say nothing useful about the key itself.
const KEY_ID_BYTES: usize = 4;

/// Why a key or a sealed value was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The master key is not the text of 32 bytes.
    #[error(
        "the key must be {KEY_BYTES} bytes in base64, as written by `head -c 32 /dev/urandom | base64`; found {found}"
    )]
    Key {
        /// What was found, without the key itself.
        found: String,
    },
    /// The text is not a sealed value at all.
    #[error("not a sealed value: expected v1.<key id>.<base64url>, {0}")]
    Malformed(&'static str),
    /// The value was sealed by a later version of this program.
    #[error("sealed in format {0:?}, which this version cannot read: expected v1")]
    Version(String),
    /// The value was sealed with another key.
    #[error(
        "sealed with key {sealed_with}, but the master key in use is {in_use}: \
         start with the key that sealed the store"
    )]
    OtherKey {
        /// The id of the key that sealed the value.
        sealed_with: String,
        /// The id of the key in use.
        in_use: String,
    },
    /// The key is right and the seal is not.
    #[error(
        "the seal is broken: the value was altered, or sealed for another place than {context:?}"
    )]
    Broken {
        /// The context that was asked for.
        context: String,
    },
}

/// Seals and opens values with one key.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    key_id: String,
}

impl Sealer {
    /// A sealer with the key that `key` holds: 32 bytes in base64, of either alphabet, padded or not.
    pub fn from_base64(key: &SecretString) -> Result<Self, Error> {
        let text = key.expose_secret().trim();
        let bytes = STANDARD_NO_PAD_INDIFFERENT
            .decode(text)
            .or_else(|_| URL_SAFE_NO_PAD_INDIFFERENT.decode(text))
            .map_err(|_| Error::Key {
                found: format!("{} characters that are not base64", text.chars().count()),
            })?;
        let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|bytes: Vec<u8>| Error::Key {
            found: format!("{} bytes", bytes.len()),
        })?;
        Ok(Self {
            cipher: XChaCha20Poly1305::new(&Key::from(bytes)),
            key_id: hex::encode(&Sha256::digest(bytes)[..KEY_ID_BYTES]),
        })
    }

    /// A new key, in the form that [`Sealer::from_base64`] reads.
    pub fn generate_key() -> SecretString {
        STANDARD.encode(Key::generate()).into()
    }

    /// The first eight hexadecimal digits of the key's SHA-256: tells keys apart in logs and sealed values.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Seals `plain` for `context`; the same text sealed twice does not look the same.
    pub fn seal(&self, plain: &str, context: &str) -> String {
        let nonce = XNonce::generate();
        let payload = Payload {
            msg: plain.as_bytes(),
            aad: context.as_bytes(),
        };
        let ciphertext = self
            .cipher
            .encrypt(&nonce, payload)
            .expect("the cipher takes texts of up to 256 GiB");
        let sealed = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat());
        format!("{VERSION}.{}.{sealed}", self.key_id)
    }

    /// Opens what [`Sealer::seal`] made with the same key and for the same context.
    pub fn open(&self, sealed: &str, context: &str) -> Result<SecretString, Error> {
        let (nonce, ciphertext) = self.parse(sealed)?;
        let payload = Payload {
            msg: &ciphertext,
            aad: context.as_bytes(),
        };
        let broken = || Error::Broken {
            context: context.to_owned(),
        };
        let plain = self.cipher.decrypt(&nonce, payload).map_err(|_| broken())?;
        let plain = String::from_utf8(plain).map_err(|_| broken())?;
        Ok(plain.into())
    }

    fn parse(&self, sealed: &str) -> Result<(XNonce, Vec<u8>), Error> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(version), Some(key_id), Some(body)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::Malformed("found fewer than three parts"));
        };
        if version != VERSION {
            return Err(Error::Version(version.to_owned()));
        }
        if key_id != self.key_id {
            return Err(Error::OtherKey {
                sealed_with: key_id.to_owned(),
                in_use: self.key_id.clone(),
            });
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(body)
            .map_err(|_| Error::Malformed("found a third part that is not base64url"))?;
        let (nonce, ciphertext) = bytes
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(Error::Malformed("found a third part that is too short"))?;
        Ok((XNonce::from(*nonce), ciphertext.to_vec()))
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

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
}

/// Why there is no sealer.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// There is no key, or there are two.
    #[error("set either secrets.master_key or secrets.master_key_file, found {0}")]
    Choice(&'static str),
    /// The file cannot be read.
    #[error("cannot read secrets.master_key_file {path}: {source}", path = path.display())]
    File {
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
    /// The sealer with the configured key.
    pub fn sealer(&self) -> Result<Sealer, SecretsError> {
        let key = match (&self.master_key, &self.master_key_file) {
            (Some(_), Some(_)) => return Err(SecretsError::Choice("both")),
            (None, None) => return Err(SecretsError::Choice("neither")),
            (Some(key), None) => key.clone(),
            (None, Some(path)) => std::fs::read_to_string(path)
                .map(SecretString::from)
                .map_err(|source| SecretsError::File {
                    path: path.clone(),
                    source,
                })?,
        };
        Ok(Sealer::from_base64(&key)?)
    }
}

impl Section for SecretsConfig {
    const NAME: &'static str = "secrets";
    const DEFAULTS: &'static str = include_str!("../defaults/secrets.toml");

    fn validate(&self, problems: &mut Problems) {
        if let Err(error) = self.sealer() {
            let key = match &self.master_key_file {
                Some(_) => "secrets.master_key_file",
                None => "secrets.master_key",
            };
            problems.add(key, error.to_string());
        }
    }
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
