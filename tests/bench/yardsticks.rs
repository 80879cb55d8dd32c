//! Every measurement, in the order in which they run: the short ones first.

use std::time::Instant;

use crate::options::{Options, Sizes};
use crate::report::{Figure, Report};
use crate::{
    backlog, budget, deliveries, fairness, idle, isolation, records, scaling, start, tick, walk,
};

/// What a measurement found.
pub(crate) type Measured = anyhow::Result<Vec<Figure>>;

/// The measurements; each gives one or more figures.
pub(crate) const NAMES: [&str; 13] = [
    "start",
    "idle-requests",
    "deliveries",
    "records",
    "records-embedded",
    "isolation",
    "fairness",
    "scaling",
    "budget",
    "tick",
    "tick-embedded",
    "walk-memory",
    "backlog-memory",
];

/// Runs every measurement that is asked for.
///
/// # Errors
/// The report cannot be written; a measurement that fails is a figure that is missed.
pub(crate) async fn measure(options: &Options) -> anyhow::Result<Report> {
    let sizes = options.sizes();
    let mut report = Report::new(options.report.clone());
    for name in NAMES.into_iter().filter(|name| options.wants(name)) {
        let started = Instant::now();
        eprintln!("measuring {name} …");
        report.add(name, Box::pin(one(name, sizes)).await)?;
        eprintln!(
            "measured {name} in {:.0} s",
            started.elapsed().as_secs_f64()
        );
    }
    Ok(report)
}

async fn one(name: &str, sizes: Sizes) -> Measured {
    match name {
        "start" => start::measure(sizes).await,
        "idle-requests" => idle::measure(sizes).await,
        "deliveries" => deliveries::measure(sizes).await,
        "records" => records::distributed(sizes).await,
        "records-embedded" => records::embedded(sizes).await,
        "isolation" => isolation::measure(sizes).await,
        "fairness" => fairness::measure(sizes).await,
        "scaling" => scaling::measure(sizes).await,
        "budget" => budget::measure(sizes).await,
        "tick" => tick::distributed(sizes).await,
        "tick-embedded" => tick::embedded(sizes).await,
        "walk-memory" => walk::measure(sizes).await,
        "backlog-memory" => backlog::measure(sizes).await,
        other => anyhow::bail!("{other} is no measurement"),
    }
}
