//! Ticks over many pollers, on both stores, with the in-process queue.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ie_broker::{Broker, ConsumerSettings, Delivery, Failure, Handler};
use ie_model::{PollJob, Queue};
use ie_platform::{Context, Process, TestClock, config};
use ie_scheduler::process::Config;
use ie_scheduler::{Parts, tick};
use ie_store::Store;
use ie_store::testing::Database;
use rstest::rstest;
use tempfile::TempDir;

use Backend::{Postgres, Sqlite};

const MANY: u32 = 20_000;
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

/// A scheduler with 20,000 pollers, none of them due.
struct Rig {
    parts: Parts,
    clock: TestClock,
    context: Context,
    _place: (TempDir, Option<Database>),
}

impl Rig {
    async fn start(backend: Backend, settings: &[(&str, &str)]) -> Self {
        let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        let context = Context {
            clock: Arc::new(clock.clone()),
            ..Context::new(Process {
                name: "ie-scheduler-tests",
                version: "0",
            })
        };
        let folder = tempfile::tempdir().unwrap();
        let database = match backend {
            Sqlite => None,
            Postgres => {
                let server = config::env("TEST_DATABASE_URL")
                    .expect("TEST_DATABASE_URL is not set: run `make test`");
                Some(Database::create(&server).await.unwrap())
            }
        };
        let file = format!("sqlite:{}", folder.path().join("state.db").display());
        let url = database.as_ref().map_or(file, |one| one.url().to_owned());
        let mut variables = vec![("IE__STORE__URL".to_owned(), url)];
        let settings = settings.iter();
        variables
            .extend(settings.map(|(name, value)| (format!("IE__{name}"), (*value).to_owned())));
        let config: Config = config::load_from(None, variables).unwrap();
        let store = Store::open(&config.store, &context).await.unwrap();
        store
            .fill_with_pollers(MANY, context.clock.now())
            .await
            .unwrap();
        Self {
            parts: Parts {
                broker: Broker::memory(&config.broker, context.clock.clone()),
                store,
                config: config.scheduler,
            },
            clock,
            context,
            _place: (folder, database),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.context.clock.now()
    }

    async fn tick(&self) -> usize {
        tick(&self.parts, &self.context.clock).await.unwrap()
    }

    /// Every `step`-th poller is due.
    async fn make_due(&self, step: u32, count: u32) {
        let (store, now) = (&self.parts.store, self.now());
        let due = store.make_pollers_due(0, step, count, now).await.unwrap();
        assert_eq!(due, u64::from(count));
    }

    async fn queued(&self) -> usize {
        self.parts.broker.backlog(Queue::Poll).await.unwrap()
    }

    /// Fetchers that take every job, and what they took.
    fn consume(&self) -> Jobs {
        let jobs = Jobs::default();
        let (broker, lifecycle) = (self.parts.broker.clone(), self.context.lifecycle.clone());
        let handler = Arc::new(jobs.clone());
        self.context.lifecycle.spawn("fetchers", async move {
            let settings = ConsumerSettings { prefetch: 16 };
            broker.consume(settings, handler, &lifecycle).await
        });
        jobs
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.context.lifecycle.abort();
    }
}

/// The epochs of the jobs that arrived, by poller.
#[derive(Clone, Default)]
struct Jobs(Arc<Mutex<HashMap<i64, Vec<i64>>>>);

#[async_trait]
impl Handler<PollJob> for Jobs {
    async fn handle(&self, job: PollJob, _delivery: &Delivery) -> Result<(), Failure> {
        let mut jobs = self.0.lock().unwrap();
        let epochs = jobs.entry(job.poller.get()).or_default();
        epochs.push(job.epoch.get());
        Ok(())
    }
}

impl Jobs {
    async fn arrived(&self, count: usize) -> HashMap<i64, Vec<i64>> {
        let limit = tokio::time::Instant::now() + MINUTE;
        loop {
            let jobs = self.0.lock().unwrap().clone();
            if jobs.values().map(Vec::len).sum::<usize>() >= count {
                return jobs;
            }
            assert!(
                tokio::time::Instant::now() < limit,
                "{} of {count}",
                jobs.len()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_tick_takes_what_is_due_by_the_index_of_what_is_due(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let rig = Rig::start(backend, &[]).await;
    assert_eq!(rig.tick().await, 0);
    rig.make_due(200, 100).await;

    let plan = rig.parts.store.explain_due(rig.now(), 500).await.unwrap();

    assert!(plan.contains("pollers_due"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
    assert_eq!(rig.tick().await, 100);
    assert_eq!(rig.tick().await, 0);
    assert_eq!(rig.queued().await, 100);
}

#[rstest]
#[tokio::test]
async fn a_backlog_is_handed_out_as_fast_as_it_is_taken_and_each_poller_once(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let rig = Rig::start(backend, &[("SCHEDULER__MAX_QUEUED", "3000")]).await;
    rig.make_due(1, MANY).await;

    // Nobody takes anything: the queue fills up to its limit and not further.
    assert_eq!(rig.tick().await, 3000);
    assert_eq!(rig.tick().await, 0);
    assert_eq!(rig.queued().await, 3000);

    // An outage of hours: many polls of each were missed, and one is made up for.
    let jobs = rig.consume();
    let mut published = 3000;
    while published < MANY as usize {
        jobs.arrived(published).await;
        let more = rig.tick().await;
        assert!((1..=3000).contains(&more), "{more}");
        published += more;
    }
    let jobs = jobs.arrived(published).await;
    assert_eq!(jobs.len(), MANY as usize);
    assert!(jobs.values().all(|epochs| *epochs == [1]));
    assert_eq!(rig.tick().await, 0);
}

#[rstest]
#[tokio::test]
async fn schedulers_at_once_share_what_is_due(#[values(Sqlite, Postgres)] backend: Backend) {
    let settings = [
        ("SCHEDULER__MAX_QUEUED", "9000"),
        ("SCHEDULER__BATCH", "100"),
    ];
    let rig = Rig::start(backend, &settings).await;
    rig.make_due(5, 4000).await;
    let jobs = rig.consume();

    let ticks = tokio::join!(rig.tick(), rig.tick(), rig.tick());
    // A tick that met only what others were about to claim has ended early.
    let rest = rig.tick().await;

    assert_eq!(ticks.0 + ticks.1 + ticks.2 + rest, 4000);
    let jobs = jobs.arrived(4000).await;
    assert_eq!(jobs.len(), 4000);
    assert!(jobs.values().all(|epochs| *epochs == [1]));
}

#[rstest]
#[tokio::test]
async fn what_a_scheduler_claimed_before_it_died_is_due_again_soon(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let rig = Rig::start(backend, &[]).await;
    rig.make_due(1000, 20).await;
    // It dies between its claim and its publish.
    let claim = rig.parts.config.claim;
    let lost = rig
        .parts
        .store
        .claim_jobs(rig.now(), 100, claim)
        .await
        .unwrap();
    assert_eq!(lost.len(), 20);
    assert_eq!(rig.tick().await, 0);

    rig.clock.advance(claim);

    let jobs = rig.consume();
    assert_eq!(rig.tick().await, 20);
    let jobs = jobs.arrived(20).await;
    assert!(jobs.values().all(|epochs| *epochs == [2]));
    for job in lost {
        let context = rig.parts.store.poll_context(&job).await.unwrap();
        assert!(context.is_none(), "the job of the dead one is void");
    }
}

#[rstest]
#[tokio::test]
async fn what_the_queue_refuses_is_given_back(#[values(Sqlite, Postgres)] backend: Backend) {
    let settings = [
        ("BROKER__MEMORY_CAPACITY", "50"),
        ("SCHEDULER__MAX_QUEUED", "100"),
    ];
    let rig = Rig::start(backend, &settings).await;
    rig.make_due(200, 80).await;

    let refused = tick(&rig.parts, &rig.context.clock).await;

    assert!(refused.is_err(), "the queue takes 50");
    assert_eq!(rig.queued().await, 50);
    let jobs = rig.consume();
    jobs.arrived(50).await;
    assert_eq!(rig.tick().await, 30);
    assert_eq!(jobs.arrived(80).await.len(), 80);
}

#[rstest]
#[tokio::test]
async fn numbers_tell_how_late_polls_are_and_how_deep_the_queues_while_nothing_is_published(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    // Given a queue that takes no more, and pollers that have been due for a minute,
    let numbers = ie_platform::metrics::install();
    let settings = [
        ("BROKER__MEMORY_CAPACITY", "30"),
        ("SCHEDULER__MAX_QUEUED", "30"),
    ];
    let rig = Rig::start(backend, &settings).await;
    rig.make_due(200, 80).await;
    rig.clock.advance(MINUTE);

    // when a scheduler runs,
    let parts = Parts {
        store: rig.parts.store.clone(),
        broker: rig.parts.broker.clone(),
        config: rig.parts.config.clone(),
    };
    ie_scheduler::run(rig.context.clone(), parts).await.unwrap();

    // then it says how late the polls are that it hands out and the others are, and that the queue is full.
    let wanted = [
        "ie_poll_overdue_seconds 60",
        "ie_budget_left_ratio 1",
        "ie_accounts_out_of_budget 0",
        "ie_poll_lag_seconds_sum 1800",
        "ie_queue_messages{queue=\"changes\",state=\"ready\"} 0",
    ];
    let limit = tokio::time::Instant::now() + MINUTE;
    loop {
        let shown = numbers.render();
        let said = |line: &&&str| shown.lines().any(|found| found == **line);
        if wanted.iter().filter(said).count() == wanted.len() {
            break;
        }
        assert!(tokio::time::Instant::now() < limit, "{shown}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
