//! The faults, as data: what goes wrong, for how long, what may come of it.

use std::time::Duration;

use axum::http::StatusCode;
use ie_simulator::Fault as Misbehaviour;
use ie_tests::chaos::Conduct;

use crate::servers::Server;
use crate::ways::Peer;

/// How a fault is made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Injection {
    /// SIGKILL of a service of this name, or of any, every two seconds; started again at once.
    Kill(Option<&'static str>),
    /// SIGTERM of each process in turn, started again when it has ended.
    Roll,
    /// A server is killed, and started again at the end.
    Stop(Server),
    /// A server is killed and started again at once.
    Restart(Server),
    /// Every connection to a peer is cut, every second.
    Cut(Peer),
    /// One way after another, picked by chance, two seconds each.
    AnyWay(Conduct),
    /// The embedded store's disk is full.
    DiskFull,
    /// Something is so from the fault's begin to its end.
    State(State),
}

/// What lasts as long as a fault does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// RabbitMQ's memory alarm.
    Alarm,
    /// All ways to a peer.
    Network(Peer, Conduct),
    /// Insightly answers otherwise.
    Insightly(Misbehaviour),
    /// The callback answers with this.
    Callback(StatusCode),
    /// The callback takes requests and answers none.
    CallbackSilent,
    /// The clocks of all our processes jump by so many seconds, and back at the end.
    Clock(i64),
}

/// A row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What goes wrong, in the document.
    pub(crate) what: &'static str,
    pub(crate) injection: Injection,
    pub(crate) lasts: Duration,
    /// How many processes of each service.
    pub(crate) copies: usize,
    /// Whether an accepted request may come again under its id.
    pub(crate) may_repeat: bool,
}

const SHORT: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_secs(60);
const LATE: Conduct = Conduct::late(Duration::from_millis(500));
const CUTTING: Conduct = Conduct::cutting(0.01);

/// What happens to all ways to a peer.
const NETWORKS: [(&str, &str, Peer, Conduct); 16] = [
    (
        "rabbitmq-unreachable",
        "no way to RabbitMQ",
        Peer::RabbitMq,
        Conduct::REFUSED,
    ),
    (
        "rabbitmq-half-open",
        "connections to RabbitMQ half-open",
        Peer::RabbitMq,
        Conduct::HALF_OPEN,
    ),
    (
        "rabbitmq-late",
        "500 ms to and from RabbitMQ",
        Peer::RabbitMq,
        LATE,
    ),
    (
        "rabbitmq-cut-mid",
        "1% of chunks to and from RabbitMQ cut in the middle",
        Peer::RabbitMq,
        CUTTING,
    ),
    (
        "postgresql-unreachable",
        "no way to PostgreSQL",
        Peer::PostgreSql,
        Conduct::REFUSED,
    ),
    (
        "postgresql-half-open",
        "connections to PostgreSQL half-open",
        Peer::PostgreSql,
        Conduct::HALF_OPEN,
    ),
    (
        "postgresql-late",
        "500 ms to and from PostgreSQL",
        Peer::PostgreSql,
        LATE,
    ),
    (
        "postgresql-cut-mid",
        "1% of chunks to and from PostgreSQL cut in the middle",
        Peer::PostgreSql,
        CUTTING,
    ),
    (
        "insightly-unreachable",
        "no way to Insightly",
        Peer::Insightly,
        Conduct::REFUSED,
    ),
    (
        "insightly-half-open",
        "connections to Insightly half-open",
        Peer::Insightly,
        Conduct::HALF_OPEN,
    ),
    (
        "insightly-late",
        "500 ms to and from Insightly",
        Peer::Insightly,
        LATE,
    ),
    (
        "insightly-cut-mid",
        "1% of chunks to and from Insightly cut in the middle",
        Peer::Insightly,
        CUTTING,
    ),
    (
        "callback-unreachable",
        "no way to the callback",
        Peer::Callback,
        Conduct::REFUSED,
    ),
    (
        "callback-half-open",
        "connections to the callback half-open",
        Peer::Callback,
        Conduct::HALF_OPEN,
    ),
    (
        "callback-late",
        "500 ms to and from the callback",
        Peer::Callback,
        LATE,
    ),
    (
        "callback-cut-mid",
        "1% of chunks to and from the callback cut in the middle",
        Peer::Callback,
        CUTTING,
    ),
];

/// Every fault, in the order of the document.
pub(crate) fn all() -> Vec<Fault> {
    [processes(), servers(), networks(), outside(), machine()].concat()
}

/// The names of all faults.
pub(crate) fn names() -> Vec<&'static str> {
    all().into_iter().map(|fault| fault.name).collect()
}

/// Prints the names with what they stand for.
pub(crate) fn list() {
    for Fault { name, what, .. } in all() {
        println!("{name:<24} {what}");
    }
}

