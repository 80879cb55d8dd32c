//! `insightly-events keys …`: the master keys that have sealed what the store keeps, and the change to another. It works on
//! the store itself, since whoever has the key may do so anyway.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use ie_platform::Context;
use ie_platform::seal::Sealer;
use ie_store::{SealedPlace, SealedStep, Store};
use serde_json::{Value, json};

use super::{print_list, text};
use crate::cli::{KeysCommand, KeysOptions, RotateOptions, RunOptions};
use crate::output::{say, warn};
use crate::{PROCESS, data};

/// Rows that are counted at once.
const COUNTED: u32 = 1_000;

/// Walks of one rotation: somebody who writes at every moment would keep it going for ever.
const MOST_WALKS: u32 = 10;

pub(super) async fn run(run: &RunOptions, options: &KeysOptions) -> anyhow::Result<ExitCode> {
    let config = data::started(run)?;
    let sealer = config.secrets.sealer()?;
    let store = Store::open(&config.store, &Context::new(PROCESS))
        .await
        .context("while opening the store")?;
    let mut unreadable = Vec::new();
    if let KeysCommand::Rotate(pace) = options.command {
        let walked = rotate(&store, &sealer, pace).await?;
        if !options.json {
            let current = sealer.key_id();
            say(&format!(
                "{} values sealed anew with {current}",
                walked.resealed
            ));
        }
        unreadable = walked.unreadable;
    }
    let walked = count(&store).await?;
    unreadable.extend(walked.unreadable);
    unreadable.dedup();
    let keys = told(&sealer, &walked.keys);
    show(&keys, options.json);
    for problem in &unreadable {
        warn(problem);
    }
    let foreign = keys.iter().any(|key| key["role"] == NOT_CONFIGURED);
    Ok(if foreign || !unreadable.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What a walk through everything has met.
#[derive(Default)]
struct Walked {
    keys: BTreeMap<String, u64>,
    resealed: u64,
    overtaken: u64,
    unreadable: Vec<String>,
}

impl Walked {
    fn add(&mut self, step: SealedStep) -> Option<SealedPlace> {
        for (key, count) in step.keys {
            *self.keys.entry(key).or_default() += count;
        }
        self.resealed += step.resealed;
        self.overtaken += step.overtaken;
        self.unreadable.extend(step.unreadable);
        step.next
    }
}

/// Walks until nothing is left that somebody else wrote in the middle of a walk.
async fn rotate(store: &Store, sealer: &Sealer, pace: RotateOptions) -> anyhow::Result<Walked> {
    let mut resealed = 0;
    for _ in 0..MOST_WALKS {
        let mut walked = Walked::default();
        let mut next = Some(SealedPlace::default());
        while let Some(place) = next {
            let step = store.reseal(sealer, place, pace.batch).await;
            let step =
                step.context("while sealing anew; another `keys rotate` goes on with the rest")?;
            next = walked.add(step);
            tokio::time::sleep(pace.pause).await;
        }
        resealed += walked.resealed;
        if walked.overtaken == 0 {
            return Ok(Walked { resealed, ..walked });
        }
    }
    bail!("others write what is to be sealed anew again and again: try again when less is going on")
}

async fn count(store: &Store) -> anyhow::Result<Walked> {
    let mut walked = Walked::default();
    let mut next = Some(SealedPlace::default());
    while let Some(place) = next {
        let step = store.count_sealed(place, COUNTED).await;
        next = walked.add(step.context("while counting what is sealed")?);
    }
    Ok(walked)
}

/// Says what each key has sealed, and what that means for it.
fn show(keys: &[Value], json: bool) {
    let fields = ["key", "role", "values"];
    print_list(json, keys, &fields, |key| {
        fields.map(|field| text(&key[field])).to_vec()
    });
    for key in keys {
        let id = text(&key["key"]);
        if key["role"] == NOT_CONFIGURED {
            warn(&format!(
                "what {id} has sealed cannot be opened: add that key to secrets.accepted_keys"
            ));
        } else if key["role"] == ACCEPTED && key["values"] == 0 && !json {
            say(&format!("nothing is sealed with {id}: it may be removed"));
        }
    }
}

const ACCEPTED: &str = "accepted";
const NOT_CONFIGURED: &str = "not configured";

/// Every key that is configured or has sealed something: the current one first.
fn told(sealer: &Sealer, counts: &BTreeMap<String, u64>) -> Vec<Value> {
    let count = |key: &str| counts.get(key).copied().unwrap_or_default();
    let known = sealer.key_ids().map(|key| {
        let role = if key == sealer.key_id() {
            "current"
        } else {
            ACCEPTED
        };
        json!({ "key": key, "role": role, "values": count(key) })
    });
    let unknown = counts
        .iter()
        .filter(|(key, _)| sealer.key_ids().all(|known| known != *key))
        .map(|(key, count)| json!({ "key": key, "role": NOT_CONFIGURED, "values": count }));
    known.chain(unknown).collect()
}
