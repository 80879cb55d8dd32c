//! What people look at: instances and events newest first, counted, grouped.
//!
//! Indexes: `instances_by_organization`; `pollers` by instance; `notifications` by id, `notifications_by_instance`,
//! `notifications_by_time`; `deliveries_failed`; `attempts` by notification. None of this is a hot path, and each of it
//! is bounded: by a page, by a time, or by a number.

use std::str::FromStr as _;

use chrono::{DateTime, Utc};
use ie_model::{
    ErrorClass, Instance, InstanceId, NotificationId, OrganizationId, Poller, Settings,
    StoredNotification,
};

use crate::instance_row::{InstanceRow, SELECT_INSTANCES, from_json};
use crate::notification_row::{NotificationRow, select_by_ids};
use crate::poller_row::{PollerRow, SELECT_POLLERS};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Page, Result, Store, time};

/// Milliseconds of a minute, in which events are counted.
const MINUTE: i64 = 60_000;

/// Which instances are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceSearch {
    /// What stands in the name or in a tag, whatever its case.
    pub text: Option<String>,
    /// How they are.
    pub condition: Option<Condition>,
}

/// How an instance is, as far as its own record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Insightly refuses its key.
    Refused,
    /// Its callback has only failed for a while.
    Failing,
    /// It is switched off.
    Paused,
}

/// How many instances are how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceCounts {
    /// All that are not deleted.
    pub all: u64,
    /// Those of [`Condition::Refused`].
    pub refused: u64,
    /// Those of [`Condition::Failing`].
    pub failing: u64,
    /// Those of [`Condition::Paused`].
    pub paused: u64,
}

/// Events of a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCount {
    /// The minute's begin.
    pub minute: DateTime<Utc>,
    /// The resource.
    pub resource: String,
    /// How many were stored.
    pub events: u64,
}

/// Dead letters of one callback that died in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterGroup {
    /// Whose callback.
    pub instance: InstanceId,
    /// The instance's name.
    pub name: String,
    /// The callback.
    pub callback_url: Option<String>,
    /// How the last attempts failed; none where no attempt failed.
    pub class: Option<ErrorClass>,
    /// How many.
    pub count: u64,
    /// When the oldest was stored.
    pub oldest: DateTime<Utc>,
    /// When the newest was stored.
    pub newest: DateTime<Utc>,
    /// Why one of them failed, in words.
    pub error: Option<String>,
}

#[derive(Debug, sqlx::FromRow)]
struct GroupRow {
    id: i64,
    name: String,
    settings: String,
    error_class: Option<String>,
    letters: i64,
    oldest: i64,
    newest: i64,
    error: Option<String>,
}

impl Store {
    /// The instances that are looked for, the newest first; `page.after` is the last one seen.
    pub async fn find_instances(
        &self,
        organization: OrganizationId,
        search: &InstanceSearch,
        page: Page,
    ) -> Result<Vec<Instance>> {
        let _timer = Timer::start("find_instances");
        let mut sql = Sql::new(SELECT_INSTANCES);
        sql.push_bind(" AND organization_id = ", organization)
            .push_bind(" AND id < ", page.after.unwrap_or(i64::MAX));
        if let Some(text) = &search.text {
            let pattern = contains(text);
            sql.push_bind(" AND (lower(name) LIKE ", pattern.as_str())
                .push_bind(" ESCAPE '\\' OR lower(tags) LIKE ", pattern)
                .push(" ESCAPE '\\')");
        }
        sql.push(match search.condition {
            None => "",
            Some(Condition::Refused) => " AND valid = FALSE AND disabled = FALSE",
            Some(Condition::Failing) => " AND failing_since IS NOT NULL AND disabled = FALSE",
            Some(Condition::Paused) => " AND disabled",
        });
        sql.push_bind(" ORDER BY id DESC LIMIT ", page.limit);
        let rows: Vec<InstanceRow> = self.database.all(sql).await?;
        rows.into_iter().map(Instance::try_from).collect()
    }

    /// How many instances of an organization are how.
    pub async fn count_instances(&self, organization: OrganizationId) -> Result<InstanceCounts> {
        let _timer = Timer::start("count_instances");
        let sql = Sql::new(
            "SELECT COUNT(*), COUNT(CASE WHEN valid = FALSE AND disabled = FALSE THEN 1 END), \
             COUNT(CASE WHEN failing_since IS NOT NULL AND disabled = FALSE THEN 1 END), \
             COUNT(CASE WHEN disabled THEN 1 END) \
             FROM instances WHERE organization_id = $1 AND deleted_at IS NULL",
        );
        let counts: Option<(i64, i64, i64, i64)> =
            self.database.optional(sql.bind(organization)).await?;
        let (all, refused, failing, paused) = counts.unwrap_or_default();
        Ok(InstanceCounts {
            all: all.unsigned_abs(),
            refused: refused.unsigned_abs(),
            failing: failing.unsigned_abs(),
            paused: paused.unsigned_abs(),
        })
    }

