//! The dead-letter queue and the store say the same: what stands in the queue is FAILED in the store.
//!
//! The store is the truth. A copy whose notification is not a dead letter any more is removed; a notification whose message
//! the broker itself gave up, since too many dispatchers died over it, or which no dispatcher could read becomes FAILED. A
//! dead letter without a copy is as good as one with: a redrive takes it from the store. What nobody can read and the store
//! does not know stays for an operator. One process at a time does this; done twice it does no harm.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use ie_broker::{Broker, DeadLetter, Judge};
use ie_model::{Notification, NotificationId, NotificationStatus, Queue};
use ie_platform::SharedClock;
use ie_platform::lifecycle::Lifecycle;
use ie_store::{DeliveryState, Store};

/// The chore's name in the store.
const CHORE: &str = "dead letters";

/// How long a process may be silent before another takes over.
const LEASE: Duration = Duration::from_secs(300);

/// What it works with.
pub(crate) struct Reconciler {
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    pub(crate) clock: SharedClock,
    /// How often.
    pub(crate) period: Duration,
}

/// What becomes of a copy in the dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The store agrees.
    Stays,
    /// The notification is no dead letter: it was redriven, accepted, discarded or forgotten.
    Goes,
    /// Nobody tries it any more, and the store does not know.
    Fails,
}

/// What is known of a copy.
#[derive(Clone, Copy, Debug)]
struct Copied {
    /// Its last attempt.
    attempt: u32,
    /// Whether nobody told the store: the broker gave it up, or no dispatcher could read it.
    untold: bool,
    /// Whether it can be read.
    readable: bool,
}

/// Decides by what the store knows of the notification.
fn fate(copy: Copied, known: Option<DeliveryState>) -> Fate {
    let Some(known) = known else {
        // What nobody can read and nobody knows is for an operator to look at.
        return if copy.readable {
            Fate::Goes
        } else {
            Fate::Stays
        };
    };
    match known.status {
        // The store has its body, and a copy that nobody can read is of no use beside it.
        NotificationStatus::Failed if copy.readable => Fate::Stays,
        status if status.is_final() => Fate::Goes,
        _ if copy.untold && copy.attempt > known.earlier => Fate::Fails,
        // Its round is over: a redrive has begun the next, with a message of its own.
        _ => Fate::Goes,
    }
}

/// Runs until the soft stop.
pub(crate) async fn run(reconciler: Reconciler, lifecycle: Lifecycle) -> anyhow::Result<()> {
    let work = async {
        loop {
            reconciler.clock.sleep(reconciler.period).await;
            if let Err(error) = reconciler.round().await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "cannot compare the dead letters with the store now"
                );
            }
        }
    };
    lifecycle.run_until_stopped(work).await.unwrap_or(());
    Ok(())
}

impl Reconciler {
    /// Goes through the dead letters, unless another process does.
    pub(crate) async fn round(&self) -> anyhow::Result<()> {
        let claimed = self.store.claim_chore(CHORE, self.clock.now(), LEASE);
        if claimed.await?.is_none() {
            return Ok(());
        }
        let mut comparison = Comparison {
            reconciler: self,
            failed: 0,
        };
        let dead = Queue::Changes;
        let removed = self.broker.sift_dead(dead, &mut comparison).await?;
        let failed = comparison.failed;
        if removed + failed > 0 {
            tracing::info!(
                removed,
                failed,
                "the dead letters agree with the store again"
            );
        }
        let next = self.clock.now() + self.period;
        Ok(self.store.note_chore(CHORE, 0, next).await?)
    }
}

struct Comparison<'a> {
    reconciler: &'a Reconciler,
    failed: usize,
}

#[async_trait]
impl Judge for Comparison<'_> {
    async fn remove(&mut self, letters: &[DeadLetter]) -> HashSet<String> {
        match self.judge(letters).await {
            Ok(ids) => ids,
            Err(error) => {
                // They stay, and are looked at again.
                tracing::warn!(%error, "cannot ask the store about dead letters");
                HashSet::new()
            }
        }
    }
}

