//! How deliveries go: their state and their attempts.
//!
//! Indexes: `deliveries` by notification, `attempts` by notification and number. What becomes a dead letter is counted for
//! its instance's notice, in the same transaction (`notices.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::{Attempt, NotificationId, NotificationStatus};

use crate::database::{Lock, Tx};
use crate::notification_row;
use crate::poller_row::to_u32;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, notices, order, time};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryState {
    /// Where the notification stands.
    pub status: NotificationStatus,
    /// Attempts made.
    pub attempts: u32,
    /// Those of former rounds: a redrive or a replay begins a new one.
    pub earlier: u32,
}

/// An attempt and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// What was tried.
    pub attempt: Attempt,
    /// Where the notification stands after it.
    pub status: NotificationStatus,
    /// The next attempt, if one follows.
    pub due_at: Option<DateTime<Utc>>,
}

pub(crate) const INSERT_ATTEMPTS: &str = "INSERT INTO attempts \
     (notification_id, number, at, duration_ms, status_code, error, error_class, response, headers) \
     SELECT notification_id, number, at, duration_ms, status_code, error, error_class, response, headers FROM rows \
     WHERE TRUE ON CONFLICT (notification_id, number) DO NOTHING";

/// What changes the status: an acceptance always; else the first report of an attempt, or another one of the attempt
/// that the delivery waits after. A late report of an attempt before a redrive changes nothing, and neither does a
/// failure of what has ended.
pub(crate) const UPDATE_STATES: &str = "UPDATE deliveries SET \
     status = rows.status, due_at = rows.due_at, last_error = rows.error, ended_at = rows.ended_at, \
     attempts = {greatest}(deliveries.attempts, rows.number) FROM rows \
     WHERE deliveries.notification_id = rows.id \
     AND (deliveries.status IN ('NEW', 'RECEIVED', 'DISPATCHED') \
     AND (rows.number > deliveries.attempts \
     OR rows.number = deliveries.attempts AND deliveries.status = 'DISPATCHED') \
     OR rows.status = 'NOTIFIED' AND deliveries.status NOT IN ('NOTIFIED', 'CONSUMED'))";

pub(crate) const COUNT_ATTEMPTS: &str = "UPDATE deliveries SET attempts = rows.number FROM rows \
     WHERE deliveries.notification_id = rows.id AND deliveries.attempts < rows.number";

pub(crate) const FAIL: &str = "UPDATE deliveries SET status = 'FAILED', due_at = NULL, last_error = $1, ended_at = $2 \
     WHERE status IN ('NEW', 'RECEIVED', 'DISPATCHED') \
     AND notification_id IN (SELECT id FROM rows)";

impl Store {
    /// Where a delivery stands: what a dispatcher asks when a message comes a second time.
    pub async fn delivery_state(&self, id: NotificationId) -> Result<Option<DeliveryState>> {
        let mut states = self.delivery_states(&[id]).await?;
        Ok(states.remove(&id))
    }

    /// Where these deliveries stand; one that is not known has no entry.
    pub async fn delivery_states(
        &self,
        ids: &[NotificationId],
    ) -> Result<BTreeMap<NotificationId, DeliveryState>> {
        let _timer = Timer::start("delivery_states");
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sql = Sql::new(
            "SELECT notification_id, status, attempts, earlier FROM deliveries \
             WHERE notification_id IN (SELECT id FROM rows)",
        );
        let sql = sql.rows(Rows::new().int("id", ids.iter().map(|id| id.get())));
        let rows: Vec<(i64, String, i64, i64)> = self.database.all(sql).await?;
        let state = |(id, status, attempts, earlier): (i64, String, i64, i64)| {
            let state = DeliveryState {
                status: notification_row::status(&status)?,
                attempts: to_u32("a notification's attempts", attempts)?,
                earlier: to_u32("a notification's earlier attempts", earlier)?,
            };
            Ok((NotificationId(id), state))
        };
        rows.into_iter().map(state).collect()
    }

    /// Stores attempts and what follows from them, many at once. The same record twice changes nothing.
    ///
    /// An accepted notification stays accepted, whatever is reported later. Attempts are counted by their numbers.
    pub async fn record_attempts(&self, records: &[AttemptRecord]) -> Result<()> {
        let _timer = Timer::start("record_attempts");
        if records.is_empty() {
            return Ok(());
        }
        let attempts: BTreeMap<(i64, u32), &Attempt> = records
            .iter()
            .map(|record| &record.attempt)
            .map(|attempt| ((attempt.notification.get(), attempt.number), attempt))
            .collect();
        let states = deciding(records);
        let mut tx = self.database.begin().await?;
        tx.execute(insert_attempts(&attempts)).await?;
        tx.lock(Lock::Deliveries, states.keys().copied()).await?;
        let decided = tx.execute(update_states(&states)).await?;
        let highest: BTreeMap<i64, u32> = attempts.keys().copied().collect();
        let counted = states
            .iter()
            .all(|(id, record)| highest[id] == record.attempt.number);
        // What was decided by its latest attempt is counted with it: in other words, nearly always.
        if !counted || usize::try_from(decided) != Ok(states.len()) {
            tx.execute(count_attempts(&highest)).await?;
        }
        let failed = states
            .iter()
            .filter(|(_, record)| record.status == NotificationStatus::Failed);
        let failed: Vec<i64> = failed.map(|(id, _)| *id).collect();
        order::settle(&mut tx, &ended(&states), self.clock.now()).await?;
        notices::dead_letters(&mut tx, &failed, self.clock.now()).await?;
        tx.commit().await
    }

