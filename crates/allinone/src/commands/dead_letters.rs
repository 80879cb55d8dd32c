//! `insightly-events dead-letters …`

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::{print_list, text};
use crate::cli::{DeadLettersCommand, Server, Take, Which};
use crate::output::{say, table, warn};
use crate::remote::Remote;

pub(super) async fn run(
    remote: &Remote,
    server: &Server,
    command: DeadLettersCommand,
) -> anyhow::Result<ExitCode> {
    match command {
        DeadLettersCommand::List { which } => list(remote, server, &which).await?,
        DeadLettersCommand::Show { id } => show(remote, server, id).await?,
        DeadLettersCommand::Redrive(take) => redrive(remote, server, &take).await?,
        DeadLettersCommand::Discard(take) => discard(remote, server, &take).await?,
        DeadLettersCommand::Export { which, out } => {
            export(remote, server, &which, out.as_deref()).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(remote: &Remote, server: &Server, which: &Which) -> anyhow::Result<()> {
    let letters = remote.list("/dead-letters", &which.parameters()).await?;
    if letters.is_empty() && !server.json {
        say("no dead letters");
        return Ok(());
    }
    print_list(
        server.json,
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

async fn show(remote: &Remote, server: &Server, id: i64) -> anyhow::Result<()> {
    let letter = remote.get(&format!("/dead-letters/{id}"), &[]).await?.body;
    if server.json {
        say(&format!("{letter:#}"));
        return Ok(());
    }
    say(&format!(
        "event {id} of instance {}, {}, stored {}: {}",
        text(&letter["instanceId"]),
        text(&letter["objectType"]),
        text(&letter["eventDate"]),
        text(&letter["lastError"])
    ));
    let columns = [
        "attempt", "date", "ms", "status", "class", "error", "answer",
    ];
    let mut attempts = table(&columns);
    for attempt in letter["notifiedData"].as_array().into_iter().flatten() {
        let fields = [
            "attempt",
            "date",
            "durationMs",
            "statusCode",
            "errorClass",
            "error",
            "response",
        ];
        attempts.add_row(fields.map(|field| text(&attempt[field])));
    }
    say(&attempts.to_string());
    say(&format!("body:\n{}", text(&letter["body"])));
    say(&format!(
        "`dead-letters redrive {id}` delivers it again, `dead-letters discard {id}` gives it up"
    ));
    Ok(())
}

async fn redrive(remote: &Remote, server: &Server, take: &Take) -> anyhow::Result<()> {
    let answer = all(remote, take, ("/dead-letters/redrive", "redriven")).await?;
    say(&if server.json {
        answer.to_string()
    } else {
        format!(
            "{} delivered again from the first attempt on",
            text(&answer["redriven"])
        )
    });
    Ok(())
}

async fn discard(remote: &Remote, server: &Server, take: &Take) -> anyhow::Result<()> {
    if take.is_everything() {
        bail!(
            "which ones? give their ids, or --instance, --object-type, --error-class, --from or --to: what is discarded \
             does not come back"
        );
    }
    let answer = all(remote, take, ("/dead-letters/discard", "discarded")).await?;
    say(&if server.json {
        answer.to_string()
    } else {
        format!("{} given up for good", text(&answer["discarded"]))
    });
    Ok(())
}

/// Asks again until nothing is left, as fast as the server wishes; a limit is asked for once. Gives the last answer, with
/// the number of all in place of its own.
async fn all(remote: &Remote, take: &Take, (path, counted): (&str, &str)) -> anyhow::Result<Value> {
    let mut body = take.body();
    let mut done = 0;
    loop {
        let mut answer = remote.post(path, body.to_string()).await?.body;
        done += answer[counted].as_u64().unwrap_or_default();
        if take.limit.is_some() || answer["more"] != true {
            answer[counted] = json!(done);
            return Ok(answer);
        }
        warn(&format!(
            "{done} {counted}, {} remain",
            text(&answer["remaining"])
        ));
        body["after"] = answer["last"].clone();
        let wait = answer["waitMs"].as_u64().unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

async fn export(
    remote: &Remote,
    server: &Server,
    which: &Which,
    out: Option<&Path>,
) -> anyhow::Result<()> {
    let query = which.parameters();
    let Some(out) = out else {
        let mut stdout = io::stdout().lock();
        let exported = copy(remote, &query, &mut stdout).await?;
        warn(&format!("{exported} dead letters exported"));
        return Ok(());
    };
    let part = Part::beside(out)?;
    let exported = copy(remote, &query, &mut &part.file).await?;
    part.complete(out)?;
    let path = out.display();
    say(&if server.json {
        json!({ "exported": exported, "out": path.to_string() }).to_string()
    } else {
        format!("{exported} dead letters exported to {path}")
    });
    Ok(())
}

/// Writes what the server exports as it comes; gives how many dead letters it was.
async fn copy(
    remote: &Remote,
    query: &[(&str, String)],
    to: &mut impl Write,
) -> anyhow::Result<usize> {
    let mut answer = remote.open("/dead-letters/export", query).await?;
    let mut exported = 0;
    loop {
        let chunk = answer.next().await.with_context(|| {
            format!(
                "the export broke off after {exported} dead letters and is not complete; try again"
            )
        })?;
        let Some(chunk) = chunk else { break };
        to.write_all(&chunk).context("while writing the export")?;
        exported += chunk.iter().filter(|byte| **byte == b'\n').count();
    }
    to.flush().context("while writing the export")?;
    Ok(exported)
}

/// A file that is not complete yet and stands beside where it will be; dropped before that, it is removed.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn beside(out: &Path) -> anyhow::Result<Self> {
        let mut name = out.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let file = File::create(&path)
            .with_context(|| format!("cannot write {}: choose another --out", path.display()))?;
        Ok(Self { path, file })
    }

    fn complete(self, out: &Path) -> anyhow::Result<()> {
        self.file.sync_all().context("while writing the export")?;
        std::fs::rename(&self.path, out).with_context(|| format!("while writing {}", out.display()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Once it is complete it stands elsewhere.
        drop(std::fs::remove_file(&self.path));
    }
}
