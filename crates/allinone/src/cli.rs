//! The command line's definition; the texts here are its help.

mod accounts;
mod keys;
mod letters;
mod poison;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use accounts::{Grace, Operator, OrganizationCommand, UserCommand, Who};
pub(crate) use keys::{KeysCommand, KeysOptions, RotateOptions};
pub(crate) use letters::{DeadLettersCommand, Take, Which};
pub(crate) use poison::{PoisonCommand, PoisonOptions};

/// Turns changes of records in Insightly CRM into signed events at your callback.
///
/// Without a command everything runs in this one process, nothing else installed: the API for clients of Open
/// Connectors, the scheduler, the fetcher and the dispatcher. The data is kept in the directory given by --data.
#[derive(Debug, Parser)]
#[command(name = "insightly-events", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) run: RunOptions,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  insightly-events demo                           see it work against a simulated Insightly
  insightly-events                                run it, with its data in ./data
  insightly-events instance create -f body.json   watch an Insightly account
  insightly-events user create --name kim         let somebody sign in to the dashboard
  insightly-events events tail                    follow what is notified
  insightly-events doctor                         what is reachable, what is wrong, how to mend it

Settings come from --config FILE and from variables IE__SECTION__FIELD; `check-config` shows them all.";

/// Where the process keeps its data and its settings.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunOptions {
    /// The directory of the database, the master key and the first credentials
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "IE_DATA",
        default_value = "data"
    )]
    pub(crate) data: PathBuf,
    /// A configuration file in TOML
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What to do instead of running everything.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything against a simulated Insightly and print each event as it arrives
    Demo(DemoOptions),
    /// Be a callback: print each event that arrives, to try an instance with
    Receive(ReceiveOptions),
    /// Ask the running process whether it is ready
    Healthcheck,
    /// Show the effective configuration, or its problems
    CheckConfig,
    /// Show what a running process logs, or have it log something else
    #[command(visible_alias = "log-level")]
    LogFilter {
        /// A level, or target=level pairs as in info,ie_broker=debug; without one it is shown
        filter: Option<String>,
        /// The health port of another process, as in http://10.0.0.7:9090
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// For operators: look at messages in RabbitMQ that no client can see, and drop them
    ///
    /// These are messages that could not be read, and poll jobs that were given up. They belong to no client, so the API
    /// does not show them: this talks to RabbitMQ itself, as the services' broker.url and broker.prefix say.
    Poison(PoisonOptions),
    /// For operators: which master keys have sealed the secrets, and seal them anew with another
    ///
    /// Works on the store itself, with the services' configuration (secrets.master_key, secrets.accepted_keys), while they
    /// run. docs/operations.md has the procedure.
    Keys(KeysOptions),
    /// Copy the embedded store into a new file, also while the server runs
    Backup(BackupOptions),
    /// Put a backup in the place of the embedded store, while no server runs on it
    Restore(RestoreOptions),
    #[command(flatten)]
    Client(ClientCommand),
}

/// What the demonstration does.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoOptions {
    /// Changes made in the simulated Insightly per second
    #[arg(long, default_value_t = 2.0, value_name = "PER SECOND")]
    pub(crate) rate: f64,
    /// Records of each resource that exist before the demonstration begins
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    pub(crate) records: u32,
    /// End after this many events instead of running until Ctrl-C
    #[arg(long, value_name = "COUNT")]
    pub(crate) events: Option<u64>,
    /// How often the simulated Insightly's workflow rule says that records were saved
    #[arg(long, default_value = "1s", value_parser = parse_duration, value_name = "TIME")]
    pub(crate) poll_every: Duration,
}

