//! Writes the outcomes of attempts in groups: one transaction for many, so that the store's write rate does not limit
//! the deliveries.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ie_platform::lifecycle::Lifecycle;
use ie_platform::retry::Backoff;
use ie_store::{AttemptRecord, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

/// The delays between two tries to write a group.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// Where outcomes are written to.
#[async_trait]
pub(crate) trait AttemptLog: Send + Sync + 'static {
    /// Writes all of them or none. Writing one twice changes nothing.
    async fn record(&self, records: &[AttemptRecord]) -> Result<(), ie_store::Error>;
}

#[async_trait]
impl AttemptLog for Store {
    async fn record(&self, records: &[AttemptRecord]) -> Result<(), ie_store::Error> {
        self.record_attempts(records).await
    }
}

/// How groups are formed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Records in one group at the most.
    pub(crate) batch: usize,
    /// How long a group is gathered.
    pub(crate) linger: Duration,
    /// How long writing a group is tried.
    pub(crate) limit: Duration,
}

/// Why an outcome is not written.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The store refused it, or was away for too long.
    #[error("cannot record the attempt")]
    Store(#[source] Arc<ie_store::Error>),
    /// The process stops.
    #[error("cannot record the attempt: the recorder has stopped")]
    Stopped,
}

/// Hands outcomes to the task that writes them. The task ends when the last recorder is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    sender: mpsc::Sender<Entry>,
}

#[derive(Debug)]
struct Entry {
    record: AttemptRecord,
    reply: oneshot::Sender<Result<(), Error>>,
}

impl Recorder {
    /// Starts the task.
    pub(crate) fn start<L: AttemptLog>(log: L, settings: Settings, lifecycle: &Lifecycle) -> Self {
        let (sender, receiver) = mpsc::channel(settings.batch);
        lifecycle.spawn("attempt recorder", async move {
            run(log, settings, receiver).await;
            Ok(())
        });
        Self { sender }
    }

    /// Returns once the outcome is stored for good.
    pub(crate) async fn record(&self, record: AttemptRecord) -> Result<(), Error> {
        let (reply, written) = oneshot::channel();
        let entry = Entry { record, reply };
        self.sender.send(entry).await.map_err(|_| Error::Stopped)?;
        written.await.unwrap_or(Err(Error::Stopped))
    }
}

async fn run<L: AttemptLog>(log: L, settings: Settings, mut receiver: mpsc::Receiver<Entry>) {
    while let Some(first) = receiver.recv().await {
        let group = gather(first, settings, &mut receiver).await;
        write(&log, settings, group).await;
    }
}

/// Waits for more, until the group is full or its time is over.
async fn gather(
    first: Entry,
    settings: Settings,
    receiver: &mut mpsc::Receiver<Entry>,
) -> Vec<Entry> {
    let until = Instant::now() + settings.linger;
    let mut group = vec![first];
    while group.len() < settings.batch {
        let room = settings.batch - group.len();
        match timeout_at(until, receiver.recv_many(&mut group, room)).await {
            Ok(received) if received > 0 => {}
            Ok(_) | Err(_) => break,
        }
    }
    group
}

/// Writes a group. If the store refuses it for good, one by one, so that a bad record harms no other.
async fn write<L: AttemptLog>(log: &L, settings: Settings, group: Vec<Entry>) {
    let (records, replies): (Vec<_>, Vec<_>) = group
        .into_iter()
        .map(|entry| (entry.record, entry.reply))
        .unzip();
    let outcome = persist(log, settings, &records).await;
    let refused_for_good = matches!(&outcome, Err(error) if !error.is_transient());
    if refused_for_good && records.len() > 1 {
        for (record, reply) in records.iter().zip(replies) {
            let outcome = persist(log, settings, std::slice::from_ref(record)).await;
            answer(
                reply,
                outcome.map_err(|error| Error::Store(Arc::new(error))),
            );
        }
        return;
    }
    let outcome = outcome.map_err(|error| Error::Store(Arc::new(error)));
    for reply in replies {
        answer(reply, outcome.clone());
    }
}

fn answer(reply: oneshot::Sender<Result<(), Error>>, outcome: Result<(), Error>) {
    // Nobody waits any more when the delivery was dropped by the hard stop.
    drop(reply.send(outcome));
}

async fn persist<L: AttemptLog>(
    log: &L,
    settings: Settings,
    records: &[AttemptRecord],
) -> Result<(), ie_store::Error> {
    let until = Instant::now() + settings.limit;
    let mut backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY);
    loop {
        let error = match log.record(records).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let delay = backoff.next_delay();
        if !error.is_transient() || Instant::now() + delay > until {
            return Err(error);
        }
        tracing::debug!(records = records.len(), error = %error, "cannot record attempts yet");
        sleep(delay).await;
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
