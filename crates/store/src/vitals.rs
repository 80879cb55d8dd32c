//! How an organization's deliveries and polls go, in numbers: what charts show and what people are warned of.
//!
//! Indexes: `notifications` and `deliveries` by id; `pollers` by instance, `instances_by_organization`, `budgets` by
//! account. None of this is a hot path, and each of it is bounded: by the newest notifications, or by a number.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::{InstanceId, OrganizationId};

use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, time};

/// Notifications among which the ended ones are looked for: the newest of all organizations.
const NEWEST: i64 = 50_000;
/// Late pollers are counted up to here: beyond it the exact number helps nobody.
const COUNTED_LATE: u32 = 1000;
/// A shortage of requests that was computed longer ago is over, or nothing polls.
const PACED: Duration = Duration::from_secs(600);

/// What ended within a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The minute's begin.
    pub minute: DateTime<Utc>,
    /// Notifications that the callback accepted.
    pub delivered: u64,
    /// Those that became dead letters and are still.
    pub dead: u64,
    /// From storing to acceptance, on average.
    pub average: Duration,
    /// The same, at the most.
    pub longest: Duration,
}

/// What is not as it should be, as a number of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Pollers that are late, as [`ie_model::Poller::late`] says; counted up to 1,000.
    pub late: u64,
    /// Accounts whose intervals are stretched for lack of requests.
    pub stretched: u64,
    /// Instances that are switched off for another reason than that which is asked about.
    pub switched_off: u64,
}

const SELECT_ENDED: &str = "SELECT deliveries.ended_at / 60000, \
     COUNT(CASE WHEN deliveries.status = 'NOTIFIED' THEN 1 END), \
     COUNT(CASE WHEN deliveries.status = 'FAILED' THEN 1 END), \
     CAST(COALESCE(SUM(CASE WHEN deliveries.status = 'NOTIFIED' \
        THEN deliveries.ended_at - notifications.created_at END), 0) AS BIGINT), \
     COALESCE(MAX(CASE WHEN deliveries.status = 'NOTIFIED' \
        THEN deliveries.ended_at - notifications.created_at END), 0) \
     FROM notifications JOIN deliveries ON deliveries.notification_id = notifications.id \
     WHERE notifications.purpose = 'changes'";

impl Store {
    /// What ended in each minute of a time, of an organization or of one of its instances.
    pub async fn ended(
        &self,
        (organization, instance): (OrganizationId, Option<InstanceId>),
        (from, to): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<Ended>> {
        let _timer = Timer::start("ended");
        let newest = Sql::new("SELECT MAX(id) FROM notifications");
        let newest: Option<(Option<i64>,)> = self.database.optional(newest).await?;
        let newest = newest.and_then(|(newest,)| newest).unwrap_or_default();
        let mut sql = Sql::new(SELECT_ENDED);
        sql.push_bind(" AND notifications.id > ", newest - NEWEST)
            .push_bind(" AND deliveries.ended_at >= ", from)
            .push_bind(" AND deliveries.ended_at < ", to);
        // The plus keeps SQLite on the order of the ids.
        sql.push_bind(
            " AND +notifications.instance_id IN (SELECT id FROM instances WHERE organization_id = ",
            organization,
        )
        .push(")");
        if let Some(instance) = instance {
            sql.push_bind(" AND +notifications.instance_id = ", instance);
        }
        sql.push(" GROUP BY 1 ORDER BY 1");
        let rows: Vec<(i64, i64, i64, i64, i64)> = self.database.all(sql).await?;
        rows.into_iter().map(ended).collect()
    }

    /// What is not as it should be in an organization; `by_owner` is the reason of instances that are off as their owner
    /// wishes.
    pub async fn troubles(
        &self,
        organization: OrganizationId,
        by_owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Troubles> {
        let _timer = Timer::start("troubles");
        // A poll that is under way, or due, ends now at the earliest; a tenth of the interval is no delay.
        let late = Sql::new(
            "SELECT COUNT(*) FROM (SELECT pollers.id FROM pollers \
             JOIN instances ON instances.id = pollers.instance_id \
             WHERE instances.organization_id = $1 AND instances.deleted_at IS NULL AND pollers.active \
             AND CASE WHEN pollers.lease_until IS NOT NULL OR pollers.due_at < $2 THEN $2 ELSE pollers.due_at END \
                - pollers.planned_at > pollers.interval_minutes * 6000 LIMIT $3) AS late",
        );
        let late = late.bind(organization).bind(now).bind(COUNTED_LATE);
        let stretched = Sql::new(
            "SELECT COUNT(*) FROM budgets WHERE stretch > 1000 AND paced_at > $2 AND account IN \
             (SELECT account FROM instances WHERE organization_id = $1 AND deleted_at IS NULL)",
        );
        let stretched = stretched.bind(organization).bind(now - PACED);
        let switched_off = Sql::new(
            "SELECT COUNT(*) FROM instances WHERE organization_id = $1 AND deleted_at IS NULL \
             AND disabled AND reason <> $2",
        );
        let switched_off = switched_off.bind(organization).bind(by_owner);
        Ok(Troubles {
            late: self.count(late).await?,
            stretched: self.count(stretched).await?,
            switched_off: self.count(switched_off).await?,
        })
    }

    pub(crate) async fn count(&self, sql: Sql) -> Result<u64> {
        let counted: Option<(i64,)> = self.database.optional(sql).await?;
        Ok(counted.map_or(0, |(count,)| count.unsigned_abs()))
    }
}

fn ended((minute, delivered, dead, took, longest): (i64, i64, i64, i64, i64)) -> Result<Ended> {
    let milliseconds = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    Ok(Ended {
        minute: time::from_ms(minute.saturating_mul(60_000))?,
        delivered: delivered.unsigned_abs(),
        dead: dead.unsigned_abs(),
        average: milliseconds(took / delivered.max(1)),
        longest: milliseconds(longest),
    })
}
