//! One fault after another: load, fault, recovery, reckoning.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ie_platform::clock::{Clock as _, SystemClock};
use ie_simulator::Change;
use ie_tests::balance::Balance;
use ie_tests::eventually::eventually;
use ie_tests::memory::resident;
use ie_tests::rig::PATIENCE;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::catalogue::{self, Fault, Injection, State};
use crate::inject::inject;
use crate::load;
use crate::options::Options;
use crate::report::Report;
use crate::row::Row;
use crate::servers::Servers;
use crate::system::{Plan, System};

/// How long the load runs before a fault begins.
const BEFORE: Duration = Duration::from_secs(5);

/// How often it is looked at whether everything has arrived.
const LOOK: Duration = Duration::from_millis(250);

/// Runs every fault that is asked for; whether all went as promised.
pub(crate) async fn all(options: &Options) -> anyhow::Result<bool> {
    let names = catalogue::names();
    let mut report = Report::read(&options.report)?;
    let wanted = |fault: &Fault| {
        let name = fault.name.to_owned();
        options.only.is_empty() || options.only.contains(&name)
    };
    let mut servers = None;
    let mut ok = true;
    for fault in catalogue::all().into_iter().filter(wanted) {
        eprintln!("{}: {} …", fault.name, fault.what);
        let row = one(&fault, options, &mut servers).await;
        let row = row.unwrap_or_else(|error| Row {
            name: fault.name.to_owned(),
            what: fault.what.to_owned(),
            day: today(),
            complaints: vec![format!("{error:#}")],
            ..Row::default()
        });
        println!("{}", row.line());
        ok &= row.is_ok();
        report.add(row, &names);
        report.write(&options.report)?;
    }
    if let Some(document) = &options.write {
        let faults: Vec<_> = catalogue::all().iter().map(|fault| fault.what).collect();
        report.renew(document, &faults)?;
    }
    Ok(ok)
}

async fn one(
    fault: &Fault,
    options: &Options,
    servers: &mut Option<Arc<Servers>>,
) -> anyhow::Result<Row> {
    let plan = Plan {
        copies: fault.copies,
        seed: options.seed,
        stepped: matches!(fault.injection, Injection::State(State::Clock(_))),
    };
    let mut system = if fault.injection == Injection::DiskFull {
        System::embedded(plan.seed).await?
    } else {
        let servers = match servers {
            Some(servers) => servers.clone(),
            None => servers.insert(Servers::start().await?).clone(),
        };
        Box::pin(System::distributed(servers, plan)).await?
    };
    let mut dice = StdRng::seed_from_u64(options.seed);
    let watch = Watch::begin(&system, options.rate).await?;
    let begin = Instant::now();
    let lasts = options.length(fault.lasts);
    inject(&mut system, &fault.injection, lasts, &mut dice).await?;
    let lasted = begin.elapsed();
    let mut row = watch.end(system, lasted).await?;
    row.name = fault.name.to_owned();
    row.what = fault.what.to_owned();
    row.judge(fault.may_repeat);
    row.judge_time();
    Ok(row)
}

/// A system under load, as it was before the fault.
pub(crate) struct Watch {
    memory: Vec<f64>,
}

impl Watch {
    /// Starts the load and waits until it arrives.
    pub(crate) async fn begin(system: &System, rate: f64) -> anyhow::Result<Self> {
        drop(load::hint(system)?);
        load::write(system, rate)?;
        sleep(BEFORE).await;
        eventually("the first notifications", PATIENCE, async || {
            Ok((system.receiver.accepted().len() > 10).then_some(()))
        })
        .await?;
        Ok(Self {
            memory: memory(system),
        })
    }

    /// The fault is over: ends the load, waits for the recovery, compares, and stops the system.
    pub(crate) async fn end(self, mut system: System, lasted: Duration) -> anyhow::Result<Row> {
        system.insightly().stop_streams();
        let recovery = recovery(&system).await?;
        let mut complaints = Vec::new();
        if let Err(error) = goes_on(&mut system).await {
            complaints.push(format!("{error:#}"));
        }
        let dead_letters = system.events("FAILED").await?;
        let balance = system.balance()?;
        let grown = self.grown(&memory(&system));
        complaints.extend(system.stop().await?);
        say(&balance);
        Ok(Row {
            day: today(),
            lasted_seconds: lasted.as_secs_f64(),
            written: balance.written,
            overwritten: balance.overwritten,
            lost: balance.lost.len(),
            invented: balance.invented.len(),
            stored_twice: balance.stored_twice.len(),
            delivered_again: balance.delivered_again,
            dead_letters,
            recovery_seconds: recovery.map(|recovery| recovery.as_secs_f64()),
            memory: grown,
            complaints,
            ..Row::default()
        })
    }

    /// Before and after, of the process that grew most.
    fn grown(&self, after: &[f64]) -> (f64, f64) {
        let pairs = self.memory.iter().copied().zip(after.iter().copied());
        let most = pairs.max_by(|one, other| (one.1 - one.0).total_cmp(&(other.1 - other.0)));
        most.unwrap_or_default()
    }
}

/// How long it takes until everything that is written has been notified.
async fn recovery(system: &System) -> anyhow::Result<Option<Duration>> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if system.balance()?.lost.is_empty() {
            return Ok(Some(begin.elapsed()));
        }
        sleep(LOOK).await;
    }
    Ok(None)
}

/// One more change arrives, every process is ready, and nothing is left under way.
async fn goes_on(system: &mut System) -> anyhow::Result<()> {
    system.insightly().change(&Change::create("Contacts"))?;
    eventually("a change after the fault", PATIENCE, async || {
        Ok(system.balance()?.lost.is_empty().then_some(()))
    })
    .await?;
    for service in &mut system.services {
        service.program.ready(PATIENCE).await?;
    }
    eventually("everything to be settled", PATIENCE, async || {
        let mut left = 0;
        for status in ["NEW", "RECEIVED", "DISPATCHED", "CONSUMED"] {
            left += system.events(status).await?;
        }
        Ok((left == 0).then_some(()))
    })
    .await
}

/// In MiB, of each process; of one that has ended, which is found out elsewhere, nothing.
fn memory(system: &System) -> Vec<f64> {
    let services = system.services.iter();
    services
        .map(|service| resident(service.program.id()).unwrap_or_default())
        .collect()
}

fn say(balance: &Balance) {
    for (what, versions) in [
        ("lost", &balance.lost),
        ("never written", &balance.invented),
        ("twice in the store", &balance.stored_twice),
    ] {
        for version in versions.iter().take(3) {
            eprintln!("{what}: {version:?}");
        }
    }
}

fn today() -> String {
    SystemClock.now().date_naive().to_string()
}
