//! `insightly-events instance …`

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use super::{print_list, text};
use crate::cli::{InstanceCommand, Server};
use crate::output::say;
use crate::remote::Remote;

pub(super) async fn run(
    remote: &Remote,
    server: &Server,
    command: InstanceCommand,
) -> anyhow::Result<ExitCode> {
    match command {
        InstanceCommand::Create { file, once } => create(remote, server, (&file, once)).await?,
        InstanceCommand::List => list(remote, server).await?,
        InstanceCommand::Show { id } => show(remote, server, id).await?,
        InstanceCommand::Poll { id } => {
            remote
                .post(&format!("/instances/{id}/poll"), String::new())
                .await?;
            say(&format!("instance {id} is polled now"));
        }
        InstanceCommand::Test { id } => return test(remote, server, id).await,
        InstanceCommand::Delete { id } => {
            remote.delete(&format!("/instances/{id}")).await?;
            say(&format!("instance {id} is deleted"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The exit code says whether the callback accepted.
async fn test(remote: &Remote, server: &Server, id: i64) -> anyhow::Result<ExitCode> {
    let path = format!("/instances/{id}/test-event");
    let outcome = remote.post(&path, String::new()).await?.body;
    let delivered = outcome["delivered"] == true;
    let event = text(&outcome["eventId"]);
    if server.json {
        say(&format!("{outcome:#}"));
    } else if delivered {
        say(&format!(
            "event {event} was accepted: {} after {} ms",
            text(&outcome["statusCode"]),
            text(&outcome["durationMs"])
        ));
    } else {
        say(&format!(
            "event {event} was not delivered: {}",
            text(&outcome["error"])
        ));
    }
    if let Some(response) = outcome["response"].as_str().filter(|_| !server.json) {
        say(&format!("  the callback said: {response}"));
    }
    Ok(if delivered {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn create(
    remote: &Remote,
    server: &Server,
    (file, once): (&Path, bool),
) -> anyhow::Result<()> {
    let body = read(file)?;
    if once && let Some(existing) = namesake(remote, &body).await? {
        if server.json {
            say(&format!("{existing:#}"));
        } else {
            let (id, name) = (text(&existing["id"]), text(&existing["name"]));
            say(&format!(
                "instance {id} ({name}) exists, nothing is created"
            ));
        }
        return Ok(());
    }
    let instance = remote.post("/instances", body).await?.body;
    if server.json {
        say(&format!("{instance:#}"));
        return Ok(());
    }
    say(&format!(
        "created instance {} ({})",
        text(&instance["id"]),
        text(&instance["name"])
    ));
    say(&format!("  token          {}", text(&instance["token"])));
    if let Some(secret) = instance["webhookSecret"].as_str() {
        say(&format!("  webhook secret {secret}   (shown only now)"));
    }
    for warning in instance["warnings"].as_array().into_iter().flatten() {
        say(&format!("  warning: {}", text(warning)));
    }
    Ok(())
}

/// The instance that has the name in `body`. What is wrong with the body, the server says better.
async fn namesake(remote: &Remote, body: &str) -> anyhow::Result<Option<Value>> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let Some(name) = body["name"].as_str() else {
        return Ok(None);
    };
    let query = [("search", name.to_owned())];
    let found = remote.list("/instances", &query).await?;
    Ok(found.into_iter().find(|instance| instance["name"] == name))
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut body = String::new();
        std::io::stdin()
            .read_to_string(&mut body)
            .context("while reading standard input")?;
        return Ok(body);
    }
    std::fs::read_to_string(file).with_context(|| format!("while reading {}", file.display()))
}

async fn list(remote: &Remote, server: &Server) -> anyhow::Result<()> {
    let instances = remote.list("/instances", &[]).await?;
    if instances.is_empty() && !server.json {
        say("no instances yet: create one with `insightly-events instance create -f body.json`");
        return Ok(());
    }
    print_list(
        server.json,
        &instances,
        &["id", "name", "state", "callback", "tags"],
        |instance| {
            vec![
                text(&instance["id"]),
                text(&instance["name"]),
                state(instance),
                text(&instance["eventsNotificationCallbackUrl"]),
                instance["tags"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(text)
                    .collect::<Vec<_>>()
                    .join(", "),
            ]
        },
    );
    Ok(())
}

/// One word for how an instance stands.
pub(super) fn state(instance: &Value) -> String {
    let state = if instance["valid"] == false {
        "key refused"
    } else if instance["disabled"] == true {
        "disabled"
    } else if instance["eventsEnabled"] == false {
        "events off"
    } else {
        "polling"
    };
    state.to_owned()
}

async fn show(remote: &Remote, server: &Server, id: i64) -> anyhow::Result<()> {
    let mut instance = remote.get(&format!("/instances/{id}"), &[]).await?.body;
    let pollers = remote
        .list(&format!("/instances/{id}/event-poller-records"), &[])
        .await?;
    if server.json {
        instance["eventPollerRecords"] = pollers.into();
        say(&format!("{instance:#}"));
        return Ok(());
    }
    say(&format!(
        "instance {id} ({}): {}",
        text(&instance["name"]),
        state(&instance)
    ));
    say(&format!(
        "callback: {}",
        text(&instance["eventsNotificationCallbackUrl"])
    ));
    print_list(
        server.json,
        &pollers,
        &["resource", "status", "last poll", "next poll", "last error"],
        |poller| {
            [
                "name",
                "status",
                "lastPollDate",
                "nextPollDate",
                "lastError",
            ]
            .map(|field| text(&poller[field]))
            .to_vec()
        },
    );
    Ok(())
}
