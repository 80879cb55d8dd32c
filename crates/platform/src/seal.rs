//! Encryption at rest: what the store must keep but must not be able to read.
//!
//! A sealed value is text, `v1.<key id>.<base64url of nonce and ciphertext>`. It is bound to a context, such as
//! `instance:17:password`, so that a value copied from one row to another cannot be opened there. One key seals;
//! others may open what was sealed before it, or is sealed by processes that have the next one already.

mod config;

use base64::Engine as _;
use base64::engine::general_purpose::{
    STANDARD, STANDARD_NO_PAD_INDIFFERENT, URL_SAFE_NO_PAD, URL_SAFE_NO_PAD_INDIFFERENT,
};
use chacha20poly1305::aead::{Aead as _, Generate as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

use crate::secret::{ExposeSecret, SecretString};
pub use config::{SecretsConfig, SecretsError};

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
    /// The value was sealed with a key that is not there.
    #[error(
        "sealed with key {sealed_with}, which is none of the keys in use ({in_use}): start with the key that sealed \
         it as secrets.master_key, or as one of secrets.accepted_keys"
    )]
    OtherKey {
        /// The id of the key that sealed the value.
        sealed_with: String,
        /// The ids of the keys in use, the one that seals first.
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

/// Seals values with one key, and opens them with that or with others.
#[derive(Clone)]
pub struct Sealer {
    current: MasterKey,
    accepted: Vec<MasterKey>,
}

#[derive(Clone)]
struct MasterKey {
    cipher: XChaCha20Poly1305,
    id: String,
}

impl MasterKey {
    fn from_base64(key: &SecretString) -> Result<Self, Error> {
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
            id: hex::encode(&Sha256::digest(bytes)[..KEY_ID_BYTES]),
        })
    }
}

impl Sealer {
    /// A sealer with the key that `key` holds: 32 bytes in base64, of either alphabet, padded or not.
    pub fn from_base64(key: &SecretString) -> Result<Self, Error> {
        Ok(Self {
            current: MasterKey::from_base64(key)?,
            accepted: Vec::new(),
        })
    }

    /// The same, opening also what was sealed with `key`.
    pub fn accepting(mut self, key: &SecretString) -> Result<Self, Error> {
        let key = MasterKey::from_base64(key)?;
        if self.key_ids().all(|known| known != key.id) {
            self.accepted.push(key);
        }
        Ok(self)
    }

    /// A new key, in the form that [`Sealer::from_base64`] reads.
    pub fn generate_key() -> SecretString {
        STANDARD.encode(Key::generate()).into()
    }

    /// The first eight hexadecimal digits of the key's SHA-256: tells keys apart in logs and sealed values.
    pub fn key_id(&self) -> &str {
        &self.current.id
    }

    /// The ids of all keys that open, the one that seals first.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        let keys = std::iter::once(&self.current).chain(&self.accepted);
        keys.map(|key| key.id.as_str())
    }

    /// Seals `plain` for `context`; the same text sealed twice does not look the same.
    pub fn seal(&self, plain: &str, context: &str) -> String {
        let nonce = XNonce::generate();
        let payload = Payload {
            msg: plain.as_bytes(),
            aad: context.as_bytes(),
        };
        let ciphertext = self
            .current
            .cipher
            .encrypt(&nonce, payload)
            .expect("the cipher takes texts of up to 256 GiB");
        let sealed = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat());
        format!("{VERSION}.{}.{sealed}", self.current.id)
    }

    /// Seals anew what another key has sealed; none when it is the current key's already.
    pub fn reseal(&self, sealed: &str, context: &str) -> Result<Option<String>, Error> {
        if key_id_of(sealed)? == self.current.id {
            return Ok(None);
        }
        let plain = self.open(sealed, context)?;
        Ok(Some(self.seal(plain.expose_secret(), context)))
    }

    /// Opens what [`Sealer::seal`] made with one of the keys and for the same context.
    pub fn open(&self, sealed: &str, context: &str) -> Result<SecretString, Error> {
        let (key_id, body) = parts(sealed)?;
        let mut keys = std::iter::once(&self.current).chain(&self.accepted);
        let key = keys
            .find(|key| key.id == key_id)
            .ok_or_else(|| Error::OtherKey {
                sealed_with: key_id.to_owned(),
                in_use: self.key_ids().collect::<Vec<_>>().join(", "),
            })?;
        let (nonce, ciphertext) = decode(body)?;
        let payload = Payload {
            msg: &ciphertext,
            aad: context.as_bytes(),
        };
        let broken = || Error::Broken {
            context: context.to_owned(),
        };
        let plain = key.cipher.decrypt(&nonce, payload).map_err(|_| broken())?;
        let plain = String::from_utf8(plain).map_err(|_| broken())?;
        Ok(plain.into())
    }
}

/// The id of the key that sealed a value.
pub fn key_id_of(sealed: &str) -> Result<&str, Error> {
    parts(sealed).map(|(key_id, _)| key_id)
}

/// The key's id, and the text that is sealed with it.
fn parts(sealed: &str) -> Result<(&str, &str), Error> {
    let mut parts = sealed.splitn(3, '.');
    let (Some(version), Some(key_id), Some(body)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(Error::Malformed("found fewer than three parts"));
    };
    if version != VERSION {
        return Err(Error::Version(version.to_owned()));
    }
    Ok((key_id, body))
}

fn decode(body: &str) -> Result<(XNonce, Vec<u8>), Error> {
    let bytes = URL_SAFE_NO_PAD
        .decode(body)
        .map_err(|_| Error::Malformed("found a third part that is not base64url"))?;
    let (nonce, ciphertext) = bytes
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(Error::Malformed("found a third part that is too short"))?;
    Ok((XNonce::from(*nonce), ciphertext.to_vec()))
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("key_id", &self.current.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
