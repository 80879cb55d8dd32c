//! One connection: opened when somebody needs it, opened again when it is lost, never given up.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use ie_platform::health::Component;
use ie_platform::retry::Backoff;
use lapin::options::ConfirmSelectOptions;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::declare::declare;
use crate::Error;
use crate::topology::Topology;

/// The first pause after a failed connection, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How often somebody who waits for an answer looks whether there is still a connection.
const GONE_INTERVAL: Duration = Duration::from_millis(250);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Publishing,
    Consuming,
}

impl Purpose {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Consuming => "consuming",
        }
    }
}

/// A connection that works, or did when it was last looked at.
pub(super) struct Session {
    connection: Connection,
    /// In confirm mode on the publishing connection.
    pub(super) channel: Channel,
    given_up: AtomicBool,
}

impl Session {
    pub(super) fn is_usable(&self) -> bool {
        !self.given_up.load(Ordering::Relaxed)
            && self.connection.status().connected()
            && self.channel.status().connected()
    }

    /// Whether the broker stopped listening, out of memory or disk.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// It did not answer in time: whoever needs a connection next opens another.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Waits for an answer, within a limit and no longer than there is somebody to give it: a call that is under way when
    /// its connection breaks may never end (lapin 4.12.3).
    pub(super) async fn answer<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        let gone = async {
            while self.connection.status().connected() && self.channel.status().connected() {
                sleep(GONE_INTERVAL).await;
            }
            // The library tells most of its callers.
            sleep(GONE_INTERVAL).await;
        };
        tokio::select! {
            biased;
            answer = call => Some(answer),
            () = sleep(limit) => None,
            () = gone => None,
        }
    }

    pub(super) async fn open_channel(&self) -> Result<Channel, Error> {
        self.connection
            .create_channel()
            .await
            .map_err(|error| lost("opening a channel", error))
    }
}

/// Opens sessions, one at a time.
pub(super) struct Link {
    purpose: Purpose,
    name: String,
    uri: AMQPUri,
    topology: Arc<Topology>,
    board: Board,
    limit: Duration,
    slot: Mutex<Slot>,
}

struct Slot {
    session: Option<Arc<Session>>,
    backoff: Backoff,
    not_before: Option<Instant>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the address, which holds the password.
        f.debug_struct("Link")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(
        purpose: Purpose,
        name: String,
        uri: AMQPUri,
        (topology, board): (Arc<Topology>, Board),
    ) -> Self {
        let backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let slot = Mutex::new(Slot {
            session: None,
            backoff,
            not_before: None,
        });
        Self {
            purpose,
            name,
            uri,
            topology,
            board,
            limit: PAUSES.1,
            slot,
        }
    }

    /// How long opening may take.
    pub(super) fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The session, opened again if need be. After a failure the next try waits; that wait is part of this call.
    pub(super) async fn session(&self) -> Result<Arc<Session>, Error> {
        let mut slot = self.slot.lock().await;
        if let Some(session) = &slot.session {
            if session.is_usable() {
                return Ok(Arc::clone(session));
            }
            slot.session = None;
            self.board
                .set(self.purpose, Some("the connection was lost".to_owned()));
        }
        if let Some(not_before) = slot.not_before {
            sleep_until(not_before).await;
        }
        let opened = timeout(self.limit, self.open()).await.unwrap_or_else(|_| {
            Err(Error::disconnected(format!(
                "not connected within {:?}",
                self.limit
            )))
        });
        match opened {
            Ok(session) => {
                slot.backoff.reset();
                slot.not_before = None;
                slot.session = Some(Arc::clone(&session));
                self.board.set(self.purpose, None);
                Ok(session)
            }
            Err(error) => {
                slot.not_before = Some(Instant::now() + slot.backoff.next_delay());
                self.board.set(self.purpose, Some(error.chain()));
                Err(error)
            }
        }
    }

    /// Opens the session if it is lost, and reports how it is.
    pub(super) async fn keep(&self) {
        // The board knows of a failure already.
        if let Ok(session) = self.session().await {
            let why = "the broker blocks publishing: its memory or disk alarm is on";
            self.board
                .set(self.purpose, session.is_blocked().then(|| why.to_owned()));
            metrics::gauge!("ie_broker_blocked", "connection" => self.purpose.label())
                .set(if session.is_blocked() { 1.0 } else { 0.0 });
        }
    }

    async fn open(&self) -> Result<Arc<Session>, Error> {
        let properties =
            ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        let connection = Connection::connect_uri(self.uri.clone(), properties)
            .await
            .map_err(|error| lost("connecting", error))?;
        let declaring = connection.create_channel().await;
        declare(
            &declaring.map_err(|error| lost("opening a channel", error))?,
            &self.topology,
        )
        .await?;
        let channel = connection.create_channel().await;
        let channel = channel.map_err(|error| lost("opening a channel", error))?;
        if self.purpose == Purpose::Publishing {
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await
                .map_err(|error| lost("asking for confirmations", error))?;
        }
        Ok(Arc::new(Session {
            connection,
            channel,
            given_up: AtomicBool::new(false),
        }))
    }
}

/// Where both connections say how they are; the health component is ready when both are, or are not needed.
#[derive(Clone, Debug)]
pub(super) struct Board {
    component: Component,
    problems: Arc<StdMutex<[Option<String>; 2]>>,
}

impl Board {
    pub(super) fn new(component: Component) -> Self {
        Self {
            component,
            problems: Arc::default(),
        }
    }

    fn set(&self, purpose: Purpose, problem: Option<String>) {
        let connected = if problem.is_none() { 1.0 } else { 0.0 };
        metrics::gauge!("ie_broker_connected", "connection" => purpose.label()).set(connected);
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems[purpose as usize] = problem;
        match problems.iter().flatten().next() {
            Some(why) => self.component.set_unready(why.as_str()),
            None => self.component.set_ready(),
        }
    }
}

/// An error of the client library while doing something, by what there is to decide.
pub(super) fn lost(doing: &str, error: lapin::Error) -> Error {
    /// ACCESS_REFUSED, and NOT_ALLOWED for a virtual host that does not exist or is not this user's.
    const REFUSED: [u16; 2] = [403, 530];
    if let ErrorKind::ProtocolError(protocol) = error.kind()
        && REFUSED.contains(&protocol.get_id())
        // A virtual host that is still starting is said to be down, by the same code.
        && !protocol.get_message().as_str().contains("is down")
    {
        return Error::Refused(error.into());
    }
    Error::Disconnected {
        reason: format!("lost while {doing}"),
        source: Some(error.into()),
    }
}
