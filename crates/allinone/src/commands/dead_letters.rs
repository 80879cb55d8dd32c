//! `insightly-events dead-letters …`

use std::process::ExitCode;

use serde_json::json;

use super::{print_list, text};
use crate::cli::{DeadLettersCommand, Server};
use crate::output::say;
use crate::remote::Remote;

pub(super) async fn run(
    remote: &Remote,
    server: &Server,
    command: DeadLettersCommand,
) -> anyhow::Result<ExitCode> {
    match command {
        DeadLettersCommand::List { instance } => list(remote, server, instance).await?,
        DeadLettersCommand::Redrive {
            instance,
            limit,
            ids,
        } => {
            let mut body = json!({});
            if let Some(instance) = instance {
                body["instanceId"] = instance.into();
            }
            if let Some(limit) = limit {
                body["limit"] = limit.into();
            }
            if !ids.is_empty() {
                body["ids"] = ids.into();
            }
            let answer = remote
                .post("/dead-letters/redrive", body.to_string())
                .await?
                .body;
            if server.json {
                say(&answer.to_string());
            } else {
                say(&format!(
                    "{} delivered again from the first attempt on",
                    text(&answer["redriven"])
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(remote: &Remote, server: &Server, instance: Option<i64>) -> anyhow::Result<()> {
    let query: Vec<_> = instance
        .map(|id| ("instanceId", id.to_string()))
        .into_iter()
        .collect();
    let letters = remote.list("/dead-letters", &query).await?;
    if letters.is_empty() && !server.json {
        say("no dead letters");
        return Ok(());
    }
    print_list(
        server,
        &letters,
        &[
            "event", "instance", "resource", "since", "attempts", "reason",
        ],
        |letter| {
            [
                "id",
                "instanceId",
                "objectType",
                "eventDate",
                "attempts",
                "lastError",
            ]
            .map(|field| text(&letter[field]))
            .to_vec()
        },
    );
    Ok(())
}
