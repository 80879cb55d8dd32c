//! The one start-up path, from the command line to the exit code.

use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::clock::{SharedClock, SystemClock};
use crate::commands;
use crate::config::Config;
use crate::health::Health;
use crate::lifecycle::Lifecycle;
use crate::settings::Settings;
use crate::supervise::supervise;

/// A task or the service failed.
pub(crate) const EXIT_FAILED: u8 = 1;
/// The command line or the configuration cannot be used (`EX_USAGE`).
pub(crate) const EXIT_USAGE: u8 = 64;

/// The command that shows and changes what is logged.
const LOG_FILTER: &str = "log-filter";

/// How long threads that block may hold up the exit.
const RUNTIME_DRAIN: Duration = Duration::from_millis(500);

/// Which program this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// The name of the process, as in telemetry: `ie-fetcher`.
    pub name: &'static str,
    /// The version of the build.
    pub version: &'static str,
}

/// What a service is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// Which program this is.
    pub process: Process,
    /// Where the time comes from.
    pub clock: SharedClock,
    /// Where tasks are started, and who says when to stop.
    pub lifecycle: Lifecycle,
    /// Where components say whether they are ready.
    pub health: Health,
}

impl Context {
    /// A context with the machine's clock and nothing running yet.
    pub fn new(process: Process) -> Self {
        Self {
            process,
            clock: Arc::new(SystemClock),
            lifecycle: Lifecycle::new(),
            health: Health::new(),
        }
    }
}

/// What the command line said.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The configuration file.
    pub config: Option<PathBuf>,
}

/// Runs a process with the standard command line: `[--config FILE]`, or `healthcheck`, `check-config` or
/// `log-filter`.
///
/// `service` builds the service, spawns it on `context.lifecycle` and returns once everything is up. Then this waits
/// for a signal or a failed task, triggers the soft stop, drains for at most `lifecycle.drain` and flushes telemetry.
///
/// | Exit | When |
/// |---|---|
/// | 0 | SIGTERM or SIGINT came, or the service called [`Lifecycle::stop`] |
/// | 1 | a task or the service failed, or a task did not even stop when it was dropped |
/// | 64 | the command line or the configuration cannot be used; nothing was started, no port was bound |
/// | 130 | a second signal came before everything had ended; what was under way was dropped |
pub fn run<C, F, Fut>(process: Process, service: F) -> ExitCode
where
    C: Config,
    F: FnOnce(Context, C) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let matches = match command(process).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are no errors for clap either: they go to stdout.
            let usage = error.use_stderr();
            drop(error.print());
            return ExitCode::from(if usage { EXIT_USAGE } else { 0 });
        }
    };
    let options = options(&matches);
    match matches.subcommand_name() {
        Some("healthcheck") => commands::healthcheck::<C>(options),
        Some("check-config") => commands::check_config::<C>(options, |_| Ok(())),
        Some(LOG_FILTER) => log_filter::<C>(&matches, options),
        _ => run_with(process, options, |_| Ok(()), service),
    }
}

/// Runs a process whose command line has been parsed already; see [`run()`].
///
/// `prepare` changes the configuration after it has been read and before it is validated; what it refuses counts as a
/// configuration error.
pub fn run_with<C, F, Fut>(
    process: Process,
    options: Options,
    prepare: impl FnOnce(&mut C) -> anyhow::Result<()>,
    service: F,
) -> ExitCode
where
    C: Config,
    F: FnOnce(Context, C) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let settings = match Settings::load(options.config.as_deref(), prepare) {
        Ok(settings) => settings,
        Err(error) => return complain(process, &error, EXIT_USAGE),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name(process.name)
        .build();
    let runtime = match runtime.context("starting the runtime") {
        Ok(runtime) => runtime,
        Err(error) => return complain(process, &error, EXIT_FAILED),
    };

    let ended = runtime.block_on(Box::pin(supervise(process, settings, service)));
    runtime.shutdown_timeout(RUNTIME_DRAIN);
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => complain(process, &error, EXIT_FAILED),
    }
}

fn command(process: Process) -> Command {
    Command::new(process.name)
        .version(process.version)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .global(true)
                .help("The configuration file; settings also come from IE__SECTION__FIELD"),
        )
        .subcommand(
            Command::new("healthcheck").about("Ask the running process whether it is ready"),
        )
        .subcommand(
            Command::new("check-config").about("Show the effective configuration, or its problems"),
        )
        .subcommand(
            Command::new(LOG_FILTER)
                .visible_alias("log-level")
                .about("Show what the running process logs, or have it log something else")
                .arg(Arg::new("filter").value_name("FILTER").help(
                    "A level, or target=level pairs as in info,ie_broker=debug; without one it is shown",
                ))
                .arg(Arg::new("url").long("url").value_name("URL").help(
                    "The health port of another process, as in http://10.0.0.7:9090",
                )),
        )
}

fn log_filter<C: Config>(matches: &ArgMatches, options: Options) -> ExitCode {
    let given = |name| {
        let matches = matches.subcommand_matches(LOG_FILTER)?;
        matches.get_one::<String>(name).map(String::as_str)
    };
    commands::log_filter::<C>(options, given("filter"), given("url"))
}

fn options(matches: &ArgMatches) -> Options {
    Options {
        config: matches.get_one::<PathBuf>("config").cloned(),
    }
}

/// Says on stderr why the process does not run, before there is a log to say it in.
fn complain(process: Process, error: &anyhow::Error, code: u8) -> ExitCode {
    // A closed stderr leaves the exit code to say it.
    drop(writeln!(std::io::stderr(), "{}: {error:#}", process.name));
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        let process = Process {
            name: "ie-probe",
            version: "0.0.0",
        };

        command(process).debug_assert();
    }
}