fn fault(name: &'static str, what: &'static str, injection: Injection) -> Fault {
    Fault {
        name,
        what,
        injection,
        lasts: SHORT,
        copies: 1,
        may_repeat: true,
    }
}

fn processes() -> Vec<Fault> {
    let kill = |name, what, service| fault(name, what, Injection::Kill(service));
    let kills = "SIGKILL of the api, every 2 s";
    vec![
        kill("kill-api", kills, Some("ie-api")),
        kill(
            "kill-scheduler",
            "SIGKILL of the scheduler, every 2 s",
            Some("ie-scheduler"),
        ),
        kill(
            "kill-fetcher",
            "SIGKILL of the fetcher, every 2 s",
            Some("ie-fetcher"),
        ),
        kill(
            "kill-dispatcher",
            "SIGKILL of the dispatcher, every 2 s",
            Some("ie-dispatcher"),
        ),
        kill(
            "kill-any",
            "SIGKILL of a service at random, every 2 s",
            None,
        ),
        Fault {
            copies: 2,
            ..kill("kill-any-of-two", "the same with two of each service", None)
        },
        Fault {
            copies: 2,
            may_repeat: false,
            ..fault(
                "rolling-restart",
                "SIGTERM of one process after another, two of each service",
                Injection::Roll,
            )
        },
    ]
}

fn servers() -> Vec<Fault> {
    let (rabbit, postgres) = (Server::RabbitMq, Server::PostgreSql);
    vec![
        Fault {
            lasts: MINUTE,
            ..fault(
                "rabbitmq-stopped",
                "RabbitMQ killed, back at the end",
                Injection::Stop(rabbit),
            )
        },
        fault(
            "rabbitmq-restarted",
            "RabbitMQ killed and started at once",
            Injection::Restart(rabbit),
        ),
        fault(
            "rabbitmq-cut",
            "connections to RabbitMQ cut every second",
            Injection::Cut(Peer::RabbitMq),
        ),
        fault(
            "rabbitmq-alarm",
            "RabbitMQ's memory alarm: publishers blocked",
            Injection::State(State::Alarm),
        ),
        fault(
            "postgresql-stopped",
            "PostgreSQL killed, back at the end",
            Injection::Stop(postgres),
        ),
        fault(
            "postgresql-restarted",
            "PostgreSQL killed and started at once",
            Injection::Restart(postgres),
        ),
        fault(
            "postgresql-cut",
            "connections to PostgreSQL cut every second",
            Injection::Cut(Peer::PostgreSql),
        ),
        fault(
            "postgresql-slow",
            "PostgreSQL 200 ms late in each direction",
            Injection::State(State::Network(
                Peer::PostgreSql,
                Conduct::late(Duration::from_millis(200)),
            )),
        ),
    ]
}

fn networks() -> Vec<Fault> {
    let state = |(name, what, peer, conduct)| {
        fault(name, what, Injection::State(State::Network(peer, conduct)))
    };
    let any = |name, what, conduct| fault(name, what, Injection::AnyWay(conduct));
    let mut networks: Vec<_> = NETWORKS.into_iter().map(state).collect();
    networks.push(any(
        "any-way-cut",
        "the way between any two cut, another every 2 s",
        Conduct::REFUSED,
    ));
    networks.push(any(
        "any-way-half-open",
        "the way between any two half-open, another every 2 s",
        Conduct::HALF_OPEN,
    ));
    networks
}

fn outside() -> Vec<Fault> {
    let insightly =
        |name, what, fault| self::fault(name, what, Injection::State(State::Insightly(fault)));
    let status = |status| Misbehaviour::Status {
        status,
        retry_after: None,
    };
    let slow = Misbehaviour::Latency {
        min_ms: 5_000,
        max_ms: 10_000,
    };
    vec![
        insightly("insightly-down", "Insightly answers 503", status(503)),
        insightly("insightly-slow", "Insightly answers after 5 to 10 s", slow),
        Fault {
            lasts: 10 * MINUTE,
            ..insightly("insightly-429", "Insightly answers 429", status(429))
        },
        insightly(
            "insightly-wrong-json",
            "Insightly's JSON is broken",
            Misbehaviour::MalformedJson,
        ),
        fault(
            "callback-down",
            "the callback answers 503",
            Injection::State(State::Callback(StatusCode::SERVICE_UNAVAILABLE)),
        ),
        fault(
            "callback-silent",
            "the callback takes requests and answers none",
            Injection::State(State::CallbackSilent),
        ),
    ]
}

fn machine() -> Vec<Fault> {
    let clock = |name, what, seconds| fault(name, what, Injection::State(State::Clock(seconds)));
    vec![
        clock("clock-ahead", "our clocks an hour ahead, then back", 3_600),
        clock(
            "clock-behind",
            "our clocks an hour behind, then back",
            -3_600,
        ),
        fault(
            "disk-full",
            "the embedded store's disk full",
            Injection::DiskFull,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_different() {
        let names = names();
        let different: BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