impl Comparison<'_> {
    async fn judge(&mut self, letters: &[DeadLetter]) -> Result<HashSet<String>, ie_store::Error> {
        let store = &self.reconciler.store;
        let read = |letter: &'_ DeadLetter| letter.message_id.parse::<NotificationId>().ok();
        let ids: Vec<NotificationId> = letters.iter().filter_map(read).collect();
        let known = store.delivery_states(&ids).await?;
        let mut failing: BTreeMap<&str, Vec<NotificationId>> = BTreeMap::new();
        let mut gone = HashSet::new();
        for letter in letters {
            let Some(id) = read(letter) else { continue };
            let readable = letter.is_readable_as::<Notification>();
            let copy = Copied {
                attempt: letter.attempt,
                untold: letter.dead_at.is_none() || !readable,
                readable,
            };
            match fate(copy, known.get(&id).copied()) {
                Fate::Stays => {}
                Fate::Goes => drop(gone.insert(letter.message_id.clone())),
                Fate::Fails => {
                    failing.entry(&letter.reason).or_default().push(id);
                    if !readable {
                        gone.insert(letter.message_id.clone());
                    }
                }
            }
        }
        for (reason, ids) in failing {
            let now = self.reconciler.clock.now();
            store.fail_notifications(&ids, reason, now).await?;
            self.failed += ids.len();
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use NotificationStatus::{Discarded, Dispatched, Failed, New, Notified, Received};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::agreed(10, Failed, 0, Fate::Stays)]
    #[case::accepted_after_all(10, Notified, 0, Fate::Goes)]
    #[case::discarded(10, Discarded, 0, Fate::Goes)]
    #[case::redriven(10, New, 10, Fate::Goes)]
    #[case::redriven_and_tried(10, Dispatched, 10, Fate::Goes)]
    #[case::redriven_before_any_attempt(1, Received, 0, Fate::Goes)]
    fn a_copy_stays_goes_or_is_told_to_the_store(
        #[case] attempt: u32,
        #[case] status: NotificationStatus,
        #[case] earlier: u32,
        #[case] expected: Fate,
    ) {
        let known = DeliveryState {
            status,
            attempts: 10,
            earlier,
        };

        let copy = Copied {
            attempt,
            untold: false,
            readable: true,
        };
        assert_eq!(fate(copy, Some(known)), expected);
    }

    #[rstest]
    #[case::in_its_first_round(1, Received, 0, Fate::Fails)]
    #[case::in_the_next_round(11, Received, 10, Fate::Fails)]
    #[case::redriven_since(10, New, 10, Fate::Goes)]
    fn what_the_broker_gave_up_or_nobody_could_read_is_told_to_the_store(
        #[values(true, false)] readable: bool,
        #[case] attempt: u32,
        #[case] status: NotificationStatus,
        #[case] earlier: u32,
        #[case] expected: Fate,
    ) {
        let copy = Copied {
            attempt,
            untold: true,
            readable,
        };
        let known = DeliveryState {
            status,
            attempts: earlier,
            earlier,
        };

        assert_eq!(fate(copy, Some(known)), expected);
    }

    #[rstest]
    #[case::given_up_by_the_broker(true, Fate::Stays)]
    #[case::poison(false, Fate::Goes)]
    fn of_a_dead_letter_no_copy_is_kept_that_nobody_can_read(
        #[case] readable: bool,
        #[case] expected: Fate,
    ) {
        let copy = Copied {
            attempt: 1,
            untold: true,
            readable,
        };
        let known = DeliveryState {
            status: Failed,
            attempts: 0,
            earlier: 0,
        };
        assert_eq!(fate(copy, Some(known)), expected);
    }

    #[rstest]
    #[case::forgotten(true, Fate::Goes)]
    #[case::poison(false, Fate::Stays)]
    fn a_copy_of_what_the_store_does_not_know_stays_only_when_nobody_can_read_it(
        #[case] readable: bool,
        #[case] expected: Fate,
    ) {
        let copy = Copied {
            attempt: 3,
            untold: !readable,
            readable,
        };
        assert_eq!(fate(copy, None), expected);
    }
}
