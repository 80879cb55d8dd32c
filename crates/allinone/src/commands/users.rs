//! `insightly-events user …`: who may sign in to the dashboard. It works on the store itself, since whoever may read the
//! configuration may do so anyway, and the first user has nobody to ask.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use ie_api::password;
use ie_platform::Context;
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_store::{Error, NewUser, Store};

use crate::cli::{RunOptions, UserCommand, Who};
use crate::output::{say, warn};
use crate::{PROCESS, data};

/// More than any password has.
const MOST: u64 = 10_000;

pub(super) async fn run(run: &RunOptions, command: UserCommand) -> anyhow::Result<ExitCode> {
    let store = store(run).await?;
    match command {
        UserCommand::Create { who, role } => {
            let password = read(who.password_file.as_deref())?;
            let secret = SecretString::from(data::random_secret());
            let user = NewUser {
                organization: who.organization.clone(),
                name: name(&who)?.to_owned(),
                secret_hash: ie_api::hash_secret(&secret),
                password_hash: password::hash(&password)?,
                role,
            };
            created(&who, store.create_user(&user).await)?;
            say(&format!("created user {}, {}", user.name, role.as_str()));
            warn(&format!(
                "its secret for the API, shown only now: {}",
                secret.expose_secret()
            ));
        }
        UserCommand::Password { who } => {
            let password = read(who.password_file.as_deref())?;
            let hash = password::hash(&password)?;
            let known = store.set_password(&who.organization, &who.name, &hash);
            let known = known.await.context("while storing the password")?;
            ensure!(
                known,
                "there is no user {} in the organization {}: `user create` makes one",
                who.name,
                who.organization
            );
            say(&format!("{} has another password", who.name));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn created<T>(who: &Who, result: ie_store::Result<T>) -> anyhow::Result<T> {
    match result {
        Err(Error::Conflict(_)) => bail!(
            "there is a user {} already: `user password` gives it another password",
            who.name
        ),
        Err(Error::NotFound) => bail!(
            "there is no organization {}: the one of the configuration is made when the server starts first",
            who.organization
        ),
        other => other.context("while storing the user"),
    }
}

fn name(who: &Who) -> anyhow::Result<&str> {
    let name = who.name.trim();
    let plain = !name.is_empty() && name.chars().count() <= 100 && !name.contains(char::is_control);
    ensure!(
        plain,
        "--name: expected a name of 1 to 100 characters, got {:?}",
        who.name
    );
    Ok(name)
}

/// From a file, from a terminal without showing it, or else from standard input. Never from the command line, which
/// others on the machine can see.
fn read(file: Option<&Path>) -> anyhow::Result<SecretString> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("while reading the password from {}", path.display()))?,
        None if std::io::stdin().is_terminal() => asked()?,
        None => {
            let mut text = String::new();
            let read = std::io::stdin().take(MOST).read_to_string(&mut text);
            read.context("while reading the password from standard input")?;
            text
        }
    };
    let password = SecretString::from(text.trim_end_matches(['\r', '\n']));
    password::check_length(&password)?;
    Ok(password)
}

fn asked() -> anyhow::Result<String> {
    let first =
        rpassword::prompt_password("Password: ").context("while asking for the password")?;
    let again = rpassword::prompt_password("Again: ").context("while asking for the password")?;
    ensure!(first == again, "the two are not the same");
    Ok(first)
}

/// The store of this machine's configuration.
async fn store(run: &RunOptions) -> anyhow::Result<Store> {
    let config = data::imagined(run)?;
    Store::open(&config.store, &Context::new(PROCESS))
        .await
        .context("while opening the store")
}
