//! Which services run where: each process says so now and then, for people who look.
//!
//! Nothing depends on it: a worker that is taken for dead goes on working. Index: `workers` by life and service.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_platform::{Context, host};

use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, time};

/// How often a worker says that it lives.
const BEAT: Duration = Duration::from_secs(15);
/// A worker that has not been seen for longer has died, or cannot reach the store.
const SILENT: Duration = BEAT.saturating_mul(3);
/// It is shown so long as one that is missing, and then forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
/// How long a worker that stops tries to say so.
const FAREWELL: Duration = Duration::from_secs(2);

/// A service in a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Which run of a process: no two have the same.
    pub life: String,
    /// What it does: `scheduler`, `fetcher`, `dispatcher` or `api`.
    pub service: String,
    /// The version of the build.
    pub version: String,
    /// The machine, the container or the pod.
    pub host: String,
    /// Since when it runs.
    pub started_at: DateTime<Utc>,
    /// When it was seen last.
    pub seen_at: DateTime<Utc>,
}

/// One run of a process, and what it does.
#[derive(Clone, Debug)]
pub struct Life<'a> {
    /// Its name.
    pub id: &'a str,
    /// What runs in it.
    pub services: &'a [&'a str],
    /// The version of the build.
    pub version: &'a str,
    /// Where.
    pub host: &'a str,
    /// Since when.
    pub started_at: DateTime<Utc>,
}

impl Store {
    /// Says of the services of this process that they run, until the soft stop; then they are gone at once.
    pub fn announce(&self, context: &Context, services: &'static [&'static str]) {
        let task = announce(self.clone(), context.clone(), services);
        context.lifecycle.spawn_detail(task);
    }

    /// Notes that a process lives, and forgets those that have not been seen for an hour.
    pub async fn beat(&self, life: &Life<'_>, now: DateTime<Utc>) -> Result<()> {
        let _timer = Timer::start("beat");
        let beat = Sql::new(
            "INSERT INTO workers (life, service, version, host, started_at, seen_at) \
             SELECT $1, service, $2, $3, $4, $5 FROM rows WHERE TRUE \
             ON CONFLICT (life, service) DO UPDATE SET seen_at = excluded.seen_at",
        );
        let beat = beat
            .bind(life.id)
            .bind(life.version)
            .bind(life.host)
            .bind(life.started_at)
            .bind(now)
            .rows(Rows::new().text("service", life.services.iter().copied()));
        let forget = Sql::new("DELETE FROM workers WHERE seen_at < $1");
        let mut tx = self.database.begin().await?;
        tx.execute(beat).await?;
        tx.execute(forget.bind(now - FORGOTTEN)).await?;
        tx.commit().await
    }

    /// Forgets the services of a process that ends.
    pub async fn leave(&self, life: &str) -> Result<()> {
        let _timer = Timer::start("leave");
        let leave = Sql::new("DELETE FROM workers WHERE life = $1");
        self.database.write(leave.bind(life)).await?;
        Ok(())
    }

    /// Who was seen within the last hour, by service; the longest there first.
    pub async fn workers(&self) -> Result<Vec<Worker>> {
        let _timer = Timer::start("workers");
        let sql = Sql::new(
            "SELECT life, service, version, host, started_at, seen_at FROM workers \
             ORDER BY service, started_at, life",
        );
        let rows: Vec<(String, String, String, String, i64, i64)> = self.database.all(sql).await?;
        let worker = |(life, service, version, host, started_at, seen_at)| {
            Ok(Worker {
                life,
                service,
                version,
                host,
                started_at: time::from_ms(started_at)?,
                seen_at: time::from_ms(seen_at)?,
            })
        };
        rows.into_iter().map(worker).collect()
    }
}

impl Worker {
    /// Whether it has not been seen for three beats.
    pub fn is_silent(&self, now: DateTime<Utc>) -> bool {
        now - SILENT > self.seen_at
    }
}

async fn announce(store: Store, context: Context, services: &'static [&'static str]) {
    let (id, host) = (hex::encode(rand::random::<[u8; 8]>()), host::name());
    let life = Life {
        id: &id,
        services,
        version: context.process.version,
        host: &host,
        started_at: context.clock.now(),
    };
    let beats = async {
        let mut failing = false;
        loop {
            let beaten = store.beat(&life, context.clock.now()).await;
            // Said once, not each time of an outage.
            if let Err(error) = &beaten
                && !failing
            {
                tracing::warn!(%error, "this process cannot say that it runs; the dashboard will miss it");
            }
            failing = beaten.is_err();
            tokio::time::sleep(BEAT).await;
        }
    };
    context
        .lifecycle
        .run_until_stopped(beats)
        .await
        .unwrap_or(());
    match tokio::time::timeout(FAREWELL, store.leave(&id)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "this process will be missed for an hour"),
        Err(_) => tracing::debug!("this process will be missed for an hour: the store is slow"),
    }
}