    /// The names of instances, the deleted among them.
    pub async fn instance_names(&self, ids: &[InstanceId]) -> Result<Vec<(InstanceId, String)>> {
        let _timer = Timer::start("instance_names");
        let sql = Sql::new("SELECT id, name FROM instances WHERE id IN (SELECT id FROM rows)");
        let sql = sql.rows(Rows::new().int("id", ids.iter().map(|id| id.get())));
        let names: Vec<(i64, String)> = self.database.all(sql).await?;
        let names = names.into_iter();
        Ok(names.map(|(id, name)| (InstanceId(id), name)).collect())
    }

    /// The pollers of several instances.
    pub async fn pollers_of(&self, instances: &[InstanceId]) -> Result<Vec<Poller>> {
        let _timer = Timer::start("pollers_of");
        let mut sql = Sql::new(SELECT_POLLERS);
        sql.push(" WHERE instance_id IN (SELECT id FROM rows) ORDER BY id");
        let sql = sql.rows(Rows::new().int("id", instances.iter().map(|id| id.get())));
        let rows: Vec<PollerRow> = self.database.all(sql).await?;
        rows.into_iter().map(Poller::try_from).collect()
    }

    /// The events of these ids, as they stand now, by id.
    pub async fn events(&self, ids: &[NotificationId]) -> Result<Vec<StoredNotification>> {
        let _timer = Timer::start("events");
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = select_by_ids(ids.iter().map(|id| id.get()));
        let rows: Vec<NotificationRow> = self.database.all(sql).await?;
        rows.into_iter().map(StoredNotification::try_from).collect()
    }

    /// How many events of an organization, or of one of its instances, were stored in each minute of a time.
    pub async fn count_events(
        &self,
        (organization, instance): (OrganizationId, Option<InstanceId>),
        (from, to): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<EventCount>> {
        let _timer = Timer::start("count_events");
        let mut sql = Sql::new("SELECT created_at / 60000, resource, COUNT(*) FROM notifications");
        sql.push_bind(" WHERE created_at >= ", from)
            .push_bind(" AND created_at < ", to)
            .push(" AND purpose = 'changes'");
        // The plus keeps SQLite on the index by time: an instance may have many more events than an hour has.
        sql.push_bind(
            " AND +instance_id IN (SELECT id FROM instances WHERE organization_id = ",
            organization,
        )
        .push(")");
        if let Some(instance) = instance {
            sql.push_bind(" AND +instance_id = ", instance);
        }
        sql.push(" GROUP BY 1, 2 ORDER BY 1, 2");
        let rows: Vec<(i64, String, i64)> = self.database.all(sql).await?;
        let counts = rows.into_iter().map(|(minute, resource, events)| {
            Ok(EventCount {
                minute: time::from_ms(minute * MINUTE)?,
                resource,
                events: events.unsigned_abs(),
            })
        });
        counts.collect()
    }

    /// The dead letters of an organization by callback and kind of failure; at most `limit` letters are looked at.
    pub async fn group_dead_letters(
        &self,
        organization: OrganizationId,
        limit: u32,
    ) -> Result<Vec<DeadLetterGroup>> {
        let _timer = Timer::start("group_dead_letters");
        let sql = Sql::new(
            "SELECT instances.id, instances.name, instances.settings, attempts.error_class, COUNT(*) AS letters, \
             MIN(notifications.created_at) AS oldest, MAX(notifications.created_at) AS newest, \
             MAX(dead.last_error) AS error \
             FROM (SELECT notification_id, instance_id, attempts, last_error FROM deliveries \
                WHERE status = 'FAILED' AND instance_id IN \
                (SELECT id FROM instances WHERE organization_id = $1 AND deleted_at IS NULL) LIMIT $2) AS dead \
             JOIN notifications ON notifications.id = dead.notification_id \
                AND notifications.purpose IN ('changes', 'operational') \
             JOIN instances ON instances.id = dead.instance_id \
             LEFT JOIN attempts ON attempts.notification_id = dead.notification_id \
                AND attempts.number = dead.attempts \
             GROUP BY instances.id, instances.name, instances.settings, attempts.error_class \
             ORDER BY instances.id, letters DESC, attempts.error_class",
        );
        let sql = sql.bind(organization).bind(limit);
        let rows: Vec<GroupRow> = self.database.all(sql).await?;
        rows.into_iter().map(DeadLetterGroup::try_from).collect()
    }
}

impl TryFrom<GroupRow> for DeadLetterGroup {
    type Error = Error;

    fn try_from(row: GroupRow) -> Result<Self> {
        let settings: Settings = from_json("an instance's settings", &row.settings)?;
        let class = row.error_class.as_deref().map(ErrorClass::from_str);
        let class = class.transpose();
        Ok(Self {
            instance: InstanceId(row.id),
            name: row.name,
            callback_url: settings.callback_url,
            class: class.map_err(|error| Error::corrupt("an attempt's error class", error))?,
            count: row.letters.unsigned_abs(),
            oldest: time::from_ms(row.oldest)?,
            newest: time::from_ms(row.newest)?,
            error: row.error,
        })
    }
}

/// A pattern for what holds this text, whose own signs stand for themselves.
fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for sign in text.to_lowercase().chars() {
        if matches!(sign, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(sign);
    }
    pattern.push('%');
    pattern
}
