//! Passwords of people: Argon2id, with a salt of its own for each.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use ie_platform::secret::{ExposeSecret as _, SecretString};

/// The fewest characters of a password.
pub const SHORTEST: usize = 10;
/// The most: hashing takes as long as the password is.
pub const LONGEST: usize = 200;

/// What a name that nobody has is checked against, so that it takes as long as one that somebody has.
static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let random = hex::encode(rand::random::<[u8; 16]>());
    hash(&random.into()).expect("the parameters are Argon2's own")
});

/// The password cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a password of {SHORTEST} to {LONGEST} characters")]
pub struct BadLength;

/// Whether it has a length that a password may have.
///
/// # Errors
/// It has not.
pub fn check_length(password: &SecretString) -> Result<(), BadLength> {
    let length = password.expose_secret().chars().count();
    (SHORTEST..=LONGEST)
        .contains(&length)
        .then_some(())
        .ok_or(BadLength)
}

/// What is stored of a password: a PHC string. This takes some hundredths of a second, on purpose.
///
/// # Errors
/// The system gives no random salt.
pub fn hash(password: &SecretString) -> anyhow::Result<String> {
    let hashed = Argon2::default().hash_password(password.expose_secret().as_bytes());
    let hashed = hashed.map_err(|error| anyhow::anyhow!("hashing a password: {error}"))?;
    Ok(hashed.to_string())
}

/// Whether it is the password that was stored; a name without one takes as long.
pub(crate) fn verify(password: &SecretString, stored: Option<&str>) -> bool {
    let known = stored.unwrap_or(&NOBODYS);
    let matches = PasswordHash::new(known).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.expose_secret().as_bytes(), &hash)
            .is_ok()
    });
    matches && stored.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_each_hash_has_its_own_salt() {
        let password = SecretString::from("correct horse");

        let (first, second) = (hash(&password).unwrap(), hash(&password).unwrap());

        assert!(first.starts_with("$argon2id$"), "{first}");
        assert_ne!(first, second);
        assert!(verify(&password, Some(&first)) && verify(&password, Some(&second)));
        assert!(!verify(&"correct house".into(), Some(&first)));
        assert!(!verify(&password, None));
        assert!(!verify(&password, Some("no hash")));
    }

    #[test]
    fn a_password_has_a_length() {
        assert_eq!(check_length(&"ninechars".into()), Err(BadLength));
        assert_eq!(check_length(&"ten charac".into()), Ok(()));
        assert_eq!(check_length(&"x".repeat(201).into()), Err(BadLength));
    }
}