    /// Ends deliveries without an attempt: dead letters. What has ended already stays as it is.
    pub async fn fail_notifications(
        &self,
        ids: &[NotificationId],
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let _timer = Timer::start("fail_notifications");
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        let mut tx = self.database.begin().await?;
        fail(&mut tx, &ids, reason, now).await?;
        order::settle(&mut tx, &ids, now).await?;
        notices::dead_letters(&mut tx, &ids, now).await?;
        tx.commit().await
    }
}

/// Ends those of these deliveries that have not ended.
pub(crate) async fn fail(tx: &mut Tx, ids: &[i64], reason: &str, now: DateTime<Utc>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    tx.lock(Lock::Deliveries, ids.iter().copied()).await?;
    let rows = Rows::new().int("id", ids.iter().copied());
    let sql = Sql::new(FAIL).bind(reason).bind(now).rows(rows);
    tx.execute(sql).await?;
    Ok(())
}

/// Those that may let others go on.
fn ended(states: &BTreeMap<i64, &AttemptRecord>) -> Vec<i64> {
    let ended = states.iter().filter(|(_, record)| record.status.is_final());
    ended.map(|(id, _)| *id).collect()
}

/// Of several records of one notification the one that decides: an acceptance, else the latest attempt.
fn deciding(records: &[AttemptRecord]) -> BTreeMap<i64, &AttemptRecord> {
    let mut deciding: BTreeMap<i64, &AttemptRecord> = BTreeMap::new();
    for record in records {
        let rank = |record: &AttemptRecord| {
            let accepted = record.status == NotificationStatus::Notified;
            (accepted, record.attempt.number)
        };
        let slot = deciding
            .entry(record.attempt.notification.get())
            .or_insert(record);
        if rank(record) >= rank(slot) {
            *slot = record;
        }
    }
    deciding
}

fn insert_attempts(attempts: &BTreeMap<(i64, u32), &Attempt>) -> Sql {
    let all = || attempts.values();
    let rows = Rows::new()
        .int(
            "notification_id",
            all().map(|attempt| attempt.notification.get()),
        )
        .int("number", all().map(|attempt| i64::from(attempt.number)))
        .int("at", all().map(|attempt| time::to_ms(attempt.at)))
        .int(
            "duration_ms",
            all().map(|attempt| i64::try_from(attempt.duration_ms).unwrap_or(i64::MAX)),
        )
        .int(
            "status_code",
            all().map(|attempt| attempt.status_code.map(i64::from)),
        )
        .optional_text("error", all().map(|attempt| attempt.error.clone()))
        .optional_text(
            "error_class",
            all().map(|attempt| attempt.error_class.map(|class| class.as_str().to_owned())),
        )
        .optional_text("response", all().map(|attempt| attempt.response.clone()))
        .optional_text("headers", all().map(|attempt| attempt.headers.clone()));
    Sql::new(INSERT_ATTEMPTS).rows(rows)
}

fn count_attempts(highest: &BTreeMap<i64, u32>) -> Sql {
    let numbers = highest.values().map(|number| i64::from(*number));
    let rows = Rows::new()
        .int("id", highest.keys().copied())
        .int("number", numbers);
    Sql::new(COUNT_ATTEMPTS).rows(rows)
}

fn update_states(states: &BTreeMap<i64, &AttemptRecord>) -> Sql {
    let all = || states.values();
    let ended_at = |record: &&&AttemptRecord| {
        let attempt = &record.attempt;
        let end = time::after(attempt.at, Duration::from_millis(attempt.duration_ms));
        record.status.is_final().then(|| time::to_ms(end))
    };
    let rows = Rows::new()
        .int("id", states.keys().copied())
        .int(
            "number",
            all().map(|record| i64::from(record.attempt.number)),
        )
        .text("status", all().map(|record| record.status.as_str()))
        .int("due_at", all().map(|record| record.due_at.map(time::to_ms)))
        .optional_text("error", all().map(|record| record.attempt.error.clone()))
        .int("ended_at", all().map(|record| ended_at(&record)));
    Sql::new(UPDATE_STATES).rows(rows)
}
