//! The simulated Insightly behind the fetcher's trait: no HTTP, the time handed in, faults from the seed's dice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound as _, Utc};
use ie_fetcher::{Connect, Crm};
use ie_insightly::{Answer, BudgetHeaders, Error, Page, Search};
use ie_model::Instance;
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_simulator::{Change, Entry, Query, World};
use ie_store::testing::steps::step;
use serde_json::Value;

use crate::dice::Dice;
use crate::mutation::Mutation;
use crate::scenario::Scenario;
use crate::time::{Skew, Time};

pub(crate) const KEY: &str = "the key";

/// Insightly, shared by the test and every fetcher.
#[derive(Clone, Debug)]
pub(crate) struct Insightly(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    world: World,
    time: Time,
    skew: Skew,
    dice: Dice,
    counted: bool,
    fault_percent: u64,
    searches: BTreeMap<String, u32>,
    refused: u32,
    cursor_from_our_clock: bool,
}

impl Insightly {
    pub(crate) fn new(scenario: &Scenario, time: &Time, mutation: Option<Mutation>) -> Self {
        let now = scenario.skew.theirs(time.look());
        Self(Arc::new(Mutex::new(Inner {
            world: World::new(scenario.insightly(), now).expect("a world as the scenario says"),
            time: time.clone(),
            skew: scenario.skew,
            dice: Dice::new(scenario.seed ^ 0xcccc),
            counted: scenario.counted,
            fault_percent: 0,
            searches: BTreeMap::new(),
            refused: 0,
            cursor_from_our_clock: mutation == Some(Mutation::CursorFromOurClock),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Insightly's time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.lock().now()
    }

    /// From now on things go wrong as the scenario says.
    pub(crate) fn misbehave(&self, scenario: &Scenario) {
        let mut inner = self.lock();
        inner.fault_percent = scenario.fault_percent;
        for rule in scenario.rules() {
            inner.world.misbehave(rule);
        }
    }

    /// From now on nothing goes wrong; what was written late stays late.
    pub(crate) fn behave(&self) {
        let mut inner = self.lock();
        inner.fault_percent = 0;
        inner.world.behave();
    }

    /// Applies a change; none when there is no record to change.
    pub(crate) fn change(&self, change: &Change) -> Option<Entry> {
        let mut inner = self.lock();
        let now = inner.now();
        inner.world.change(change, now).ok()
    }

    /// Every version of an object's records, in the order of the writes.
    pub(crate) fn ledger(&self, object: &str) -> Vec<Entry> {
        let ledger = self.lock().world.ledger(None, Some(object));
        ledger.expect("an object of Insightly")
    }

    /// Searches so far, by object.
    pub(crate) fn searches(&self, object: &str) -> u32 {
        self.lock().searches.get(object).copied().unwrap_or(0)
    }

    /// Requests that were refused or broken.
    pub(crate) fn refused(&self) -> u32 {
        self.lock().refused
    }
}

impl Inner {
    fn now(&self) -> DateTime<Utc> {
        self.skew.theirs(self.time.look())
    }

    /// What becomes of a request, once it has arrived: refused before, broken after it was handled, or answered.
    fn answer<T>(
        &mut self,
        handle: impl FnOnce(&mut World, DateTime<Utc>) -> T,
    ) -> Result<Answer<T>, Error> {
        let faulty = self.dice.percent(self.fault_percent);
        if faulty {
            self.refused += 1;
        }
        if faulty && self.dice.percent(60) {
            return Err(refusal(&mut self.dice));
        }
        let now = self.now();
        let body = handle(&mut self.world, now);
        if faulty {
            return Err(breakage(&mut self.dice));
        }
        let date = if self.cursor_from_our_clock {
            self.time.look()
        } else {
            now
        };
        Ok(Answer {
            body,
            server_date: date.trunc_subsecs(0),
            budget: BudgetHeaders::default(),
        })
    }

    fn page(
        &mut self,
        object: &str,
        search: &Search,
        after: Option<DateTime<Utc>>,
    ) -> Result<Answer<Page>, Error> {
        if after.is_some() {
            *self.searches.entry(object.to_owned()).or_default() += 1;
        }
        let query = Query {
            field: search.equals.clone(),
            updated_after: after,
            skip: search.skip as usize,
            top: Some(search.top as usize),
            count_total: search.count_total && self.counted,
        };
        self.answer(|world, now| {
            let page = world.search(None, object, &query, now);
            let page = page.expect("a search as Insightly takes it");
            Page {
                records: serde_json::from_slice(&page.to_json(search.brief))
                    .expect("records as JSON"),
                total: page.total.map(|total| total as u64),
            }
        })
    }
}

/// A request that Insightly did not handle.
fn refusal(dice: &mut Dice) -> Error {
    let message = "as the seed says".to_owned();
    let retry_after = dice.percent(50).then_some(Duration::from_secs(7));
    match dice.below(24) {
        0 => Error::Unauthorized { message },
        1 => Error::Forbidden { message },
        2 => Error::BadRequest { message },
        3 => Error::RateLimited {
            retry_after: None,
            day_spent: true,
        },
        4..=10 => Error::RateLimited {
            retry_after,
            day_spent: false,
        },
        _ => Error::Unavailable {
            reason: "it answered 503".to_owned(),
            retry_after,
            source: None,
        },
    }
}

/// A request that Insightly has handled, and whose answer did not arrive whole.
fn breakage(dice: &mut Dice) -> Error {
    let what = match dice.below(4) {
        0 => "JSON that ends after 7 bytes",
        1 => "an HTML page instead of JSON, as during maintenance",
        2 => "an empty body",
        _ => {
            return Error::Unavailable {
                reason: "the connection broke".to_owned(),
                retry_after: None,
                source: None,
            };
        }
    };
    Error::Unexpected {
        what: what.to_owned(),
    }
}

// While a request is on its way, and again the answer, everything else goes on.
#[async_trait]
impl Crm for Insightly {
    async fn search(&self, object: &str, search: &Search) -> Result<Answer<Page>, Error> {
        step("request").await;
        let answer = self.lock().page(object, search, search.updated_after);
        step("answer").await;
        answer
    }

    async fn list(&self, object: &str, page: &Search) -> Result<Answer<Page>, Error> {
        step("request").await;
        let answer = self.lock().page(object, page, None);
        step("answer").await;
        answer
    }

    async fn get(&self, object: &str, id: &str) -> Result<Answer<Option<Value>>, Error> {
        step("request").await;
        let answer = self.lock().answer(|world, now| {
            let record = world.get(None, object, id, now).ok()?;
            let mut json = Vec::new();
            record.write_json(false, &mut json);
            Some(serde_json::from_slice(&json).expect("a record as JSON"))
        });
        step("answer").await;
        answer
    }
}

impl Connect for Insightly {
    fn connect(&self, _instance: &Instance, key: SecretString) -> Result<Arc<dyn Crm>, Error> {
        assert_eq!(key.expose_secret(), KEY, "the sealed key of the instance");
        Ok(Arc::new(self.clone()))
    }
}
