//! `insightly-events poison …`: dead messages that the store knows nothing of.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use chrono::SecondsFormat;
use ie_broker::{Broker, DeadLetter, Judge};
use ie_model::{Notification, Queue};
use ie_platform::config::{self, Problems, Section as _};
use serde_json::{Value, json};

use super::{print_list, text};
use crate::cli::{PoisonCommand, PoisonOptions, RunOptions};
use crate::output::say;
use crate::{Config, PROCESS};

/// How long the broker may take beyond the time for one connection.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(run: &RunOptions, options: &PoisonOptions) -> anyhow::Result<ExitCode> {
    let context = ie_platform::Context::new(PROCESS);
    let broker = connect(run, &context).await?;
    let done = match &options.command {
        PoisonCommand::List { limit } => list(&broker, options.json, *limit).await,
        PoisonCommand::Show { id } => show(&broker, options.json, id).await,
        PoisonCommand::Discard { ids, .. } => discard(&broker, options.json, ids).await,
    };
    context.lifecycle.stop();
    done.map(|()| ExitCode::SUCCESS)
}

async fn connect(run: &RunOptions, context: &ie_platform::Context) -> anyhow::Result<Broker> {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct BrokerOnly {
        broker: ie_broker::Config,
    }
    impl config::Config for BrokerOnly {
        fn defaults() -> Vec<&'static str> {
            <Config as config::Config>::defaults()
        }
        fn validate(&self, problems: &mut Problems) {
            self.broker.validate(problems);
        }
    }
    let BrokerOnly { broker } = config::load(run.config.as_deref())?;
    let limit = broker.connect_timeout + PATIENCE;
    let connected = tokio::time::timeout(limit, Broker::connect(&broker, context)).await;
    let connected = connected.map_err(|_| {
        anyhow::anyhow!(
            "no connection to the RabbitMQ of broker.url within {limit:?}: is it there, and does it know this user?"
        )
    })?;
    let broker = connected.context("while connecting to the RabbitMQ of broker.url")?;
    if !broker.is_durable() {
        bail!(
            "this configuration has the in-process queue, whose messages live and end with the server: give the services' \
             configuration with --config FILE or IE__BROKER__URL=amqp://…"
        );
    }
    Ok(broker)
}

/// What was found in one queue.
struct Found {
    queue: Queue,
    letter: DeadLetter,
}

/// Goes through the dead letters of a queue.
struct Look<'a> {
    queue: Queue,
    /// Those with these ids; without ids every one.
    ids: &'a [String],
    /// Whether they are taken out.
    removes: bool,
    /// How many are kept to be shown.
    most: usize,
    found: Vec<Found>,
    count: usize,
}

#[async_trait]
impl Judge for Look<'_> {
    async fn remove(&mut self, letters: &[DeadLetter]) -> HashSet<String> {
        let named =
            |letter: &&DeadLetter| self.ids.is_empty() || self.ids.contains(&letter.message_id);
        let poison = letters
            .iter()
            .filter(|letter| is_poison(self.queue, letter))
            .filter(named);
        let poison: Vec<&DeadLetter> = poison.collect();
        self.count += poison.len();
        let room = self.most - self.found.len();
        let shown = poison.iter().take(room).map(|letter| Found {
            queue: self.queue,
            letter: (*letter).clone(),
        });
        self.found.extend(shown);
        let removed = poison.iter().filter(|_| self.removes);
        removed.map(|letter| letter.message_id.clone()).collect()
    }
}

/// A notification that can be read has a row in the store, where its owner sees it. A poll job has none: its poller is due
/// again by itself.
fn is_poison(queue: Queue, letter: &DeadLetter) -> bool {
    match queue {
        Queue::Poll => true,
        Queue::Changes => !letter.is_readable_as::<Notification>(),
    }
}

/// Those with these ids, or all without ids: at most so many, and how many there are.
async fn look(
    broker: &Broker,
    ids: &[String],
    most: usize,
    removes: bool,
) -> anyhow::Result<(Vec<Found>, usize)> {
    let (mut found, mut count) = (Vec::new(), 0);
    for queue in Queue::ALL {
        let mut look = Look {
            queue,
            ids,
            removes,
            most,
            found,
            count,
        };
        let sifted = broker.sift_dead(queue, &mut look).await;
        sifted.with_context(|| format!("while looking at the dead letters of {}", queue.name()))?;
        (found, count) = (look.found, look.count);
    }
    Ok((found, count))
}

async fn list(broker: &Broker, json: bool, limit: usize) -> anyhow::Result<()> {
    let (found, count) = look(broker, &[], limit, false).await?;
    if found.is_empty() && !json {
        say("no messages that nobody can read");
        return Ok(());
    }
    let fields = ["queue", "id", "kind", "version", "since", "reason"];
    let told: Vec<Value> = found.iter().map(told).collect();
    print_list(json, &told, &fields, |message| {
        fields.map(|field| text(&message[field])).to_vec()
    });
    if count > found.len() && !json {
        say(&format!("and {} more: --limit", count - found.len()));
    }
    Ok(())
}

async fn show(broker: &Broker, json: bool, id: &str) -> anyhow::Result<()> {
    let (found, _) = look(broker, &[id.to_owned()], usize::MAX, false).await?;
    if found.is_empty() {
        bail!("there is no message {id:?} that nobody can read: see `poison list`");
    }
    for found in &found {
        let payload = String::from_utf8_lossy(&found.letter.payload);
        let mut told = told(found);
        if json {
            told["payload"] = payload.into();
            say(&format!("{told:#}"));
            continue;
        }
        for (name, value) in told.as_object().into_iter().flatten() {
            say(&format!("{name:<12}{}", text(value)));
        }
        say(&format!("payload:\n{payload}"));
    }
    Ok(())
}

async fn discard(broker: &Broker, json: bool, ids: &[String]) -> anyhow::Result<()> {
    let (_, count) = look(broker, ids, 0, true).await?;
    say(&if json {
        json!({ "discarded": count }).to_string()
    } else {
        format!("{count} dropped for good")
    });
    Ok(())
}

/// Everything but its payload.
fn told(found: &Found) -> Value {
    let letter = &found.letter;
    let dead_at = letter
        .dead_at
        .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    json!({
        "queue": found.queue.name(),
        "id": letter.message_id,
        "kind": letter.kind,
        "version": letter.version,
        "attempt": letter.attempt,
        "since": dead_at,
        "reason": letter.reason,
        "traceparent": letter.traceparent,
    })
}
