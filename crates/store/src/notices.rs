//! Operational notices: notifications that are stored in the transaction of their cause, and then go the usual way.
//!
//! Indexes: `instances`, `deliveries`, `notifications`, `dead_letter_notices` by instance, `remembered` by name. The rows
//! of `dead_letter_notices` are locked last of all, in the order of their instances.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::{Incident, Instance, InstanceId, MediaType, Notification, NotificationId, Purpose};

use crate::database::Tx;
use crate::instance_row::{InstanceRow, SELECT_INSTANCES};
use crate::pages::{self, NewNotification};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::{Error, Result, ids, remembered, time};

/// Between two notices of an instance's dead letters, at least.
const BETWEEN: Duration = Duration::from_secs(60 * 60);

/// What notices are called where changes have the name of their resource.
const RESOURCE: &str = "operations";

/// Only what tells of changes counts: a notice never causes another.
pub(crate) const COUNT_DEAD: &str = "SELECT deliveries.instance_id, COUNT(*) FROM deliveries \
     JOIN notifications ON notifications.id = deliveries.notification_id \
     WHERE deliveries.notification_id IN (SELECT id FROM rows) \
     AND deliveries.status = 'FAILED' AND notifications.purpose = 'changes' \
     GROUP BY deliveries.instance_id ORDER BY deliveries.instance_id";

/// Stores a notice for the instance's owner, for the operator, for both or for nobody, as they wish.
pub(crate) async fn store(
    tx: &mut Tx,
    id: InstanceId,
    incident: &Incident,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut select = Sql::new(SELECT_INSTANCES);
    select.push_bind(" AND id = ", id);
    let Some(row) = tx.all::<InstanceRow>(select).await?.into_iter().next() else {
        return Ok(());
    };
    let instance = Instance::try_from(row)?;
    let mut purposes = Vec::new();
    if instance.settings.delivery.operational_url.is_some() {
        purposes.push(Purpose::Operational);
    }
    if remembered::operator_listens(tx).await? {
        purposes.push(Purpose::Operator);
    }
    let count = u32::try_from(purposes.len()).unwrap_or_default();
    let ids = ids::reserve_in(tx, ids::Kind::Notification, count).await?;
    let notices = ids.into_iter().zip(purposes).map(|(id, purpose)| {
        let id = NotificationId(id);
        let body = incident.body(id, &instance, now);
        Ok(NewNotification {
            notification: Notification {
                id,
                instance: instance.id,
                resource: RESOURCE.to_owned(),
                created_at: now,
                body: body.map_err(|error| Error::corrupt("a notice's body", error))?,
                purpose,
                media_type: MediaType::Json,
            },
            traceparent: None,
            due_at: now,
            ordered: None,
        })
    });
    let notices = notices.collect::<Result<Vec<_>>>()?;
    if !notices.is_empty() {
        let (contents, deliveries) = pages::notifications(&notices);
        tx.execute(contents).await?;
        tx.execute(deliveries).await?;
    }
    Ok(())
}

/// Counts those of these notifications that are dead letters now; the first of an instance is told at once, the others
/// once in an hour.
pub(crate) async fn dead_letters(tx: &mut Tx, ids: &[i64], now: DateTime<Utc>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let count = Sql::new(COUNT_DEAD).rows(Rows::new().int("id", ids.iter().copied()));
    let dead: Vec<(i64, i64)> = tx.all(count).await?;
    let instances = || Rows::new().int("instance_id", dead.iter().map(|(id, _)| *id));
    let add = Sql::new(
        "INSERT INTO dead_letter_notices (instance_id, noticed_at, unnoticed) \
         SELECT instance_id, 0, dead FROM rows WHERE TRUE ORDER BY instance_id \
         ON CONFLICT (instance_id) DO UPDATE \
         SET unnoticed = dead_letter_notices.unnoticed + excluded.unnoticed",
    );
    let counts = instances().int("dead", dead.iter().map(|(_, count)| *count));
    tx.execute(add.rows(counts)).await?;
    let to_be_told = Sql::new(
        "SELECT instance_id, unnoticed FROM dead_letter_notices \
         WHERE instance_id IN (SELECT instance_id FROM rows) AND noticed_at <= $1 ORDER BY instance_id",
    );
    let hour_ago = time::to_ms(now).saturating_sub_unsigned(BETWEEN.as_millis() as u64);
    let to_be_told: Vec<(i64, i64)> = tx.all(to_be_told.bind(hour_ago).rows(instances())).await?;
    for (id, count) in to_be_told {
        let count = count.unsigned_abs();
        store(tx, InstanceId(id), &Incident::DeadLetters { count }, now).await?;
        let told = Sql::new(
            "UPDATE dead_letter_notices SET noticed_at = $2, unnoticed = 0 WHERE instance_id = $1",
        );
        tx.execute(told.bind(id).bind(now)).await?;
    }
    Ok(())
}
