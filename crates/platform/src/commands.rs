//! The small commands that every program has beside running: `healthcheck`, `check-config` and `log-filter`.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::config::Config;
use crate::health::HealthConfig;
use crate::http::{self, ClientSettings};
use crate::secret::ExposeSecret as _;
use crate::settings::{Platform, Settings};
use crate::startup::{EXIT_FAILED, EXIT_USAGE, Options};

/// A process that takes longer than this to answer is not well.
const TIMEOUT: Duration = Duration::from_secs(3);

/// More than the list of components of any process, and than any log filter.
const LARGEST_BODY: usize = 64 * 1024;

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

/// Asks a running process what it logs, or has it log something else; prints the filter in force.
///
/// The process is the one at `url`, or else the one that runs with this configuration, whose `health.token` is shown.
pub fn log_filter<C: Config>(
    options: Options,
    filter: Option<&str>,
    url: Option<&str>,
) -> ExitCode {
    let printed = Platform::load::<C>(options.config.as_deref())
        .map_err(anyhow::Error::from)
        .and_then(|platform| {
            let base = url.map_or_else(|| own_url(&platform.health), |url| Ok(url.to_owned()))?;
            block_on(change_log_filter(&base, &platform.health, filter))
        });
    match printed {
        Ok(filter) => {
            say(std::io::stdout(), filter.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(std::io::stderr(), &format!("{error:#}"));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

async fn change_log_filter(
    base: &str,
    config: &HealthConfig,
    filter: Option<&str>,
) -> anyhow::Result<String> {
    let client = client()?;
    let url = format!("{}/log-filter", base.trim_end_matches('/'));
    let mut request = match filter {
        Some(filter) => client.put(url).body(filter.to_owned()),
        None => client.get(url),
    };
    if let Some(token) = &config.token {
        request = request.bearer_auth(token.expose_secret());
    }
    answered(request, &client, base).await
}

fn ask<C: Config>(options: &Options) -> anyhow::Result<()> {
    let base = own_url(&Platform::load::<C>(options.config.as_deref())?.health)?;
    block_on(async {
        let client = client()?;
        let request = client.get(format!("{base}/health/ready"));
        answered(request, &client, &base).await.map(drop)
    })
}

/// The health port of the process that runs with this configuration.
fn own_url(health: &HealthConfig) -> anyhow::Result<String> {
    let Some(address) = health.socket_address() else {
        bail!("health.address is empty or not an address, so there is nothing to ask");
    };
    Ok(format!("http://{}", reachable(address)))
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?
        .block_on(work)
}

fn client() -> anyhow::Result<reqwest::Client> {
    http::client(&ClientSettings {
        connect_timeout: TIMEOUT,
        timeout: TIMEOUT,
        ..ClientSettings::default()
    })
    .context("making the HTTP client")
}

/// The body of a good answer; of another, the server's words as an error.
async fn answered(
    request: reqwest::RequestBuilder,
    client: &reqwest::Client,
    base: &str,
) -> anyhow::Result<String> {
    let address = base.trim_start_matches("http://");
    let response = http::send(request, client, "command")
        .await
        .with_context(|| format!("asking {address}"))?;
    let status = response.status();
    let (body, _) = http::read_limited(response, LARGEST_BODY).await?;
    let body = String::from_utf8_lossy(&body);
    if status.is_success() {
        return Ok(body.into_owned());
    }
    bail!("{address} answers {status}: {}", body.trim());
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
