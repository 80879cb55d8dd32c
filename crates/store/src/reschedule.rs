//! What waits for its next attempt, when the retry schedule becomes another.
//!
//! Indexes: `deliveries_waiting` (by instance, only DISPATCHED), `attempts` by notification and number, `instances` by id.
//!
//! What would wait for longer than the new schedule allows becomes NEW and due at the new time: a relay publishes it
//! then, as the attempt that it waits for. Its older copy comes out of the queue later and finds the attempt recorded.
//! A delay that a callback asked for with `Retry-After` counts as one of the schedule's.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ie_model::{InstanceId, RetrySchedule, Settings};

use crate::database::{Lock, Tx};
use crate::instance_row;
use crate::poller_row::to_u32;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, time};

/// How far a pass through what waits has come: the instance and the notification looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(i64, i64);

/// Which part of what waits is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Rescheduled {
    /// Of this instance; of every one.
    pub instance: Option<InstanceId>,
    /// Behind this place; from the beginning.
    pub after: Option<Place>,
    /// So many at the most.
    pub limit: u32,
}

pub(crate) const MOVE: &str = "UPDATE deliveries SET status = 'NEW', due_at = rows.due_at FROM rows \
     WHERE deliveries.notification_id = rows.id AND deliveries.status = 'DISPATCHED' \
     AND deliveries.attempts = rows.attempts";

/// A delivery that waits, and when its last attempt began and how long that took.
type Waiting = (i64, i64, i64, i64, i64, i64, i64);

impl Store {
    /// Looks at a part of what waits, and moves what is due later than its schedule allows: its instance's, or the
    /// operator's. Returns the place to go on from; none at the end.
    pub async fn reschedule(
        &self,
        part: Rescheduled,
        operators: Option<&RetrySchedule>,
        now: DateTime<Utc>,
    ) -> Result<Option<Place>> {
        let _timer = Timer::start("reschedule");
        let mut tx = self.database.begin().await?;
        let waiting: Vec<Waiting> = tx.all(select_waiting(part)).await?;
        let Some(last) = waiting.last().map(|row| Place(row.1, row.0)) else {
            return Ok(None);
        };
        let schedules = own_schedules(&mut tx, &waiting).await?;
        let mut moved = BTreeMap::new();
        for (id, instance, attempts, due_at, began, took, earlier) in &waiting {
            let own = schedules.get(instance).and_then(Option::as_ref);
            let Some(schedule) = own.or(operators) else {
                continue;
            };
            let number = to_u32("the attempts of a notification's round", attempts - earlier)?;
            if let Some(due_at) = sooner(schedule, number, began + took, *due_at) {
                moved.insert(*id, (*attempts, due_at.max(time::to_ms(now))));
            }
        }
        if !moved.is_empty() {
            tx.lock(Lock::Deliveries, moved.keys().copied()).await?;
            let rows = Rows::new()
                .int("id", moved.keys().copied())
                .int("attempts", moved.values().map(|(attempts, _)| *attempts))
                .int("due_at", moved.values().map(|(_, due_at)| *due_at));
            tx.execute(Sql::new(MOVE).rows(rows)).await?;
            tx.commit().await?;
        }
        let complete = u32::try_from(waiting.len()).is_ok_and(|read| read < part.limit);
        Ok(Some(last).filter(|_| !complete))
    }
}

pub(crate) fn select_waiting(part: Rescheduled) -> Sql {
    let mut sql = Sql::new(
        "SELECT deliveries.notification_id, deliveries.instance_id, deliveries.attempts, deliveries.due_at, \
         attempts.at, attempts.duration_ms, deliveries.earlier FROM deliveries \
         JOIN attempts ON attempts.notification_id = deliveries.notification_id \
         AND attempts.number = deliveries.attempts \
         WHERE deliveries.status = 'DISPATCHED' AND deliveries.due_at IS NOT NULL",
    );
    if let Some(instance) = part.instance {
        sql.push_bind(" AND deliveries.instance_id = ", instance);
    }
    let Place(instance, notification) = part.after.unwrap_or(Place(i64::MIN, i64::MIN));
    sql.push_bind(
        " AND (deliveries.instance_id, deliveries.notification_id) > (",
        instance,
    )
    .push_bind(", ", notification)
    .push_bind(
        ") ORDER BY deliveries.instance_id, deliveries.notification_id LIMIT ",
        part.limit,
    );
    sql
}

/// The schedules that the owners of these deliveries have chosen.
async fn own_schedules(
    tx: &mut Tx,
    waiting: &[Waiting],
) -> Result<BTreeMap<i64, Option<RetrySchedule>>> {
    let mut instances: Vec<i64> = waiting.iter().map(|row| row.1).collect();
    instances.dedup();
    let select = Sql::new("SELECT id, settings FROM instances WHERE id IN (SELECT id FROM rows)");
    let rows: Vec<(i64, String)> = tx
        .all(select.rows(Rows::new().int("id", instances)))
        .await?;
    let read = rows.into_iter().map(|(id, json)| {
        let settings: Settings = instance_row::from_json("an instance's settings", &json)?;
        Ok((id, settings.delivery.retry_schedule))
    });
    read.collect()
}

/// When the attempt after `number`, which ended at `ended`, is due by this schedule, if that is before `due_at`.
/// Where the schedule has no further delay, that is at once. Times in milliseconds.
fn sooner(schedule: &RetrySchedule, number: u32, ended: i64, due_at: i64) -> Option<i64> {
    let after = |delay: std::time::Duration| {
        ended.saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX))
    };
    let planned = after(schedule.delay_after(number).unwrap_or_default());
    (due_at > after(schedule.longest_after(number))).then_some(planned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::within_the_jitter(1, 1_000 + 5_500, None)]
    #[case::later_than_allowed(1, 1_000 + 5_501, Some(1_000 + 5_000))]
    #[case::sooner_stays(2, 1_000 + 10, None)]
    #[case::the_second_delay(2, 1_000 + 90_000, Some(1_000 + 30_000))]
    #[case::no_further_delay(3, 1_000 + 90_000, Some(1_000))]
    fn what_waits_too_long_is_due_by_the_new_schedule(
        #[case] number: u32,
        #[case] due_at: i64,
        #[case] expected: Option<i64>,
    ) {
        let schedule = RetrySchedule(vec![Duration::from_secs(5), Duration::from_secs(30)]);

        assert_eq!(sooner(&schedule, number, 1_000, due_at), expected);
    }
}
