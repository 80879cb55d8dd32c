//! Where organizations and users are: in the store of this machine's configuration, or behind the API of a server.
//!
//! Whoever may read the configuration may change the store anyway, and the first user has nobody to ask; from elsewhere
//! it takes the operator's token.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use ie_api::accounts::{Accounts, Change, Rotated, Told, Wanted};
use ie_model::{OrganizationId, Role, UserId};
use ie_platform::Context;
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_store::{Organization, Page, Store, User};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{Grace, Operator, RunOptions};
use crate::remote::Remote;
use crate::{PROCESS, data};

/// Records that are read at a time.
const PAGE: u32 = 500;

/// Where the accounts are.
pub(super) enum Place {
    /// In the store of this machine's configuration.
    Here(Box<Here>),
    /// Behind the API of a server.
    There(Remote),
}

/// The store of this machine's configuration.
pub(super) struct Here {
    accounts: Accounts,
    store: Store,
    secret_grace: Duration,
    directory: PathBuf,
}

impl Place {
    /// What the command line says.
    pub(super) async fn of(run: &RunOptions, operator: &Operator) -> anyhow::Result<Self> {
        if let Some(token) = &operator.admin_token {
            let remote = Remote::of_operator(run, operator.url.as_deref(), token)?;
            return Ok(Self::There(remote));
        }
        if operator.url.is_some() {
            bail!(
                "--url needs --admin-token, the api.admin_token of that server; without both the store of this machine's \
                 configuration is changed"
            );
        }
        let config = data::started(run)?;
        let context = Context::new(PROCESS);
        let store = Store::open(&config.store, &context)
            .await
            .context("while opening the store")?;
        let sealer = config.secrets.sealer()?;
        Ok(Self::Here(Box::new(Here {
            accounts: Accounts::new(store.clone(), sealer, context.clock.clone()),
            store,
            secret_grace: config.api.secret_grace,
            directory: run.data.clone(),
        })))
    }

    /// Every organization.
    pub(super) async fn organizations(&self) -> anyhow::Result<Vec<Organization>> {
        match self {
            Self::Here(here) => {
                let mut all = Vec::new();
                loop {
                    let page = after(all.last().map(|one: &Organization| one.id.get()));
                    let found = here.accounts.organizations(None, page).await?;
                    if found.is_empty() {
                        return Ok(all);
                    }
                    all.extend(found);
                }
            }
            Self::There(remote) => {
                let found = remote.list("/admin/organizations", &[]).await?;
                found.into_iter().map(organization).collect()
            }
        }
    }

    /// The organization of this name.
    pub(super) async fn organization(&self, name: &str) -> anyhow::Result<Organization> {
        let found = match self {
            Self::Here(here) => {
                let found = here.accounts.organizations(Some(name), after(None));
                found.await?.into_iter().next()
            }
            Self::There(remote) => {
                let query = [("name", name.to_owned())];
                let found = remote.list("/admin/organizations", &query).await?;
                found.into_iter().next().map(organization).transpose()?
            }
        };
        found.with_context(|| {
            format!(
                "there is no organization {name}: `organization create` makes one, `organization list` shows them"
            )
        })
    }

    /// Makes an organization.
    pub(super) async fn create_organization(
        &self,
        name: &str,
    ) -> anyhow::Result<Told<Organization>> {
        match self {
            Self::Here(here) => Ok(here.accounts.create_organization(name).await?),
            Self::There(remote) => {
                let body = json!({ "name": name }).to_string();
                told(
                    remote.post("/admin/organizations", body).await?.body,
                    organization,
                )
            }
        }
    }

    /// Gives an organization a fresh secret.
    pub(super) async fn rotate_organization(
        &self,
        id: OrganizationId,
        grace: Grace,
    ) -> anyhow::Result<Rotated> {
        match self {
            Self::Here(here) => here.rotate_organization(id, grace).await,
            Self::There(remote) => {
                let path = format!("/admin/organizations/{id}/secret");
                rotated(remote.post(&path, grace_body(grace)).await?.body)
            }
        }
    }

    /// Every user of an organization.
    pub(super) async fn users(&self, id: OrganizationId) -> anyhow::Result<Vec<User>> {
        match self {
            Self::Here(here) => {
                let mut all = Vec::new();
                loop {
                    let page = after(all.last().map(|one: &User| one.id.get()));
                    let found = here.accounts.users(id, None, page).await?;
                    if found.is_empty() {
                        return Ok(all);
                    }
                    all.extend(found);
                }
            }
            Self::There(remote) => {
                let path = format!("/admin/organizations/{id}/users");
                let found = remote.list(&path, &[]).await?;
                found.into_iter().map(user).collect()
            }
        }
    }

    /// The user of this name in an organization, if there is one.
    pub(super) async fn user(
        &self,
        id: OrganizationId,
        name: &str,
    ) -> anyhow::Result<Option<User>> {
        match self {
            Self::Here(here) => {
                let found = here.accounts.users(id, Some(name), after(None));
                Ok(found.await?.into_iter().next())
            }
            Self::There(remote) => {
                let path = format!("/admin/organizations/{id}/users");
                let found = remote.list(&path, &[("name", name.to_owned())]).await?;
                found.into_iter().next().map(user).transpose()
            }
        }
    }

