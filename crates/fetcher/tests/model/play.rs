//! One seed: the interleaving of everybody's steps, until the seed has had enough.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::{Fence, InstanceId, PollJob, Poller, PollerId};
use ie_simulator::Change;
use ie_store::testing::steps::Next;

use crate::actors::{Actor, Staff, Work};
use crate::coverage::Coverage;
use crate::crm::Insightly;
use crate::dice::Dice;
use crate::mutation::Mutation;
use crate::queue::Queues;
use crate::scenario::{RESOURCES, Scenario};
use crate::site::Site;

/// What must not be and was; in words.
pub(crate) type Violation = String;

const TICKS: usize = 2;
const POLLS: usize = 3;
const RELAYS: usize = 2;
/// Duplicates are made while there are fewer jobs than that.
const JOBS: usize = 6;

/// A seed being played.
pub(crate) struct Play<'a> {
    pub(crate) site: &'a Site,
    pub(crate) scenario: &'a Scenario,
    pub(crate) mutation: Option<Mutation>,
    pub(crate) insightly: Insightly,
    pub(crate) queues: Queues,
    pub(crate) instance: InstanceId,
    pub(crate) dice: Dice,
    pub(crate) staff: Staff,
    pub(crate) actors: Vec<Actor>,
    pub(crate) jobs: Vec<PollJob>,
    pub(crate) refusing: bool,
    pub(crate) cursors: BTreeMap<PollerId, DateTime<Utc>>,
    pub(crate) coverage: Coverage,
    pub(crate) history: String,
    pub(crate) begun: u32,
}

#[derive(Clone, Copy)]
enum Action {
    GoOn,
    Tick,
    Poll,
    Relay,
    Write,
    Time,
    Crash,
    Outage,
}