/// Where the backup goes.
#[derive(Clone, Debug, Args)]
pub(crate) struct BackupOptions {
    /// The file, which must not exist yet; only its owner can read it
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Which backup is put back.
#[derive(Clone, Debug, Args)]
pub(crate) struct RestoreOptions {
    /// A file that `backup` has made
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Replace the database that is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// Which callback `receive` is.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReceiveOptions {
    /// Where it listens; the callback's path is /callback
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    pub(crate) address: SocketAddr,
    /// Refuse what is not signed with this `event.notification.signature.key`
    #[arg(
        long,
        env = "IE_SIGNATURE_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub(crate) signature_key: Option<String>,
    /// Print each event as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Commands that talk to a running server.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Create, list, show and delete connector instances
    Instance {
        #[command(flatten)]
        server: Server,
        #[command(subcommand)]
        command: InstanceCommand,
    },
    /// Look at events
    Events {
        #[command(flatten)]
        server: Server,
        #[command(subcommand)]
        command: EventsCommand,
    },
    /// Look at what could not be delivered; deliver it again, give it up or export it
    DeadLetters {
        #[command(flatten)]
        server: Server,
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Make organizations, and replace their secrets; for operators
    ///
    /// This works on the store itself, with the server's configuration; with --admin-token, through a server's API.
    Organization {
        #[command(flatten)]
        operator: Operator,
        #[command(subcommand)]
        command: OrganizationCommand,
    },
    /// Make users, change what they may do, and replace their secrets and passwords; for operators
    ///
    /// This works on the store itself, with the server's configuration; with --admin-token, through a server's API.
    User {
        #[command(flatten)]
        operator: Operator,
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Say what is reachable, what is wrong and how to mend it
    Doctor {
        #[command(flatten)]
        server: Server,
    },
}

/// Which server, as whom.
#[derive(Clone, Debug, Args)]
pub(crate) struct Server {
    /// The server's address [default: the one of this machine's configuration]
    #[arg(long, global = true, env = "IE_URL")]
    pub(crate) url: Option<String>,
    /// The user's secret [default: from the data directory]
    #[arg(long, global = true, env = "IE_USER_SECRET", hide_env_values = true)]
    pub(crate) user_secret: Option<String>,
    /// The organization's secret [default: from the data directory]
    #[arg(
        long,
        global = true,
        env = "IE_ORGANIZATION_SECRET",
        hide_env_values = true
    )]
    pub(crate) organization_secret: Option<String>,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// `insightly-events instance …`
#[derive(Debug, Subcommand)]
pub(crate) enum InstanceCommand {
    /// Create an instance from a body of `POST /instances`
    Create {
        /// The file with the body; `-` for standard input
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// Do nothing if there is an instance of that name already: what a script may repeat
        #[arg(long)]
        once: bool,
    },
    /// List the instances
    List,
    /// Show an instance and how its pollers stand
    Show {
        /// The instance's id
        id: i64,
    },
    /// Poll an instance's resources now instead of at their next due time
    Poll {
        /// The instance's id
        id: i64,
    },
    /// Send a signed sample to an instance's callback, and show what it said
    Test {
        /// The instance's id
        id: i64,
    },
    /// Delete an instance; what was not delivered yet will not be
    Delete {
        /// The instance's id
        id: i64,
    },
}

/// `insightly-events events …`
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Print events as they are stored and delivered, until Ctrl-C
    Tail {
        /// Only those of this instance
        #[arg(long, value_name = "ID")]
        instance: Option<i64>,
        /// Begin with this many that exist already, for each instance
        #[arg(short = 'n', long, default_value_t = 10, value_name = "COUNT")]
        lines: usize,
        /// Print what exists and end
        #[arg(long)]
        no_follow: bool,
    },
    /// Send stored events to the callback again, under their ids and marked as replayed
    Replay(ReplayOptions),
}

/// What `events replay` sends.
#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    /// The instance's id
    pub(crate) instance: i64,
    /// Stored at this time or later, such as 2026-11-24T10:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Stored before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Only of this resource, such as contacts; may be given several times
    #[arg(long = "object-type", value_name = "RESOURCE")]
    pub(crate) object_types: Vec<String>,
    /// Only those that ended like this: NOTIFIED or FAILED [default: both]
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<u32>,
    /// Say how many there are, and send none
    #[arg(long)]
    pub(crate) dry_run: bool,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime_serde::re::humantime::parse_duration(text)
        .map_err(|error| format!("{error}; expected a time such as 1s or 500ms"))?;
    if duration.is_zero() {
        Err("expected more than 0s".to_owned())
    } else {
        Ok(duration)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_everything_runs() {
        let cli = Cli::try_parse_from(["insightly-events"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.run.data, PathBuf::from("data"));
    }

    #[test]
    fn options_may_stand_after_the_command() {
        let line = [
            "insightly-events",
            "dead-letters",
            "redrive",
            "--instance",
            "7",
            "--json",
            "11",
            "12",
        ];
        let cli = Cli::try_parse_from(line).unwrap();
        let Some(Command::Client(ClientCommand::DeadLetters { server, command })) = cli.command
        else {
            panic!("another command")
        };
        let DeadLettersCommand::Redrive(take) = command else {
            panic!("another command")
        };
        assert!(server.json);
        assert_eq!((take.which.instance, take.ids), (Some(7), vec![11, 12]));
    }
}
