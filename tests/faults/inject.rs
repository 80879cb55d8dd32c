//! How each fault is made, and ended.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::http::StatusCode;
use ie_simulator::Rule;
use ie_tests::chaos::{Conduct, Proxy};
use ie_tests::rig::PATIENCE;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::catalogue::{Injection, State};
use crate::servers::{Server, Servers};
use crate::system::System;
use crate::ways::Peer;

/// From one kill, or one way, to the next.
const EVERY: Duration = Duration::from_secs(2);

/// From one cut to the next.
const CUTS: Duration = Duration::from_secs(1);

/// Makes a fault, lets it last so long, and ends it.
pub(crate) async fn inject(
    system: &mut System,
    injection: &Injection,
    lasts: Duration,
    dice: &mut StdRng,
) -> anyhow::Result<()> {
    let until = Instant::now() + lasts;
    match injection {
        Injection::Kill(name) => kill(system, *name, until, dice).await,
        Injection::Roll => roll(system, until).await,
        Injection::Stop(server) => stop(servers(system)?, *server, lasts).await,
        Injection::Restart(server) => stop(servers(system)?, *server, Duration::ZERO).await,
        Injection::Cut(peer) => {
            cut(system, *peer, until).await;
            Ok(())
        }
        Injection::AnyWay(conduct) => {
            any_way(system, *conduct, until, dice).await;
            Ok(())
        }
        Injection::DiskFull => fill(system, until).await,
        Injection::State(state) => {
            switch(system, state, true).await?;
            sleep(lasts).await;
            switch(system, state, false).await
        }
    }
}

/// Begins or ends what merely lasts.
async fn switch(system: &System, state: &State, on: bool) -> anyhow::Result<()> {
    match state {
        State::Alarm => servers(system)?.alarm(on).await?,
        State::Network(peer, conduct) => {
            let conduct = if on { *conduct } else { Conduct::OPEN };
            for way in system.ways.to(*peer) {
                way.behave(conduct);
            }
        }
        State::Insightly(fault) if on => {
            system.insightly().misbehave(Rule::always(fault.clone()));
        }
        State::Insightly(_) => system.insightly().behave(),
        State::Callback(status) => {
            let status = if on { *status } else { StatusCode::OK };
            system.receiver.answer_with(status);
        }
        State::CallbackSilent if on => system.receiver.hold(),
        State::CallbackSilent => system.receiver.release(),
        State::Clock(seconds) => {
            let clock = system
                .clock
                .as_ref()
                .context("its clock cannot be stepped")?;
            clock.step(if on { *seconds } else { 0 })?;
        }
    }
    Ok(())
}

async fn cut(system: &System, peer: Peer, until: Instant) {
    while Instant::now() < until {
        system.ways.to(peer).for_each(Proxy::cut);
        sleep(CUTS).await;
    }
}

async fn any_way(system: &System, conduct: Conduct, until: Instant, dice: &mut StdRng) {
    while Instant::now() < until {
        let way = system.ways.any(dice);
        way.behave(conduct);
        sleep(EVERY).await;
        way.behave(Conduct::OPEN);
    }
}

/// What SQLite gives back meanwhile is taken as well.
async fn fill(system: &System, until: Instant) -> anyhow::Result<()> {
    let disk = system.disk.as_ref().context("it has no disk of its own")?;
    while Instant::now() < until {
        disk.fill()?;
        sleep(CUTS).await;
    }
    disk.clear()
}

async fn kill(
    system: &mut System,
    name: Option<&str>,
    until: Instant,
    dice: &mut StdRng,
) -> anyhow::Result<()> {
    let named = |at: &usize| name.is_none_or(|name| system.services[*at].recipe.name == name);
    let victims: Vec<usize> = (0..system.services.len()).filter(named).collect();
    while Instant::now() < until {
        let victim = victims[dice.random_range(0..victims.len())];
        system.services[victim].replace()?;
        sleep(EVERY).await;
    }
    Ok(())
}

/// Each process once, and again while there is time.
async fn roll(system: &mut System, until: Instant) -> anyhow::Result<()> {
    loop {
        for service in &mut system.services {
            service.program.terminate()?;
            let status = service.program.ended(PATIENCE).await?;
            let name = &service.recipe.name;
            anyhow::ensure!(status.success(), "{name} ended with {status}");
            service.program = service.recipe.start()?;
            service.program.ready(PATIENCE).await?;
        }
        if Instant::now() >= until {
            return Ok(());
        }
    }
}

async fn stop(servers: &Servers, server: Server, lasts: Duration) -> anyhow::Result<()> {
    servers.kill(server).await?;
    sleep(lasts).await;
    servers.resume(server).await
}

fn servers(system: &System) -> anyhow::Result<&Servers> {
    let servers = system.servers.as_deref();
    servers.context("it has no servers of its own")
}
