//! `insightly-events user …`: who may use the API and sign in to the dashboard.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use ie_api::accounts::{Change, Wanted};
use ie_api::password;
use ie_model::Role;
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_store::User;
use serde_json::{Value, json};

use super::accounts::Place;
use super::organizations::{show, tell};
use super::{print_list, text};
use crate::cli::{Operator, RunOptions, UserCommand, Who};
use crate::output::say;

/// More than any password has.
const MOST: u64 = 10_000;

const COLUMNS: [&str; 5] = ["ID", "NAME", "ROLE", "SIGNS IN", "DISABLED"];

pub(super) async fn run(
    run: &RunOptions,
    operator: &Operator,
    command: UserCommand,
) -> anyhow::Result<ExitCode> {
    let place = Place::of(run, operator).await?;
    match command {
        UserCommand::Create {
            who,
            role,
            password,
            no_password,
        } => {
            let file = password.password_file.as_deref();
            let password = (!no_password).then(|| read(file)).transpose()?;
            create(&place, operator, &who, (role, password)).await?;
        }
        UserCommand::List { organization } => list(&place, operator, &organization).await?,
        UserCommand::Password { who, password } => {
            let change = Change {
                password: Some(read(password.password_file.as_deref())?),
                ..Change::default()
            };
            change_user(&place, &who, change, "has another password").await?;
        }
        UserCommand::RotateSecret { who, grace } => {
            let id = find(&place, &who).await?.id;
            let rotated = place.rotate_user(id, grace).await?;
            show(operator, &who.name, &rotated);
        }
        UserCommand::Disable { who } => {
            let change = disabled(true);
            change_user(&place, &who, change, "is disabled").await?;
        }
        UserCommand::Enable { who } => {
            let change = disabled(false);
            change_user(&place, &who, change, "is enabled").await?;
        }
        UserCommand::Role { who, role } => {
            let change = Change {
                role: Some(role),
                ..Change::default()
            };
            change_user(&place, &who, change, &format!("is {}", role.as_str())).await?;
        }
        UserCommand::Delete { who } => {
            place.delete_user(find(&place, &who).await?.id).await?;
            say(&format!("{} is deleted", who.name));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(
    place: &Place,
    operator: &Operator,
    who: &Who,
    (role, password): (Role, Option<SecretString>),
) -> anyhow::Result<()> {
    let organization = place.organization(&who.organization).await?.id;
    let wanted = Wanted {
        name: who.name.clone(),
        role,
        password,
    };
    let told = place.create_user(organization, wanted).await?;
    if operator.json {
        let mut shown = shown(&told.made);
        shown["secret"] = json!(told.secret.expose_secret());
        say(&shown.to_string());
    } else {
        say(&format!(
            "created user {}, {}",
            told.made.name,
            role.as_str()
        ));
        tell("its secret for the API", told.secret.expose_secret());
    }
    Ok(())
}

async fn list(place: &Place, operator: &Operator, organization: &str) -> anyhow::Result<()> {
    let organization = place.organization(organization).await?.id;
    let users = place.users(organization).await?;
    let list: Vec<Value> = users.iter().map(shown).collect();
    print_list(operator.json, &list, &COLUMNS, |one| {
        ["id", "name", "role", "signsIn", "disabled"]
            .map(|key| text(&one[key]))
            .to_vec()
    });
    Ok(())
}

async fn change_user(place: &Place, who: &Who, change: Change, done: &str) -> anyhow::Result<()> {
    let id = find(place, who).await?.id;
    let user = place.change_user(id, change).await?;
    say(&format!("{} {done}", user.name));
    Ok(())
}

async fn find(place: &Place, who: &Who) -> anyhow::Result<User> {
    let organization = place.organization(&who.organization).await?.id;
    let user = place.user(organization, &who.name).await?;
    user.with_context(|| {
        format!(
            "there is no user {} in the organization {}: `user create` makes one",
            who.name, who.organization
        )
    })
}

fn disabled(disabled: bool) -> Change {
    Change {
        disabled: Some(disabled),
        ..Change::default()
    }
}

fn shown(user: &User) -> Value {
    json!({
        "id": user.id,
        "name": user.name,
        "role": user.role,
        "signsIn": user.has_password,
        "disabled": user.disabled,
    })
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
