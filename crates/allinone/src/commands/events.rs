//! `insightly-events events …`

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use super::text;
use crate::cli::{EventsCommand, ReplayOptions, Server};
use crate::output::say;
use crate::remote::Remote;

/// How often a tail looks for what is new.
const PERIOD: Duration = Duration::from_secs(1);

pub(super) async fn run(
    remote: &Remote,
    server: &Server,
    command: EventsCommand,
) -> anyhow::Result<ExitCode> {
    let (instance, lines, no_follow) = match command {
        EventsCommand::Replay(options) => return replay(remote, server, &options).await,
        EventsCommand::Tail {
            instance,
            lines,
            no_follow,
        } => (instance, lines, no_follow),
    };
    let mut tail = Tail {
        remote,
        server,
        seen: HashMap::new(),
    };
    tail.show(instance, Some(lines)).await?;
    if no_follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
            () = tokio::time::sleep(PERIOD) => tail.show(instance, None).await?,
        }
    }
}

async fn replay(
    remote: &Remote,
    server: &Server,
    options: &ReplayOptions,
) -> anyhow::Result<ExitCode> {
    let body = json!({
        "from": options.from,
        "to": options.to,
        "objectTypes": options.object_types,
        "status": options.status,
        "limit": options.limit,
        "dryRun": options.dry_run,
    });
    let path = format!("/instances/{}/events/replay", options.instance);
    let answer = remote.post(&path, body.to_string()).await?.body;
    if server.json {
        say(&answer.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let events = text(&answer["events"]);
    say(&if options.dry_run {
        format!("{events} events would be sent again")
    } else {
        format!(
            "{events} events are sent again until {}",
            text(&answer["until"])
        )
    });
    if answer["more"] == true {
        say("there are more: the limit is reached");
    }
    Ok(ExitCode::SUCCESS)
}

struct Tail<'a> {
    remote: &'a Remote,
    server: &'a Server,
    /// By instance: what was printed already.
    seen: HashMap<i64, Progress>,
}

#[derive(Default)]
struct Progress {
    /// The newest event's id and date.
    newest: (i64, String),
    /// Events that can still change: their date, and the status in which they were printed.
    open: HashMap<i64, (String, String)>,
}

impl Progress {
    /// The date from which on events are asked for: that of the oldest that can still change, or of the newest.
    fn from(&self) -> Option<String> {
        let open = self.open.values().map(|(date, _)| date);
        open.chain([&self.newest.1])
            .min()
            .filter(|date| !date.is_empty())
            .cloned()
    }
}

impl Tail<'_> {
    async fn show(&mut self, only: Option<i64>, last: Option<usize>) -> anyhow::Result<()> {
        let instances = match only {
            Some(id) => vec![id],
            None => {
                let all = self.remote.list("/instances", &[]).await?;
                all.iter()
                    .filter_map(|instance| instance["id"].as_i64())
                    .collect()
            }
        };
        for instance in instances {
            self.show_instance(instance, last).await?;
        }
        Ok(())
    }

    async fn show_instance(&mut self, instance: i64, last: Option<usize>) -> anyhow::Result<()> {
        let progress = self.seen.entry(instance).or_default();
        let query: Vec<_> = progress
            .from()
            .map(|from| ("from", from))
            .into_iter()
            .collect();
        let events = self
            .remote
            .list(&format!("/instances/{instance}/events"), &query)
            .await?;
        let skip = last.map_or(0, |last| events.len().saturating_sub(last));
        for (index, event) in events.iter().enumerate() {
            let Some(id) = event["id"].as_str().and_then(|id| id.parse().ok()) else {
                bail!("an event without an id");
            };
            let (date, status) = (text(&event["eventDate"]), text(&event["status"]));
            let printed = progress.open.get(&id).map(|(_, status)| status);
            let news = if id > progress.newest.0 {
                index >= skip
            } else {
                printed.is_some_and(|printed| *printed != status)
            };
            if id > progress.newest.0 {
                progress.newest = (id, date.clone());
            }
            if matches!(status.as_str(), "NOTIFIED" | "FAILED" | "CONSUMED") {
                progress.open.remove(&id);
            } else {
                progress.open.insert(id, (date, status));
            }
            if news {
                say(&if self.server.json {
                    event.to_string()
                } else {
                    line(instance, event)
                });
            }
        }
        Ok(())
    }
}

/// One event on one line: when, whose, where it stands, what changed.
fn line(instance: i64, event: &Value) -> String {
    let body = serde_json::from_str::<Value>(event["providerData"].as_str().unwrap_or("{}"));
    let body = body.unwrap_or_default();
    // What an event of Open Connectors shows is a part of its message; a CloudEvent stands there as a whole.
    let body = match body.get("events") {
        Some(_) => json!({ "message": body }),
        None => body,
    };
    let changes: Vec<String> = ie_model::told::events(&body)
        .iter()
        .map(|told| {
            format!(
                "{} {}/{}",
                text(&told.event["eventType"]),
                text(&told.event["objectType"]),
                text(&told.event["objectId"])
            )
        })
        .collect();
    let attempts = event["notifiedData"].as_array().map_or(0, Vec::len);
    format!(
        "{}  instance {instance}  event {}  {:<10}  attempts {attempts}  {}",
        text(&event["eventDate"]),
        text(&event["id"]),
        text(&event["status"]),
        changes.join(", ")
    )
}
