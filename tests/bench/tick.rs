//! A tick of the scheduler with a million pollers, of which a thousand are due, against one with ten thousand.

use std::time::Instant;

use anyhow::ensure;
use ie_broker::Broker;
use ie_platform::Context;
use ie_scheduler::process::Config;
use ie_scheduler::{Parts, tick};
use ie_store::Store;
use ie_store::testing::Database;
use ie_tests::rig::server;

use crate::options::Sizes;
use crate::report::{Figure, Goal};
use crate::running::{PATIENCE, settings};
use crate::stage::{context, prefix};
use crate::tally::{Turns, median};
use crate::yardsticks::Measured;

const FEW: u32 = 10_000;
const DUE: u32 = 1_000;

/// The first ticks prepare statements and fill caches.
const WARM_UP: usize = 3;

/// A scheduler with its pollers.
struct Scheduler {
    parts: Parts,
    context: Context,
    pollers: u32,
    ticks: u32,
}

impl Scheduler {
    async fn new(store_url: &str, broker_url: &str, pollers: u32) -> anyhow::Result<Self> {
        let context = context();
        let environment = settings(&[
            ("STORE__URL", store_url),
            ("BROKER__URL", broker_url),
            ("BROKER__PREFIX", &prefix()),
            // Nobody consumes the jobs.
            ("BROKER__MEMORY_CAPACITY", "10000000"),
            ("SCHEDULER__MAX_QUEUED", "10000000"),
        ]);
        let config: Config = ie_platform::config::load_from(None, environment)?;
        let parts = Parts {
            store: Store::open(&config.store, &context).await?,
            broker: Broker::connect(&config.broker, &context).await?,
            config: config.scheduler,
        };
        parts
            .store
            .fill_with_pollers(pollers, context.clock.now())
            .await?;
        Ok(Self {
            parts,
            context,
            pollers,
            ticks: 0,
        })
    }

    /// The time of one tick, in milliseconds; other pollers are due in each.
    async fn tick(&mut self) -> anyhow::Result<f64> {
        let step = self.pollers / DUE;
        let first = self.ticks % step;
        self.ticks += 1;
        let now = self.context.clock.now();
        let store = &self.parts.store;
        store.make_pollers_due(first, step, DUE, now).await?;
        let started = Instant::now();
        let claimed = tick(&self.parts, &self.context.clock).await?;
        let took = started.elapsed();
        ensure!(claimed == DUE as usize, "claimed {claimed} pollers");
        Ok(took.as_secs_f64() * 1000.0)
    }

    async fn stop(self) {
        self.context.lifecycle.stop();
        self.context.lifecycle.drain(PATIENCE).await;
    }
}

/// With RabbitMQ and PostgreSQL.
pub(crate) async fn distributed(sizes: Sizes) -> Measured {
    let amqp = server("TEST_AMQP_URL")?;
    let postgres = server("TEST_DATABASE_URL")?;
    let (small, large) = (
        Database::create(&postgres).await?,
        Database::create(&postgres).await?,
    );
    let few = Scheduler::new(small.url(), &amqp, FEW).await?;
    let many = Scheduler::new(large.url(), &amqp, sizes.million).await?;
    let figure = compare("tick_of_a_million_against_ten_thousand", many, few, sizes).await?;
    small.remove().await?;
    large.remove().await?;
    Ok(vec![figure])
}

/// With the in-process queue and SQLite.
pub(crate) async fn embedded(sizes: Sizes) -> Measured {
    let folder = tempfile::tempdir()?;
    let url = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let few = Scheduler::new(&url("few.db"), "memory:", FEW).await?;
    let many = Scheduler::new(&url("many.db"), "memory:", sizes.million).await?;
    let name = "tick_embedded_of_a_million_against_ten_thousand";
    Ok(vec![compare(name, many, few, sizes).await?])
}

async fn compare(
    name: &str,
    mut many: Scheduler,
    mut few: Scheduler,
    sizes: Sizes,
) -> anyhow::Result<Figure> {
    let mut turns = Turns::default();
    for round in 0..WARM_UP + sizes.ticks {
        let (of_many, of_few) = if round % 2 == 0 {
            let of_many = many.tick().await?;
            (of_many, few.tick().await?)
        } else {
            let of_few = few.tick().await?;
            (many.tick().await?, of_few)
        };
        if round >= WARM_UP {
            turns.add(of_many, of_few);
        }
    }
    let pollers = many.pollers;
    many.stop().await;
    few.stop().await;
    // Of many short turns the medians, as a single one may meet somebody else's compiler.
    let ratio = median(&turns.ours) / median(&turns.reference);
    Ok(Figure::new(name, ratio, Goal::AtMost(1.5), "ratio")
        .part("tick_of_many_ms", median(&turns.ours))
        .part("tick_of_few_ms", median(&turns.reference))
        .part("many", pollers)
        .part("few", FEW)
        .part("due", DUE)
        .part("ticks", sizes.ticks))
}
