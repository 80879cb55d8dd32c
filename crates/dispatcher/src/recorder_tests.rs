//! Tests of [`super`]: groups, a store that is away, a record that is refused, and the end of the task.

use std::collections::VecDeque;
use std::sync::Mutex;

use chrono::DateTime;
use futures::future::join_all;
use ie_model::{Attempt, NotificationId, NotificationStatus};
use ie_platform::lifecycle::Drained;

use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Remembers the groups; refuses record 13 for good, and everything while it is away.
#[derive(Clone, Default)]
struct Log {
    groups: Arc<Mutex<Vec<Vec<i64>>>>,
    away: Arc<Mutex<VecDeque<()>>>,
}

#[async_trait]
impl AttemptLog for Log {
    async fn record(&self, records: &[AttemptRecord]) -> Result<(), ie_store::Error> {
        if self.away.lock().unwrap().pop_front().is_some() {
            return Err(ie_store::Error::Unavailable("away".into()));
        }
        let ids: Vec<_> = records
            .iter()
            .map(|r| r.attempt.notification.get())
            .collect();
        if ids.contains(&13) {
            return Err(ie_store::Error::NotFound);
        }
        self.groups.lock().unwrap().push(ids);
        Ok(())
    }
}

impl Log {
    fn away_for(tries: usize) -> Self {
        let log = Self::default();
        log.away.lock().unwrap().resize(tries, ());
        log
    }

    fn groups(&self) -> Vec<Vec<i64>> {
        self.groups.lock().unwrap().clone()
    }
}

fn settings() -> Settings {
    Settings {
        batch: 4,
        linger: 2 * MILLISECOND,
        limit: Duration::from_secs(20),
    }
}

fn record(notification: i64) -> AttemptRecord {
    AttemptRecord {
        attempt: Attempt {
            notification: NotificationId(notification),
            number: 1,
            at: DateTime::UNIX_EPOCH,
            duration_ms: 1,
            status_code: Some(200),
            error: None,
            response: None,
            error_class: None,
            headers: None,
        },
        status: NotificationStatus::Notified,
        due_at: None,
    }
}

async fn record_all(recorder: &Recorder, ids: &[i64]) -> Vec<Result<(), Error>> {
    join_all(ids.iter().map(|id| recorder.record(record(*id)))).await
}

#[tokio::test(start_paused = true)]
async fn what_arrives_together_is_written_together() {
    let log = Log::default();
    let recorder = Recorder::start(log.clone(), settings(), &Lifecycle::new());

    let outcomes = record_all(&recorder, &[1, 2, 3]).await;

    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(log.groups(), [vec![1, 2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn a_group_has_a_greatest_size() {
    let log = Log::default();
    let recorder = Recorder::start(log.clone(), settings(), &Lifecycle::new());

    let outcomes = record_all(&recorder, &[1, 2, 3, 4, 5, 6]).await;

    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(log.groups(), [vec![1, 2, 3, 4], vec![5, 6]]);
}

#[tokio::test(start_paused = true)]
async fn one_alone_waits_no_longer_than_the_linger() {
    let log = Log::default();
    let recorder = Recorder::start(log.clone(), settings(), &Lifecycle::new());
    let started = Instant::now();

    recorder.record(record(1)).await.unwrap();

    assert!(
        started.elapsed() <= 3 * MILLISECOND,
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_in_time_gets_everything() {
    let log = Log::away_for(5);
    let recorder = Recorder::start(log.clone(), settings(), &Lifecycle::new());

    let outcomes = record_all(&recorder, &[1, 2]).await;

    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(log.groups(), [vec![1, 2]]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_given_up_after_the_limit() {
    let log = Log::away_for(1_000);
    let recorder = Recorder::start(log.clone(), settings(), &Lifecycle::new());
    let started = Instant::now();

    let outcomes = record_all(&recorder, &[1, 2]).await;

    for outcome in outcomes {
        let Err(Error::Store(error)) = outcome else {
            panic!("unexpected {outcome:?}");
        };
        assert!(error.is_transient());
    }
    let took = started.elapsed();
    assert!(
        (settings().limit / 2..=settings().limit).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_refused_harms_no_other() {
    let log = Log::default();
    let recorder = Recorder::start(log.clone(), settings(), &Lifecycle::new());

    let outcomes = record_all(&recorder, &[1, 13, 2]).await;

    assert_eq!(
        outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true]
    );
    assert_eq!(log.groups(), [vec![1], vec![2]]);
}

#[tokio::test]
async fn the_task_ends_with_its_last_recorder_and_not_with_the_soft_stop() {
    let log = Log::default();
    let lifecycle = Lifecycle::new();
    let recorder = Recorder::start(log.clone(), settings(), &lifecycle);

    lifecycle.stop();
    recorder.record(record(1)).await.unwrap();
    drop(recorder);
    let drained = lifecycle.drain(Duration::from_secs(5)).await;

    assert_eq!(drained, Drained::Complete);
    assert_eq!(log.groups(), [vec![1]]);
}

#[tokio::test]
async fn after_the_hard_stop_nothing_is_recorded_and_nobody_hangs() {
    let lifecycle = Lifecycle::new();
    let recorder = Recorder::start(Log::default(), settings(), &lifecycle);
    lifecycle.abort();
    lifecycle.drain(Duration::from_secs(5)).await;

    let outcome = recorder.record(record(1)).await;

    assert!(matches!(outcome, Err(Error::Stopped)), "{outcome:?}");
}
