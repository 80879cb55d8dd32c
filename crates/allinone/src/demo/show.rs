//! Shows events as they arrive: a live table on a terminal, plain lines when piped.

use std::collections::VecDeque;
use std::io::IsTerminal as _;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::catalog;
use ie_platform::clock::SharedClock;
use ie_platform::lifecycle::Lifecycle;
use ie_simulator::Control;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio::sync::mpsc::Receiver;

use crate::output::{say, table};
use crate::receiver::Arrived;

/// Events that the live table holds.
const ROWS: usize = 15;

/// Where events are shown, and what was shown so far.
pub(super) struct Show {
    control: Control,
    clock: SharedClock,
    started: DateTime<Utc>,
    limit: Option<u64>,
    shown: u64,
    latencies: Vec<TimeDelta>,
    live: Option<Live>,
}

struct Live {
    bar: ProgressBar,
    rows: VecDeque<[String; 5]>,
}

impl Show {
    /// Shows up to `limit` events.
    pub(super) fn new(control: Control, clock: SharedClock, limit: Option<u64>) -> Self {
        let live = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
            let style = ProgressStyle::with_template("{msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style);
            Live {
                bar,
                rows: VecDeque::new(),
            }
        });
        let started = clock.now();
        Self {
            control,
            clock,
            started,
            limit,
            shown: 0,
            latencies: Vec::new(),
            live,
        }
    }

    /// Shows what arrives until the soft stop, or until the limit is reached, which stops everything.
    pub(super) async fn run(
        mut self,
        mut arriving: Receiver<Arrived>,
        lifecycle: Lifecycle,
    ) -> anyhow::Result<()> {
        while let Some(Some(arrived)) = lifecycle.run_until_stopped(arriving.recv()).await {
            self.show(&arrived);
            if self.limit.is_some_and(|limit| self.shown >= limit) {
                lifecycle.stop();
                break;
            }
        }
        if let Some(live) = &self.live {
            live.bar.abandon();
        }
        say(&self.summary());
        Ok(())
    }

    fn show(&mut self, arrived: &Arrived) {
        self.shown += 1;
        let latency = self.latency(arrived);
        self.latencies.extend(latency);
        let event = &arrived.event;
        let row = [
            arrived.at.format("%H:%M:%S%.3f").to_string(),
            text(&event["eventType"]),
            format!(
                "{}/{}",
                text(&event["objectType"]),
                text(&event["objectId"])
            ),
            name(&arrived.record),
            latency.map_or_else(
                || "?".to_owned(),
                |latency| format!("{} ms", latency.num_milliseconds()),
            ),
        ];
        match &mut self.live {
            None => {
                let [at, kind, object, name, latency] = row;
                say(&format!(
                    "{at}  {kind:<7}  {object:<28}  {name:<28}  after {latency}"
                ));
            }
            Some(live) => {
                live.rows.push_back(row);
                if live.rows.len() > ROWS {
                    live.rows.pop_front();
                }
                let mut table = table(&["at", "event", "object", "name", "latency"]);
                table.add_rows(live.rows.iter());
                let message = format!("{table}\n{}", self.summary());
                if let Some(live) = &self.live {
                    live.bar.set_message(message);
                    live.bar.tick();
                }
            }
        }
    }

    /// The time from the write in Insightly, by the simulator's ledger, to the callback.
    fn latency(&self, arrived: &Arrived) -> Option<TimeDelta> {
        let object = catalog::resource(arrived.event["objectType"].as_str()?)?;
        let digest = ie_simulator::digest(&arrived.record);
        let ledger = self.control.ledger(&object.object).ok()?;
        let written = ledger
            .iter()
            .rev()
            .find(|entry| entry.digest.as_ref() == Some(&digest))?;
        Some(arrived.at - written.visible_at)
    }

    fn summary(&self) -> String {
        let seconds = (self.clock.now() - self.started).num_seconds();
        let mut sorted = self.latencies.clone();
        sorted.sort();
        let percentile = |share: usize| {
            let index = (sorted.len() * share / 100).min(sorted.len().saturating_sub(1));
            sorted.get(index).map_or(0, TimeDelta::num_milliseconds)
        };
        format!(
            "{} events in {seconds} s, each signed; from the write to the callback: half within {} ms, 99% within {} ms",
            self.shown,
            percentile(50),
            percentile(99)
        )
    }
}

/// What a person would call the record.
fn name(record: &Value) -> String {
    let parts = [
        "FIRST_NAME",
        "LAST_NAME",
        "ORGANISATION_NAME",
        "OPPORTUNITY_NAME",
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter_map(|field| record[*field].as_str())
        .collect();
    parts.join(" ").chars().take(28).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
