//! What operators do about organizations and users, through the API and on the command line alike.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::{OrganizationId, Role, UserId};
use ie_platform::SharedClock;
use ie_platform::seal::{self, Sealer};
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_store::{KeptSecret, NewUser, Organization, Page, Store, User, UserChange};
use sha2::{Digest as _, Sha256};

use crate::password;

/// The most characters of a name.
const LONGEST_NAME: usize = 100;
/// The longest that a replaced secret stays good.
pub const LONGEST_GRACE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name cannot be one.
    #[error("name: expected 1 to {LONGEST_NAME} characters without control characters, got {0:?}")]
    Name(String),
    /// The password cannot be one.
    #[error("password: {0}")]
    Password(#[from] password::BadLength),
    /// The name is another's.
    #[error("{0}")]
    Taken(&'static str),
    /// There is no such organization.
    #[error("there is no organization {0}")]
    NoOrganization(OrganizationId),
    /// There is no such user.
    #[error("there is no user {0}")]
    NoUser(UserId),
    /// The store refused or is away.
    #[error("the store does not take it")]
    Store(#[source] ie_store::Error),
    /// A password cannot be hashed here.
    #[error("the password cannot be hashed")]
    Hash(#[source] anyhow::Error),
}

impl From<ie_store::Error> for Error {
    fn from(error: ie_store::Error) -> Self {
        Self::Store(error)
    }
}

/// The result of what an operator does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was made, and its secret, which is told this once.
#[derive(Clone, Debug)]
pub struct Told<T> {
    /// What was made.
    pub made: T,
    /// Its secret.
    pub secret: SecretString,
}

/// A fresh secret, and until when the one before is good as well.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The fresh secret, told this once.
    pub secret: SecretString,
    /// None when the one before is good no more.
    pub previous_until: Option<DateTime<Utc>>,
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// With which it signs in; without one it cannot.
    pub password: Option<SecretString>,
}

/// What becomes of a user; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What it may do from now on.
    pub role: Option<Role>,
    /// Whether it may do nothing.
    pub disabled: Option<bool>,
    /// Another password.
    pub password: Option<SecretString>,
}

/// The accounts of a store.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds the key that seals")]
pub struct Accounts {
    store: Store,
    sealer: Sealer,
    clock: SharedClock,
}

impl Accounts {
    /// Those of this store, whose secrets are sealed by `sealer`.
    pub fn new(store: Store, sealer: Sealer, clock: SharedClock) -> Self {
        Self {
            store,
            sealer,
            clock,
        }
    }

    /// The organizations by id, or the one of this name.
    ///
    /// # Errors
    /// The store is away.
    pub async fn organizations(&self, name: Option<&str>, page: Page) -> Result<Vec<Organization>> {
        Ok(self.store.organizations(name, page).await?)
    }

    /// Makes an organization without users.
    ///
    /// # Errors
    /// The name cannot be one or is taken; the store is away.
    pub async fn create_organization(&self, name: &str) -> Result<Told<Organization>> {
        let name = check_name(name)?;
        let secret = new_secret();
        let kept = keep(&self.sealer, &secret);
        let created = self.store.create_organization(name, &kept).await;
        let id = created.map_err(taken("name: there is an organization of this name already"))?;
        tracing::info!(organization.id = %id, "organization created");
        let name = name.to_owned();
        let made = Organization { id, name };
        Ok(Told { made, secret })
    }

    /// Gives an organization a fresh secret; the one before is good for the time `grace`.
    ///
    /// # Errors
    /// There is no such organization; the store is away.
    pub async fn rotate_organization(
        &self,
        id: OrganizationId,
        grace: Duration,
    ) -> Result<Rotated> {
        let rotated = self.rotated(grace);
        let kept = keep(&self.sealer, &rotated.secret);
        let until = rotated.previous_until;
        if !self
            .store
            .rotate_organization_secret(id, &kept, until)
            .await?
        {
            return Err(Error::NoOrganization(id));
        }
        tracing::info!(organization.id = %id, ?grace, "organization's secret rotated");
        Ok(rotated)
    }

    /// The users of an organization by id, or the one of this name.
    ///
    /// # Errors
    /// There is no such organization; the store is away.
    pub async fn users(
        &self,
        organization: OrganizationId,
        name: Option<&str>,
        page: Page,
    ) -> Result<Vec<User>> {
        if !self.store.has_organization(organization).await? {
            return Err(Error::NoOrganization(organization));
        }
        Ok(self.store.users(organization, name, page).await?)
    }

    /// Makes a user.
    ///
    /// # Errors
    /// The name or the password cannot be one; the name is taken; there is no such organization; the store is away.
    pub async fn create_user(
        &self,
        organization: OrganizationId,
        wanted: Wanted,
    ) -> Result<Told<User>> {
        let name = check_name(&wanted.name)?.to_owned();
        let password_hash = hashed(wanted.password).await?;
        let secret = new_secret();
        let user = NewUser {
            organization,
            name,
            secret: keep(&self.sealer, &secret),
            password_hash,
            role: wanted.role,
        };
        let created = self.store.create_user(&user).await;
        let id = created.map_err(|error| match error {
            ie_store::Error::NotFound => Error::NoOrganization(organization),
            error => taken(NAME_TAKEN)(error),
        })?;
        tracing::info!(user.id = %id, organization.id = %organization, "user created");
        let made = User {
            id,
            organization,
            name: user.name,
            role: user.role,
            disabled: false,
            has_password: user.password_hash.is_some(),
        };
        Ok(Told { made, secret })
    }

    /// Changes a user. Another password, and being disabled, end its sessions.
    ///
    /// # Errors
    /// The password cannot be one; its name signs another in; there is no such user; the store is away.
    pub async fn change_user(&self, id: UserId, change: Change) -> Result<User> {
        let change = UserChange {
            role: change.role,
            disabled: change.disabled,
            password_hash: hashed(change.password).await?,
        };
        let changed = self.store.change_user(id, &change).await;
        let changed = changed.map_err(taken(NAME_TAKEN))?;
        tracing::info!(user.id = %id, "user changed");
        changed.ok_or(Error::NoUser(id))
    }

    /// Deletes a user; its instances stay with the organization.
    ///
    /// # Errors
    /// There is no such user; the store is away.
    pub async fn delete_user(&self, id: UserId) -> Result<()> {
        if !self.store.delete_user(id).await? {
            return Err(Error::NoUser(id));
        }
        tracing::info!(user.id = %id, "user deleted");
        Ok(())
    }

    /// Gives a user a fresh secret; the one before is good for the time `grace`.
    ///
    /// # Errors
    /// There is no such user; the store is away.
    pub async fn rotate_user(&self, id: UserId, grace: Duration) -> Result<Rotated> {
        let rotated = self.rotated(grace);
        let kept = keep(&self.sealer, &rotated.secret);
        let until = rotated.previous_until;
        if !self.store.rotate_user_secret(id, &kept, until).await? {
            return Err(Error::NoUser(id));
        }
        tracing::info!(user.id = %id, ?grace, "user's secret rotated");
        Ok(rotated)
    }

    fn rotated(&self, grace: Duration) -> Rotated {
        let grace = TimeDelta::from_std(grace.min(LONGEST_GRACE)).unwrap_or_default();
        Rotated {
            secret: new_secret(),
            previous_until: (grace > TimeDelta::zero()).then(|| self.clock.now() + grace),
        }
    }
}

/// A name is one user's in its organization, and one's in all of them once it signs in.
const NAME_TAKEN: &str = "name: there is a user of this name already, in the organization or with a password in another: \
     one signs in by name alone";

/// What is stored of a secret: its hash, and a sealed copy that belongs to that hash.
pub(crate) fn keep(sealer: &Sealer, secret: &SecretString) -> KeptSecret {
    let hash = hex::encode(Sha256::digest(secret.expose_secret()));
    let sealed = sealer.seal(secret.expose_secret(), &context(&hash));
    KeptSecret { hash, sealed }
}

/// The secret of a sealed copy.
pub(crate) fn open(sealer: &Sealer, hash: &str, sealed: &str) -> Result<SecretString, seal::Error> {
    sealer.open(sealed, &context(hash))
}

fn context(hash: &str) -> String {
    format!("account-secret:{hash}")
}

/// 128 random bits as text.
fn new_secret() -> SecretString {
    hex::encode(rand::random::<[u8; 16]>()).into()
}

fn check_name(name: &str) -> Result<&str> {
    let trimmed = name.trim();
    let plain = !trimmed.is_empty()
        && trimmed.chars().count() <= LONGEST_NAME
        && !trimmed.contains(char::is_control);
    plain
        .then_some(trimmed)
        .ok_or_else(|| Error::Name(name.to_owned()))
}

async fn hashed(password: Option<SecretString>) -> Result<Option<String>> {
    let Some(password) = password else {
        return Ok(None);
    };
    password::check_length(&password)?;
    let hash = tokio::task::spawn_blocking(move || password::hash(&password)).await;
    let hash = hash.map_err(|error| Error::Hash(error.into()))?;
    hash.map(Some).map_err(Error::Hash)
}

fn taken(text: &'static str) -> impl Fn(ie_store::Error) -> Error {
    move |error| match error {
        ie_store::Error::Conflict(_) => Error::Taken(text),
        error => Error::Store(error),
    }
}