impl Play<'_> {
    /// Plays until the scenario's steps are used up.
    pub(crate) async fn run(&mut self) -> Result<(), Violation> {
        self.insightly.misbehave(self.scenario);
        for _ in 0..self.scenario.steps {
            match self.choose() {
                Action::GoOn => {
                    let steps = self.dice.weighted(&[(1, 3), (2, 2), (9, 1)]);
                    let actor = self.dice.place(self.actors.len());
                    self.go_on(actor, steps).await?;
                }
                Action::Tick => self.begin(Work::Tick),
                Action::Poll => self.begin_poll(),
                Action::Relay => self.begin(Work::Relay),
                Action::Write => self.write(),
                Action::Time => self.pass_time(),
                Action::Crash => self.crash(),
                Action::Outage => {
                    self.refusing = !self.refusing;
                    let text = if self.refusing { "refuses" } else { "accepts" };
                    self.note(&format!("the broker {text}"));
                }
            }
        }
        Ok(())
    }

    fn choose(&mut self) -> Action {
        let count = |counted: fn(&Work) -> bool| {
            let matching = self.actors.iter().filter(|actor| counted(&actor.work));
            matching.count()
        };
        let when = |possible: bool, weight: u64| if possible { weight } else { 0 };
        let busy = !self.actors.is_empty();
        let ticks = count(|work| *work == Work::Tick);
        let polls = count(|work| matches!(work, Work::Poll(_)));
        let relays = count(|work| *work == Work::Relay);
        let weights = [
            (Action::GoOn, when(busy, 600)),
            (Action::Tick, when(ticks < TICKS, 40)),
            (
                Action::Poll,
                when(polls < POLLS && !self.jobs.is_empty(), 150),
            ),
            (Action::Relay, when(relays < RELAYS, 10)),
            (Action::Write, self.scenario.writes),
            (Action::Time, 90),
            (Action::Crash, when(busy, self.scenario.crashes)),
            (Action::Outage, self.scenario.outages),
        ];
        self.dice.weighted(&weights)
    }

    pub(crate) fn begin(&mut self, work: Work) {
        self.begun += 1;
        let actor = self.staff.begin(self.begun, work, self.refusing);
        self.actors.push(actor);
    }

    /// Hands out any of the jobs, sometimes a copy of it.
    fn begin_poll(&mut self) {
        let at = self.dice.place(self.jobs.len());
        let job = if self.jobs.len() < JOBS && self.dice.percent(15) {
            self.coverage.duplicates += 1;
            self.jobs[at].clone()
        } else {
            self.jobs.swap_remove(at)
        };
        self.begin(Work::Poll(job));
    }

    /// Lets an actor take so many steps, or fewer if it ends before; says whether it has ended.
    pub(crate) async fn go_on(&mut self, actor: usize, steps: u32) -> Result<bool, Violation> {
        for _ in 0..steps {
            if self.step(actor).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn step(&mut self, index: usize) -> Result<bool, Violation> {
        let broken = self.break_before(index).await;
        let next = self.actors[index].steps.next().await;
        let ended = match next {
            Next::Stands(place) => {
                let actor = &mut self.actors[index];
                actor.at = Some(place);
                let line = format!("{actor}: {place}");
                self.note(&line);
                self.look_at(index).await?;
                let publishes = ["extend_claims", "release_claims", "mark_received"];
                if place.at == "begin" && publishes.contains(&place.operation) {
                    self.arrive().await;
                }
                false
            }
            Next::Ended(result) => {
                let actor = self.actors.swap_remove(index);
                let text = result.as_ref().err().map_or("done", String::as_str);
                self.note(&format!("{actor}: {text}"));
                self.coverage.ended(&actor, &result);
                if let (Work::Poll(job), Err(_)) = (actor.work, result) {
                    self.jobs.push(job);
                }
                self.arrive().await;
                true
            }
        };
        let lost = self.break_after(index, broken, ended).await;
        Ok(ended || lost)
    }

    /// Takes in what the broker has handed out.
    async fn arrive(&mut self) {
        self.queues.settle().await;
        for job in self.queues.jobs() {
            self.note(&format!("a job arrives (epoch {})", job.epoch));
            self.jobs.push(job);
        }
    }

    /// Keeps an eye on what an actor has just done.
    async fn look_at(&mut self, index: usize) -> Result<(), Violation> {
        let actor = &self.actors[index];
        let Work::Poll(job) = actor.work.clone() else {
            return Ok(());
        };
        let reads = actor.stands_at("read", "poll_context");
        if reads && self.mutation == Some(Mutation::NoFencing) {
            // It stands there twice: before the poller is read, and after that, before the instance is.
            let pollers = self.pollers().await;
            let revision = pollers.iter().find(|poller| poller.id == job.poller);
            self.actors[index].fence = Some(Fence {
                poller: job.poller,
                epoch: job.epoch,
                revision: revision.map_or(0, |poller| poller.revision),
            });
        } else if actor.stands_at("committed", "commit_page") {
            if let Some(fence) = &mut self.actors[index].fence {
                fence.revision += 1;
            }
            self.coverage.commits += 1;
            self.check_cursors().await?;
        }
        Ok(())
    }

    pub(crate) async fn pollers(&self) -> Vec<Poller> {
        let pollers = self.site.store.pollers(self.instance).await;
        pollers.expect("the instance's pollers")
    }

    /// A cursor never moves back, and never beyond Insightly's clock.
    pub(crate) async fn check_cursors(&mut self) -> Result<(), Violation> {
        let now = self.insightly.now();
        for poller in self.pollers().await {
            let before = self.cursors.insert(poller.id, poller.cursor);
            if before.is_some_and(|before| poller.cursor < before) {
                let text = format!("the cursor of {} moved back", poller.resource);
                return Err(format!("{text}: {before:?} to {}", poller.cursor));
            }
            if poller.cursor > now {
                let text = format!(
                    "the cursor of {} is beyond Insightly's time",
                    poller.resource
                );
                return Err(format!("{text}: {} at {now}", poller.cursor));
            }
        }
        Ok(())
    }

    fn write(&mut self) {
        for _ in 0..self.dice.weighted(&[(1, 4), (2, 2), (5, 1)]) {
            let (_, object, _) = RESOURCES[self.dice.place(self.scenario.resources)];
            let change = self.dice.weighted(&[(0, 3), (1, 6), (2, 2)]);
            let change = match change {
                0 => Change::create(object),
                1 => Change::update(object, None),
                _ => Change::delete(object, None),
            };
            if let Some(entry) = self.insightly.change(&change) {
                self.coverage.wrote(&entry);
                self.note(&format!(
                    "{object} {} revision {} {:?} at {}, visible {}",
                    entry.id,
                    entry.revision,
                    entry.kind,
                    entry.updated.format("%T"),
                    entry.visible_at.format("%T%.3f")
                ));
            }
        }
    }

    fn pass_time(&mut self) {
        let most = self.dice.weighted(&[
            (900, 5),
            (4_000, 5),
            (30_000, 4),
            (300_000, 4),
            (900_000, 1),
        ]);
        let by = TimeDelta::milliseconds(self.dice.between(1, most));
        // Most often nobody is late who waits for a moment.
        let by = match self.site.time.until_next_wake() {
            Some(wait) if self.dice.percent(70) => wait,
            _ => by,
        };
        self.site.time.advance(by);
        let ours = self.site.time.look();
        let theirs = self.insightly.now();
        self.note(&format!(
            "{} seconds pass: {} ours, {} Insightly's",
            by.as_seconds_f64(),
            ours.format("%T%.3f"),
            theirs.format("%T%.3f")
        ));
    }

    fn crash(&mut self) {
        let index = self.dice.place(self.actors.len());
        self.lose(index);
    }

    /// An actor never goes on; the broker hands its job to another.
    pub(crate) fn lose(&mut self, index: usize) {
        let actor = self.actors.swap_remove(index);
        self.note(&format!("{actor}: dies"));
        self.coverage.crashes += 1;
        if let Work::Poll(job) = actor.work {
            self.jobs.push(job);
        }
    }

    pub(crate) fn note(&mut self, line: &str) {
        writeln!(self.history, "{line}").expect("a text grows");
    }
}
