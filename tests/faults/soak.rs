//! `make soak`: for some minutes one fault after another, picked by chance, two of each service; one reckoning at the end.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use ie_simulator::Fault as Misbehaviour;
use ie_tests::chaos::Conduct;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use crate::catalogue::{Injection, State};
use crate::inject::inject;
use crate::options::Options;
use crate::run::Watch;
use crate::servers::{Server, Servers};
use crate::system::{Plan, System};
use crate::ways::Peer;

/// A fault of the mix lasts as long as this at the most, and at least a second.
const LONGEST: u64 = 8;

/// Everything that may go wrong in the mix; as often as it stands here.
fn mix() -> Vec<Injection> {
    let late = Conduct::late(Duration::from_millis(500));
    let status = |status| Misbehaviour::Status {
        status,
        retry_after: None,
    };
    let peers = [
        Peer::RabbitMq,
        Peer::PostgreSql,
        Peer::Insightly,
        Peer::Callback,
    ];
    let mut mix = vec![
        Injection::Kill(None),
        Injection::Kill(None),
        Injection::Stop(Server::RabbitMq),
        Injection::Stop(Server::PostgreSql),
        Injection::State(State::Alarm),
        Injection::AnyWay(Conduct::REFUSED),
        Injection::AnyWay(Conduct::HALF_OPEN),
        Injection::State(State::Insightly(status(503))),
        Injection::State(State::Insightly(status(429))),
        Injection::State(State::Insightly(Misbehaviour::MalformedJson)),
        Injection::State(State::Callback(StatusCode::SERVICE_UNAVAILABLE)),
        Injection::State(State::CallbackSilent),
    ];
    for peer in peers {
        mix.push(Injection::Cut(peer));
        mix.push(Injection::State(State::Network(peer, late)));
        mix.push(Injection::State(State::Network(
            peer,
            Conduct::cutting(0.01),
        )));
    }
    mix
}

/// Runs the mix; whether nothing was lost and no version stored twice.
pub(crate) async fn run(options: &Options, minutes: f64) -> anyhow::Result<bool> {
    let plan = Plan {
        copies: 2,
        seed: options.seed,
        stepped: false,
    };
    let servers = Servers::start().await?;
    let mut system = Box::pin(System::distributed(servers, plan)).await?;
    let mut dice = StdRng::seed_from_u64(options.seed);
    let mix = mix();
    let watch = Watch::begin(&system, options.rate).await?;
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < minutes * 60.0 {
        let injection = &mix[dice.random_range(0..mix.len())];
        let lasts = Duration::from_secs(dice.random_range(1..=LONGEST));
        println!(
            "{:>5.0} s  {injection:?} for {} s",
            begin.elapsed().as_secs_f64(),
            lasts.as_secs()
        );
        inject(&mut system, injection, lasts, &mut dice).await?;
        sleep(Duration::from_secs(dice.random_range(1..=3))).await;
    }
    let mut row = watch.end(system, begin.elapsed()).await?;
    row.name = format!("soak of {minutes} min");
    // Its last fault and the machine's other work decide how long that takes.
    row.judge(true);
    println!("{}", row.line());
    Ok(row.is_ok())
}
