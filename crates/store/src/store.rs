//! Opening the store, and watching that it stays there.

use std::time::Duration;

use ie_platform::Context;
use ie_platform::clock::SharedClock;
use ie_platform::health::Component;
use ie_platform::lifecycle::Lifecycle;
use ie_platform::retry::Backoff;

use crate::database::Database;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Config, Error, Result};

/// Delays between two attempts to reach a database that is not there yet.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// How often the readiness of the process is renewed.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// The state of the system. Clones share the same connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) clock: SharedClock,
    pub(crate) refused_retry: Duration,
}

impl Store {
    /// Connects, waiting for a database that is not there yet, and brings the tables to this version's form.
    ///
    /// From then on the health component `store` says whether the database answers.
    pub async fn open(config: &Config, context: &Context) -> Result<Self> {
        let component = context.health.component("store");
        let opened = context
            .lifecycle
            .run_until_stopped(open_patiently(config, &component))
            .await;
        let Some(database) = opened.transpose()? else {
            let stopped = "stopped while waiting for the database".into();
            return Err(Error::Unavailable(stopped));
        };
        component.set_ready();
        let store = Self {
            database,
            clock: context.clock.clone(),
            refused_retry: config.refused_retry,
        };
        context
            .lifecycle
            .spawn_detail(watch(store.clone(), component, context.lifecycle.clone()));
        Ok(store)
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<()> {
        let _timer = Timer::start("ping");
        self.database
            .all::<(i64,)>(Sql::new("SELECT id FROM organizations LIMIT 1"))
            .await?;
        Ok(())
    }
}

async fn open_patiently(config: &Config, component: &Component) -> Result<Database> {
    let deadline = tokio::time::Instant::now() + config.connect_timeout;
    let mut backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY);
    loop {
        let error = match Database::open(config).await {
            Ok(database) => return Ok(database),
            Err(error) => error,
        };
        let next = tokio::time::Instant::now() + backoff.next_delay();
        if !error.is_transient() || next > deadline {
            return Err(error);
        }
        report(component, &error);
        tokio::time::sleep_until(next).await;
    }
}

async fn watch(store: Store, component: Component, lifecycle: Lifecycle) {
    let pings = async {
        loop {
            tokio::time::sleep(PING_INTERVAL).await;
            match store.ping().await {
                Ok(()) => component.set_ready(),
                Err(error) => report(&component, &error),
            }
        }
    };
    lifecycle.run_until_stopped(pings).await.unwrap_or(())
}

fn report(component: &Component, error: &Error) {
    let source = std::error::Error::source(error).map(ToString::to_string);
    component.set_unready(format!("{error}: {}", source.unwrap_or_default()));
}
