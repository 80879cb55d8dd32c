//! Schedulers, fetchers and relays, each a caller that the seed lets go on, or never again.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use ie_broker::{Broker, Delivery, Handler as _};
use ie_fetcher::{Parts, PollHandler};
use ie_model::{Fence, Message as _, PollJob};
use ie_platform::SharedClock;
use ie_platform::config::Section as _;
use ie_store::testing::steps::{Place, Steps};
use serde::Deserialize;

use crate::crm::Insightly;
use crate::queue::Queues;
use crate::scenario::Scenario;
use crate::site::Site;

/// What an actor does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A tick of a scheduler.
    Tick,
    /// A fetcher's handling of a job.
    Poll(PollJob),
    /// A round of a relay.
    Relay,
}

/// One of them at work.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) number: u32,
    pub(crate) work: Work,
    pub(crate) steps: Steps<Result<(), String>>,
    pub(crate) at: Option<Place>,
    /// What its next write shows, as far as the test can tell.
    pub(crate) fence: Option<Fence>,
}

impl Actor {
    pub(crate) fn stands_at(&self, at: &str, operation: &str) -> bool {
        self.at
            .is_some_and(|place| place.at == at && place.operation == operation)
    }
}

impl Display for Actor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match &self.work {
            Work::Tick => write!(f, "tick {number}"),
            Work::Poll(job) => write!(f, "poll {number} (epoch {})", job.epoch),
            Work::Relay => write!(f, "relay {number}"),
        }
    }
}

/// What actors are made of: once with a broker that takes everything, once with one that refuses.
pub(crate) struct Staff {
    clock: SharedClock,
    relays: [Arc<Parts>; 2],
    fetchers: [Arc<PollHandler>; 2],
    schedulers: [Arc<ie_scheduler::Parts>; 2],
}

#[derive(Deserialize)]
struct FetcherFile {
    fetcher: ie_fetcher::Config,
}

#[derive(Deserialize)]
struct SchedulerFile {
    scheduler: ie_scheduler::Config,
}

impl Staff {
    pub(crate) fn new(
        site: &Site,
        scenario: &Scenario,
        queues: &Queues,
        insightly: &Insightly,
    ) -> Self {
        let brokers = [&queues.open, &queues.narrow];
        let fetcher = |broker: &Broker| {
            Arc::new(Parts {
                broker: broker.clone(),
                store: site.store.clone(),
                sealer: site.sealer.clone(),
                crm: Arc::new(insightly.clone()),
                config: fetcher_config(scenario),
            })
        };
        let scheduler = |broker: &Broker| {
            let file: SchedulerFile =
                toml::from_str(ie_scheduler::Config::DEFAULTS).expect("defaults");
            Arc::new(ie_scheduler::Parts {
                broker: broker.clone(),
                store: site.store.clone(),
                config: file.scheduler,
            })
        };
        let clock: SharedClock = Arc::new(site.time.clone());
        let relays = brokers.map(fetcher);
        let handler = |parts: &Arc<Parts>| Arc::new(PollHandler::new(parts.clone(), clock.clone()));
        Self {
            fetchers: relays.each_ref().map(handler),
            relays,
            schedulers: brokers.map(scheduler),
            clock,
        }
    }

    /// An actor that has not begun.
    pub(crate) fn begin(&self, number: u32, work: Work, refusing: bool) -> Actor {
        let clock = self.clock.clone();
        let which = usize::from(refusing);
        let steps = match &work {
            Work::Tick => {
                let scheduler = self.schedulers[which].clone();
                Steps::new(async move {
                    let ticked = ie_scheduler::tick(&scheduler, &clock).await;
                    ticked.map(drop).map_err(|error| format!("{error:#}"))
                })
            }
            Work::Poll(job) => {
                let job = job.clone();
                let delivery = Delivery {
                    message_id: job.message_id(),
                    attempt: 1,
                    redelivered: false,
                    published_at: None,
                    traceparent: None,
                };
                let fetcher = self.fetchers[which].clone();
                Steps::new(async move {
                    let handled = fetcher.handle(job, &delivery).await;
                    handled.map_err(|failure| format!("{failure:?}"))
                })
            }
            Work::Relay => {
                let relay = self.relays[which].clone();
                Steps::new(async move {
                    let relayed = ie_fetcher::publish_overdue(&relay, &clock).await;
                    relayed.map(drop).map_err(|error| format!("{error:#}"))
                })
            }
        };
        Actor {
            number,
            work,
            steps,
            at: None,
            fence: None,
        }
    }
}

/// The defaults, except where they would roll their own dice; and small enough that nothing is done at once.
fn fetcher_config(scenario: &Scenario) -> ie_fetcher::Config {
    let file: FetcherFile = toml::from_str(ie_fetcher::Config::DEFAULTS).expect("defaults");
    ie_fetcher::Config {
        jitter: 0.0,
        page_size: scenario.page_size,
        slice_requests: 5,
        relay_batch: 3,
        ..file.fetcher
    }
}
