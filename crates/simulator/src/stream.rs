//! Changes that keep coming: so many per second, mixed as asked.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::dice::Dice;
use crate::error::Error;
use crate::orders::{Action, Change};
use crate::world::World;

/// No step applies more changes than that, so that readers get their turn.
const MOST_PER_STEP: u64 = 1_000;

/// A stream of changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// The account; the first one when absent.
    #[serde(default)]
    pub account: Option<String>,
    /// Changes per second.
    pub rate: f64,
    /// How many in all; without end when absent.
    #[serde(default)]
    pub count: Option<u64>,
    /// The shares of creations, updates and deletions.
    #[serde(default)]
    pub mix: Mix,
    /// The objects and their shares.
    #[serde(default = "contacts")]
    pub objects: BTreeMap<String, f64>,
}

/// The shares of a stream; they need not add up to anything.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the names are the actions")]
pub struct Mix {
    pub create: f64,
    pub update: f64,
    pub delete: f64,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            create: 0.2,
            update: 0.8,
            delete: 0.0,
        }
    }
}

fn contacts() -> BTreeMap<String, f64> {
    BTreeMap::from([("Contacts".to_owned(), 1.0)])
}

impl Stream {
    /// Changes of contacts, that many per second.
    pub fn at_rate(rate: f64) -> Self {
        Self {
            account: None,
            rate,
            count: None,
            mix: Mix::default(),
            objects: contacts(),
        }
    }

    /// No more than that many.
    #[must_use]
    pub fn up_to(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Of these objects, with their shares.
    #[must_use]
    pub fn of(mut self, objects: &[(&str, f64)]) -> Self {
        self.objects = objects
            .iter()
            .map(|(object, share)| ((*object).to_owned(), *share))
            .collect();
        self
    }

    /// With these shares.
    #[must_use]
    pub fn mixed(mut self, create: f64, update: f64, delete: f64) -> Self {
        self.mix = Mix {
            create,
            update,
            delete,
        };
        self
    }

    /// In that account.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    fn is_done(&self, applied: u64) -> bool {
        self.count.is_some_and(|count| applied >= count)
    }
}

/// How far a stream is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Its number.
    pub id: u64,
    /// The stream.
    pub stream: Stream,
    /// How many changes it has made.
    pub applied: u64,
    /// Whether it has come to its count.
    pub done: bool,
}

#[derive(Debug)]
struct Running {
    progress: Progress,
    /// For how long it has run.
    elapsed: Duration,
}

/// The streams of a world, the ended ones too.
#[derive(Debug)]
pub(crate) struct Streams {
    running: Vec<Running>,
    last: u64,
    dice: Dice,
}

impl Streams {
    pub(crate) fn new(dice: Dice) -> Self {
        Self {
            running: Vec::new(),
            last: 0,
            dice,
        }
    }

    /// Numbers of its own for one more change.
    pub(crate) fn roll(&mut self) -> Dice {
        Dice::new(self.dice.next())
    }
}

impl World {
    /// Starts a stream; [`Self::advance`] makes its changes.
    pub fn start_stream(&mut self, stream: Stream) -> Result<u64, Error> {
        let place = self.account_place(stream.account.as_deref())?;
        let mix = [stream.mix.create, stream.mix.update, stream.mix.delete];
        let positive = |shares: &[f64]| {
            shares.iter().all(|share| *share >= 0.0) && shares.iter().sum::<f64>() > 0.0
        };
        let shares: Vec<f64> = stream.objects.values().copied().collect();
        if !stream.rate.is_finite() || stream.rate <= 0.0 || !positive(&mix) || !positive(&shares) {
            let text =
                "a stream needs a rate above 0, and shares that are not negative and not all 0";
            return Err(Error::Invalid(text.to_owned()));
        }
        for object in stream.objects.keys() {
            self.accounts[place].table(object)?;
        }
        self.streams.last += 1;
        let id = self.streams.last;
        self.streams.running.push(Running {
            progress: Progress {
                id,
                done: stream.is_done(0),
                stream,
                applied: 0,
            },
            elapsed: Duration::ZERO,
        });
        Ok(id)
    }

    /// Ends every stream.
    pub fn stop_streams(&mut self) {
        self.streams.running.clear();
    }

    /// How far the streams are.
    pub fn streams(&self) -> Vec<Progress> {
        let running = self.streams.running.iter();
        running.map(|running| running.progress.clone()).collect()
    }

    /// Whether no stream has anything left to do.
    pub(crate) fn streams_are_idle(&self) -> bool {
        let mut running = self.streams.running.iter();
        running.all(|running| running.progress.done)
    }

    /// Lets the streams run for `elapsed`: makes the changes that are due. Returns how many.
    pub fn advance(&mut self, elapsed: Duration, now: DateTime<Utc>) -> Result<u64, Error> {
        let mut applied = 0;
        for at in 0..self.streams.running.len() {
            for _ in 0..self.due(at, elapsed) {
                let change = self.next_change(at)?;
                self.change(&change, now)?;
                applied += 1;
            }
        }
        Ok(applied)
    }

    /// How many changes a stream makes in this step.
    fn due(&mut self, at: usize, elapsed: Duration) -> u64 {
        let Running {
            progress,
            elapsed: total,
        } = &mut self.streams.running[at];
        *total += elapsed;
        let so_far = (total.as_secs_f64() * progress.stream.rate) as u64;
        let target = so_far.min(progress.stream.count.unwrap_or(u64::MAX));
        let due = target.saturating_sub(progress.applied).min(MOST_PER_STEP);
        progress.applied += due;
        progress.done = progress.stream.is_done(progress.applied);
        due
    }

    fn next_change(&mut self, at: usize) -> Result<Change, Error> {
        let mut dice = self.streams.roll();
        let stream = &self.streams.running[at].progress.stream;
        let Mix {
            create,
            update,
            delete,
        } = stream.mix;
        let object = share(
            &mut dice,
            stream
                .objects
                .iter()
                .map(|(object, share)| (object, *share)),
        );
        let object = object.cloned().unwrap_or_default();
        let actions = [
            (Action::Create, create),
            (Action::Update, update),
            (Action::Delete, delete),
        ];
        let mut action = share(&mut dice, actions.into_iter()).unwrap_or(Action::Create);
        let place = self.account_place(stream.account.as_deref())?;
        // Nothing left to change or delete.
        if self.accounts[place].table(&object)?.alive.len() == 0 {
            action = Action::Create;
        }
        Ok(Change {
            action,
            account: stream.account.clone(),
            ..Change::create(&object)
        })
    }
}

/// One of the choices, as likely as its share.
fn share<T>(dice: &mut Dice, choices: impl Iterator<Item = (T, f64)> + Clone) -> Option<T> {
    let total: f64 = choices.clone().map(|(_, share)| share).sum();
    let mut left = dice.fraction() * total;
    let mut last = None;
    for (choice, share) in choices.filter(|(_, share)| *share > 0.0) {
        last = Some(choice);
        if left < share {
            break;
        }
        left -= share;
    }
    last
}