    /// Makes a user.
    pub(super) async fn create_user(
        &self,
        id: OrganizationId,
        wanted: Wanted,
    ) -> anyhow::Result<Told<User>> {
        match self {
            Self::Here(here) => Ok(here.accounts.create_user(id, wanted).await?),
            Self::There(remote) => {
                let password = wanted.password.as_ref().map(SecretString::expose_secret);
                let body =
                    json!({ "name": wanted.name, "role": wanted.role, "password": password });
                let path = format!("/admin/organizations/{id}/users");
                told(remote.post(&path, body.to_string()).await?.body, user)
            }
        }
    }

    /// Changes a user.
    pub(super) async fn change_user(&self, id: UserId, change: Change) -> anyhow::Result<User> {
        match self {
            Self::Here(here) => Ok(here.accounts.change_user(id, change).await?),
            Self::There(remote) => {
                let password = change.password.as_ref().map(SecretString::expose_secret);
                let body = json!({ "role": change.role, "disabled": change.disabled, "password": password });
                let path = format!("/admin/users/{id}");
                user(remote.patch(&path, body.to_string()).await?.body)
            }
        }
    }

    /// Deletes a user.
    pub(super) async fn delete_user(&self, id: UserId) -> anyhow::Result<()> {
        match self {
            Self::Here(here) => Ok(here.accounts.delete_user(id).await?),
            Self::There(remote) => {
                let path = format!("/admin/users/{id}");
                remote.delete(&path).await.map(drop)
            }
        }
    }

    /// Gives a user a fresh secret.
    pub(super) async fn rotate_user(&self, id: UserId, grace: Grace) -> anyhow::Result<Rotated> {
        match self {
            Self::Here(here) => here.rotate_user(id, grace).await,
            Self::There(remote) => {
                let path = format!("/admin/users/{id}/secret");
                rotated(remote.post(&path, grace_body(grace)).await?.body)
            }
        }
    }
}

impl Here {
    /// The command line of this directory goes on with the fresh secret.
    async fn rotate_organization(
        &self,
        id: OrganizationId,
        grace: Grace,
    ) -> anyhow::Result<Rotated> {
        let owner = self.owner().await?;
        let rotated = self.accounts.rotate_organization(id, self.grace(grace));
        let rotated = rotated.await?;
        if owner.is_some_and(|owner| owner.organization == id) {
            data::update_credentials(&self.directory, |credentials| {
                rotated
                    .secret
                    .expose_secret()
                    .clone_into(&mut credentials.organization_secret);
            })?;
        }
        Ok(rotated)
    }

    /// The same for a user.
    async fn rotate_user(&self, id: UserId, grace: Grace) -> anyhow::Result<Rotated> {
        let owner = self.owner().await?;
        let rotated = self.accounts.rotate_user(id, self.grace(grace)).await?;
        if owner.is_some_and(|owner| owner.user == id) {
            data::update_credentials(&self.directory, |credentials| {
                rotated
                    .secret
                    .expose_secret()
                    .clone_into(&mut credentials.user_secret);
            })?;
        }
        Ok(rotated)
    }

    /// Whose credentials the data directory has.
    async fn owner(&self) -> anyhow::Result<Option<ie_store::Principal>> {
        let Some(credentials) = data::read_credentials(&self.directory)? else {
            return Ok(None);
        };
        let [organization, user] = [credentials.organization_secret, credentials.user_secret]
            .map(|secret| ie_api::hash_secret(&secret.into()));
        let owner = self.store.principal(&organization, &user).await;
        owner.context("while looking whose credentials the data directory has")
    }

    fn grace(&self, grace: Grace) -> Duration {
        let minutes = grace.grace_minutes;
        let given = minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
        given.unwrap_or(self.secret_grace)
    }
}

fn after(last: Option<i64>) -> Page {
    Page {
        after: last,
        limit: PAGE,
    }
}

fn grace_body(grace: Grace) -> String {
    json!({ "graceMinutes": grace.grace_minutes }).to_string()
}

fn organization(answer: Value) -> anyhow::Result<Organization> {
    #[derive(Deserialize)]
    struct Answer {
        id: OrganizationId,
        name: String,
    }
    let Answer { id, name } = read(answer)?;
    Ok(Organization { id, name })
}

fn user(answer: Value) -> anyhow::Result<User> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        id: UserId,
        organization_id: OrganizationId,
        name: String,
        role: Role,
        disabled: bool,
        signs_in: bool,
    }
    let answer: Answer = read(answer)?;
    Ok(User {
        id: answer.id,
        organization: answer.organization_id,
        name: answer.name,
        role: answer.role,
        disabled: answer.disabled,
        has_password: answer.signs_in,
    })
}

fn told<T>(
    answer: Value,
    made: impl FnOnce(Value) -> anyhow::Result<T>,
) -> anyhow::Result<Told<T>> {
    let secret = read(answer["secret"].clone())?;
    let made = made(answer)?;
    Ok(Told { made, secret })
}

fn rotated(answer: Value) -> anyhow::Result<Rotated> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        secret: SecretString,
        previous_until: Option<DateTime<Utc>>,
    }
    let answer: Answer = read(answer)?;
    Ok(Rotated {
        secret: answer.secret,
        previous_until: answer.previous_until,
    })
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> anyhow::Result<T> {
    serde_json::from_value(answer).context("the server's answer has another form than expected")
}
