//! Insightly over HTTP, with a hand on every request: it counts, it does something in between, it stops a worker dead,
//! it hides records.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ie_fetcher::{Connect, Crm};
use ie_insightly::{Answer, Error, Page, Record, Search};
use ie_model::Instance;
use ie_platform::secret::SecretString;
use serde_json::Value;
use tokio::sync::Notify;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Search { skip: u64, all: bool },
    List { skip: u64, brief: bool },
    Get { id: String },
}

impl Request {
    /// Whether a walk sent it, and not a poll.
    pub(crate) fn is_beside(&self) -> bool {
        !matches!(self, Self::Search { all: false, .. })
    }
}

/// When a worker dies: at which of the requests from now on, from 0, before it is sent or after it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) request: usize,
    pub(crate) answered: bool,
}

type Act = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    death: Option<Death>,
    acts: Vec<(usize, Act)>,
    hidden: HashSet<String>,
    unlisted: HashSet<String>,
    spoilt: HashSet<String>,
    no_list: bool,
}

/// The hand on the requests. Clones are of the same one.
#[derive(Clone, Default)]
pub(crate) struct Hand {
    state: Arc<Mutex<State>>,
    dead: Arc<Notify>,
}

impl Hand {
    /// Forgets the requests so far; returns them.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    /// The worker dies once; [`Hand::died`] tells when.
    pub(crate) fn kill(&self, death: Death) {
        self.take();
        self.state.lock().unwrap().death = Some(death);
    }

    /// Nobody dies any more. Whether somebody would have.
    pub(crate) fn spare(&self) -> bool {
        self.state.lock().unwrap().death.take().is_some()
    }

    pub(crate) async fn died(&self) {
        self.dead.notified().await;
    }

    /// Does something before that request from now on, from 0.
    pub(crate) fn before(&self, request: usize, act: impl FnOnce() + Send + 'static) {
        self.take();
        let acts = &mut self.state.lock().unwrap().acts;
        acts.push((request, Box::new(act)));
    }

    /// Whether everything was done that was to be done.
    pub(crate) fn is_done(&self) -> bool {
        self.state.lock().unwrap().acts.is_empty()
    }

    /// Hides a record, as if it were deleted.
    pub(crate) fn hide(&self, id: i64) {
        self.state.lock().unwrap().hidden.insert(id.to_string());
    }

    /// Leaves a record out of every list, though it is there.
    pub(crate) fn unlist(&self, id: i64) {
        self.state.lock().unwrap().unlisted.insert(id.to_string());
    }

    /// A record has no date that can be read.
    pub(crate) fn spoil(&self, id: i64) {
        self.state.lock().unwrap().spoilt.insert(id.to_string());
    }

    /// Every record can be read again.
    pub(crate) fn mend(&self) {
        self.state.lock().unwrap().spoilt.clear();
    }

    /// Shows everything again.
    pub(crate) fn show(&self) {
        let mut state = self.state.lock().unwrap();
        state.hidden.clear();
        state.unlisted.clear();
    }

    /// The object has no list from now on.
    pub(crate) fn without_list(&self) {
        self.state.lock().unwrap().no_list = true;
    }

    async fn begin(&self, request: Request) -> usize {
        let (number, act, dies) = {
            let mut state = self.state.lock().unwrap();
            let number = state.requests.len();
            state.requests.push(request);
            let due = state.acts.iter().position(|(at, _)| *at == number);
            let act = due.map(|due| state.acts.remove(due).1);
            (number, act, state.dies(number, false))
        };
        if let Some(act) = act {
            act();
        }
        self.die(dies).await;
        number
    }

    async fn end(&self, number: usize) {
        let dies = self.state.lock().unwrap().dies(number, true);
        self.die(dies).await;
    }

    async fn die(&self, dies: bool) {
        if dies {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
    }

    fn visible(&self, mut answer: Answer<Page>) -> Answer<Page> {
        let state = self.state.lock().unwrap();
        let is_visible = |record: &Record| {
            let id = record.value()["CONTACT_ID"].to_string();
            !state.hidden.contains(&id) && !state.unlisted.contains(&id)
        };
        answer.body.records.retain(is_visible);
        for record in &mut answer.body.records {
            let mut value = record.value();
            state.spoil(&mut value);
            *record = value.into();
        }
        // As it is where every page has all records.
        let missing = state.hidden.union(&state.unlisted).count() as u64;
        answer.body.total = answer.body.total.map(|total| total.saturating_sub(missing));
        answer
    }
}

impl State {
    fn spoil(&self, record: &mut Value) {
        if self.spoilt.contains(&record["CONTACT_ID"].to_string()) {
            record["DATE_UPDATED_UTC"] = Value::from("yesterday");
        }
    }

    fn dies(&mut self, request: usize, answered: bool) -> bool {
        let dies = self.death == Some(Death { request, answered });
        if dies {
            self.death = None;
        }
        dies
    }
}

/// Connects through the hand.
pub(crate) struct Handed {
    pub(crate) hand: Hand,
    pub(crate) connect: Arc<dyn Connect>,
}

impl Connect for Handed {
    fn connect(&self, instance: &Instance, key: SecretString) -> Result<Arc<dyn Crm>, Error> {
        Ok(Arc::new(Client {
            hand: self.hand.clone(),
            crm: self.connect.connect(instance, key)?,
        }))
    }
}

struct Client {
    hand: Hand,
    crm: Arc<dyn Crm>,
}

#[async_trait]
impl Crm for Client {
    async fn search(&self, object: &str, search: &Search) -> Result<Answer<Page>, Error> {
        let since = search.updated_after.map_or(0, |after| after.timestamp());
        let number = self.hand.begin(Request::Search {
            skip: search.skip,
            all: since == 0,
        });
        let number = number.await;
        let answer = self.crm.search(object, search).await;
        self.hand.end(number).await;
        Ok(self.hand.visible(answer?))
    }

    async fn list(&self, object: &str, page: &Search) -> Result<Answer<Page>, Error> {
        let number = self.hand.begin(Request::List {
            skip: page.skip,
            brief: page.brief,
        });
        let number = number.await;
        if self.hand.state.lock().unwrap().no_list {
            return Err(Error::NotAllowed {
                message: "no".to_owned(),
            });
        }
        let answer = self.crm.list(object, page).await;
        self.hand.end(number).await;
        Ok(self.hand.visible(answer?))
    }

    async fn get(&self, object: &str, id: &str) -> Result<Answer<Option<Value>>, Error> {
        let number = self.hand.begin(Request::Get { id: id.to_owned() }).await;
        let answer = self.crm.get(object, id).await;
        self.hand.end(number).await;
        let mut answer = answer?;
        let state = self.hand.state.lock().unwrap();
        answer.body = answer.body.filter(|_| !state.hidden.contains(id));
        if let Some(record) = &mut answer.body {
            state.spoil(record);
        }
        Ok(answer)
    }
}
