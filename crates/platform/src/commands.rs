//! The small commands that every program has beside running: `healthcheck` and `check-config`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::config::Config;
use crate::http::{self, ClientSettings};
use crate::settings::{Platform, Settings};
use crate::startup::{EXIT_FAILED, EXIT_USAGE, Options};

/// A process that takes longer than this to say that it is ready is not.
const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// More than the list of components of any process.
const HEALTHCHECK_BODY: usize = 64 * 1024;

/// Asks the process that runs with this configuration whether it is ready: one line, and exit code 0 or 1.
pub fn healthcheck<C: Config>(options: Options) -> ExitCode {
    match ask::<C>(&options) {
        Ok(()) => {
            say(std::io::stdout(), "ready");
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(std::io::stderr(), &format!("not ready: {error:#}"));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// Shows the effective configuration as TOML with secrets as stars, or its problems (exit code 64).
///
/// `prepare` is what the process passes to [`crate::run_with`].
pub fn check_config<C: Config>(
    options: Options,
    prepare: impl FnOnce(&mut C) -> anyhow::Result<()>,
) -> ExitCode {
    let shown = Settings::load(options.config.as_deref(), prepare).and_then(|settings| {
        toml::to_string_pretty(&without_nulls(settings.redacted()))
            .context("writing the configuration as TOML")
    });
    match shown {
        Ok(text) => {
            say(std::io::stdout(), text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(std::io::stderr(), &format!("{error:#}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn ask<C: Config>(options: &Options) -> anyhow::Result<()> {
    let health = Platform::load::<C>(options.config.as_deref())?.health;
    let Some(address) = health.socket_address() else {
        bail!("health.address is empty or not an address, so there is nothing to ask");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(ask_at(reachable(address)))
}

async fn ask_at(address: SocketAddr) -> anyhow::Result<()> {
    let client = http::client(&ClientSettings {
        connect_timeout: HEALTHCHECK_TIMEOUT,
        timeout: HEALTHCHECK_TIMEOUT,
        ..ClientSettings::default()
    })
    .context("making the HTTP client")?;
    let request = client.get(format!("http://{address}/health/ready"));
    let response = http::send(request, &client, "healthcheck")
        .await
        .with_context(|| format!("asking {address}"))?;
    if response.status().is_success() {
        return Ok(());
    }
    let status = response.status();
    let (body, _) = http::read_limited(response, HEALTHCHECK_BODY).await?;
    bail!(
        "{address} answers {status}: {}",
        String::from_utf8_lossy(&body).trim()
    );
}

/// Where a server that listens on `address` is reached from the same machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// TOML has no null: what is not set is left out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(list) => list.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn say(mut stream: impl std::io::Write, text: &str) {
    // Nobody listens: the exit code says it.
    drop(writeln!(stream, "{text}"));
}
