//! `insightly-events organization …`.

use std::process::ExitCode;

use ie_api::accounts::Rotated;
use ie_platform::secret::ExposeSecret as _;
use serde_json::{Value, json};

use super::accounts::Place;
use super::{print_list, text};
use crate::cli::{Operator, OrganizationCommand, RunOptions};
use crate::output::{say, warn};

pub(super) async fn run(
    run: &RunOptions,
    operator: &Operator,
    command: OrganizationCommand,
) -> anyhow::Result<ExitCode> {
    let place = Place::of(run, operator).await?;
    match command {
        OrganizationCommand::Create { name } => {
            let told = place.create_organization(&name).await?;
            let (id, name) = (told.made.id, &told.made.name);
            if operator.json {
                let secret = told.secret.expose_secret();
                say(&json!({ "id": id, "name": name, "secret": secret }).to_string());
            } else {
                say(&format!("created organization {name} with the id {id}"));
                tell("its secret for the API", told.secret.expose_secret());
            }
        }
        OrganizationCommand::List => {
            let found = place.organizations().await?;
            let list: Vec<Value> = found
                .iter()
                .map(|one| json!({ "id": one.id, "name": one.name }))
                .collect();
            print_list(operator.json, &list, &["ID", "NAME"], |one| {
                vec![text(&one["id"]), text(&one["name"])]
            });
        }
        OrganizationCommand::RotateSecret { name, grace } => {
            let id = place.organization(&name).await?.id;
            let rotated = place.rotate_organization(id, grace).await?;
            show(operator, &format!("organization {name}"), &rotated);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows a fresh secret.
pub(super) fn show(operator: &Operator, whose: &str, rotated: &Rotated) {
    let secret = rotated.secret.expose_secret();
    if operator.json {
        let shown = json!({ "secret": secret, "previousUntil": rotated.previous_until });
        say(&shown.to_string());
        return;
    }
    say(&match rotated.previous_until {
        Some(until) => format!(
            "{whose} has a fresh secret; the one before is good until {}",
            until.format("%FT%TZ")
        ),
        None => format!("{whose} has a fresh secret; the one before is good no more"),
    });
    tell("the secret for the API", secret);
}

/// Shows a secret, apart from what a program would read.
pub(super) fn tell(what: &str, secret: &str) {
    warn(&format!("{what}, shown only now: {secret}"));
}
