//! Polling: what a poller watches, where it stands, and the job that makes it run.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{Epoch, InstanceId, Message, PollerId, Queue};

/// How one resource is polled: the validated form of an entry of `event.poller.configuration`.
///
/// Source: the Insightly Events page of SAP Open Connectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceConfig {
    /// The hub path to ask, a [`crate::template::Template`].
    pub url: String,
    /// The field that identifies a record.
    pub id_field: String,
    /// When a record was updated.
    pub updated: DateField,
    /// When a record was created; without it every unknown record counts as UPDATED.
    pub created: Option<DateField>,
    /// Drop records whose updated date is before the window.
    pub filter_by_updated_date: bool,
    /// A record counts as CREATED when updated − created is at most this many seconds.
    pub created_check_tolerance: u32,
    /// Records asked for at once; the connector's own maximum without it.
    pub page_size: Option<u32>,
    /// Seconds subtracted from the window's start, on top of the overlap.
    pub poll_delay: u32,
}

/// A date inside a record: where it stands and how it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateField {
    /// The field's name; dots lead into nested objects.
    pub path: String,
    /// A Java `SimpleDateFormat` pattern, `milliseconds` or `seconds`.
    pub format: String,
    /// The zone of a date that names none.
    pub zone: String,
}

/// One resource of one instance, and how far it has been read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Poller {
    /// Its identity.
    pub id: PollerId,
    /// Whose it is.
    pub instance: InstanceId,
    /// The hub's name of the resource: `contacts`.
    pub resource: String,
    /// Insightly's name of the object: `Contacts`.
    pub object: String,
    /// How it is polled.
    pub config: ResourceConfig,
    /// Minutes between two polls.
    pub interval_minutes: u32,
    /// When it is claimed next: its due time, or the end of its lease while a poll is under way.
    pub due_at: DateTime<Utc>,
    /// The end of the lease while a poll is under way.
    pub lease_until: Option<DateTime<Utc>>,
    /// Which claim is valid.
    pub epoch: Epoch,
    /// Raised by every write of a poll, so that two readers with one job cannot both write.
    pub revision: i64,
    /// Insightly's time up to which every change has been read.
    pub cursor: DateTime<Utc>,
    /// Insightly's time when the instance was created: older changes are not events.
    pub baseline: DateTime<Utc>,
    /// Whether it runs.
    pub status: PollerStatus,
    /// When the last poll ended, by our clock.
    pub last_poll_at: Option<DateTime<Utc>>,
    /// What went wrong in the last poll, in words for people.
    pub last_error: Option<String>,
    /// Failed polls since the last that succeeded.
    pub failures: u32,
    /// Records that could not be read and were put aside.
    pub quarantined: u32,
    /// When it is due by its interval alone.
    pub planned_at: DateTime<Utc>,
    /// What it waits for beyond that.
    pub waiting: Option<Waiting>,
}

impl Poller {
    /// The token that a write of this poll must show.
    pub fn fence(&self) -> Fence {
        Fence {
            poller: self.id,
            epoch: self.epoch,
            revision: self.revision,
        }
    }

    /// When it should have been polled and why it was not, once that is longer ago than jitter explains.
    pub fn late(&self, now: DateTime<Utc>) -> Option<Late> {
        let grace = TimeDelta::seconds(i64::from(self.interval_minutes) * 60 / 10);
        let leased = self.lease_until.is_some();
        let next = if leased { now } else { self.due_at.max(now) };
        if self.status == PollerStatus::Paused || next - self.planned_at <= grace {
            return None;
        }
        let reason = match self.waiting {
            _ if leased => Reason::Lease,
            Some(waiting) => Reason::Waiting(waiting),
            // A poll that failed is repeated when its pause is over.
            None if self.failures > 0 && self.due_at > now => Reason::Failing,
            None => Reason::Queue,
        };
        Some(Late {
            due_at: self.planned_at,
            reason,
        })
    }
}

/// What a poller waits for, beside its next due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// The account's requests of the day are short, or used up.
    Budget,
    /// The account's requests of the second go to others first.
    Rate,
    /// Insightly refuses the key, which is tried again rarely.
    RefusedKey,
    /// The account may not read the object, or has none such: it is left out, and tried again rarely.
    Skipped,
}

impl Waiting {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Budget, Self::Rate, Self::RefusedKey, Self::Skipped];

    /// Its name, as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Rate => "rate",
            Self::RefusedKey => "refused key",
            Self::Skipped => "skipped",
        }
    }
}

/// A poll that is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// Why it has not ended yet.
    pub reason: Reason,
}

/// Why a poll is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It waits for something.
    Waiting(Waiting),
    /// A worker has it: it is being read, or its worker has died and its lease has not run out.
    Lease,
    /// It failed and is repeated after a pause.
    Failing,
    /// No worker has taken it yet.
    Queue,
}

impl Reason {
    /// Its name, as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting(waiting) => waiting.as_str(),
            Self::Lease => "lease",
            Self::Failing => "failing",
            Self::Queue => "queue",
        }
    }
}

/// Whether a poller runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PollerStatus {
    /// Claimed when due.
    Active,
    /// Not claimed: events are off, or the instance is disabled.
    Paused,
}

/// The right to write a poller's progress: void once another claim or another reader has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Which poller.
    pub poller: PollerId,
    /// Under which claim.
    pub epoch: Epoch,
    /// After which write.
    pub revision: i64,
}

/// A message: this poller is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollJob {
    /// Which poller.
    pub poller: PollerId,
    /// Whose it is, for logs and partitions.
    pub instance: InstanceId,
    /// Under which claim; a job of an older claim is dropped.
    pub epoch: Epoch,
}

impl Message for PollJob {
    const QUEUE: Queue = Queue::Poll;
    const KIND: &'static str = "poll-job";
    const VERSION: u32 = 1;

    fn message_id(&self) -> String {
        format!("{}-{}", self.poller, self.epoch)
    }

    fn instance(&self) -> InstanceId {
        self.instance
    }
}

/// What is remembered of a record, so that the same version is not emitted twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The record's updated date.
    pub updated_at: DateTime<Utc>,
    /// The digest of its content.
    pub digest: Digest,
    /// The `sequence` of the object's last event.
    pub sequence: i64,
    /// The record itself as JSON, where an instance wants to know what changed.
    pub content: Option<String>,
}

/// The first 128 bits of the SHA-256 of a record's canonical content, its updated date left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// Of a record that was deleted: no content has it.
    pub const GONE: Self = Self([0; 16]);
}

impl Version {
    /// The sequence of an object's next event, after the `last` that is remembered, if any.
    ///
    /// By the time of the event: it rises also where the memory of former events was pruned.
    pub fn next_sequence(last: Option<&Self>, at: DateTime<Utc>) -> i64 {
        let by_time = at.timestamp_millis();
        last.map_or(by_time, |last| by_time.max(last.sequence + 1))
    }

    /// Whether the last event of the object said that it was deleted.
    pub fn is_gone(&self) -> bool {
        self.digest == Digest::GONE
    }
}
