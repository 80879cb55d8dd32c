//! Order per object: a notification is held while an earlier one of one of its objects is not settled, and set free in
//! the transaction that settles it.
//!
//! Held is NEW and due at no time, so that no relay sees it. The ids of one resource of an instance rise with its events,
//! because they are reserved under the poller's lease and stored under its fence. Indexes: `unsettled` by object and
//! notification, `unsettled_by_notification`; `deliveries` by id; `deliveries_new` for [`Store::free_stranded`].
//!
//! Nothing is held for ever, whoever comes between. A page locks the rows of its objects before it decides, and a
//! settlement locks the rows that it removes: either the page waits and finds the object free, or the settlement waits and
//! then sees the page's rows. Two settlements that both hold back one notification lock its delivery before they look at
//! what else holds it back, so the second sees what the first removed. The rest is [`Store::free_stranded`]'s.
//!
//! Locks are taken in this order: deliveries that are settled, rows of `unsettled`, deliveries that are held.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ie_model::{DeadLetterOrder, EventOrder, InstanceId, NotificationId};

use crate::database::{Lock, Tx};
use crate::pages::NewNotification;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Result, Store, time};

/// What a notification has to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The ids of the objects that it tells of.
    pub objects: Vec<String>,
    /// What becomes of its successors when it is a dead letter.
    pub dead_letter: DeadLetterOrder,
}

/// The rows of a page's objects, until its end. All of them: whichever is removed meanwhile could be the last.
pub(crate) const LOCK_OBJECTS: &str = "SELECT object_id FROM unsettled \
     WHERE instance_id = $1 AND resource = $2 AND object_id IN (SELECT object_id FROM rows) \
     ORDER BY notification_id, object_id{for_update}";

pub(crate) const INSERT: &str = "INSERT INTO unsettled \
     (instance_id, resource, object_id, notification_id, skips) \
     SELECT instance_id, resource, object_id, notification_id, skips FROM rows";

pub(crate) const HOLD: &str = "UPDATE deliveries SET due_at = NULL \
     WHERE status = 'NEW' AND notification_id IN (SELECT id FROM rows)";

/// Those that hold nobody back any more: accepted, given up, dead where that skips, or forgotten.
pub(crate) const LOCK_SETTLED: &str = "SELECT notification_id FROM unsettled \
     WHERE notification_id IN (SELECT id FROM rows) AND NOT EXISTS (SELECT 1 FROM deliveries \
     WHERE deliveries.notification_id = unsettled.notification_id \
     AND deliveries.status NOT IN ('NOTIFIED', 'CONSUMED', 'DISCARDED') \
     AND NOT (deliveries.status = 'FAILED' AND unsettled.skips)) \
     ORDER BY notification_id, object_id{for_update}";

/// The next notification of each object: the only one that can be at its head afterwards.
pub(crate) const SELECT_NEXT: &str = "SELECT (SELECT MIN(later.notification_id) FROM unsettled AS later \
     WHERE later.instance_id = own.instance_id AND later.resource = own.resource \
     AND later.object_id = own.object_id AND later.notification_id > own.notification_id) \
     FROM unsettled AS own WHERE own.notification_id IN (SELECT id FROM rows)";

/// The notifications at the head of each object.
pub(crate) const SELECT_HEADS: &str = "SELECT (SELECT MIN(earlier.notification_id) FROM unsettled AS earlier \
     WHERE earlier.instance_id = own.instance_id AND earlier.resource = own.resource \
     AND earlier.object_id = own.object_id) \
     FROM unsettled AS own WHERE own.notification_id IN (SELECT id FROM rows)";

pub(crate) const REMOVE: &str =
    "DELETE FROM unsettled WHERE notification_id IN (SELECT id FROM rows)";

/// Of these the held ones that are at the head of all of their objects.
pub(crate) const FREE: &str = "UPDATE deliveries SET due_at = $1 \
     WHERE notification_id IN (SELECT id FROM rows) AND status = 'NEW' AND due_at IS NULL \
     AND NOT EXISTS (SELECT 1 FROM unsettled AS own JOIN unsettled AS earlier \
     ON earlier.instance_id = own.instance_id AND earlier.resource = own.resource \
     AND earlier.object_id = own.object_id AND earlier.notification_id < own.notification_id \
     WHERE own.notification_id = deliveries.notification_id)";

pub(crate) const SELECT_HELD: &str = "SELECT notification_id FROM deliveries \
     WHERE status = 'NEW' AND due_at IS NULL AND notification_id > $1 ORDER BY notification_id LIMIT $2";

impl Store {
    /// Sets free what is held by nobody, among the `limit` held notifications after `after`: a safety net, to be called
    /// now and then. Returns where to go on; none when there are no more.
    pub async fn free_stranded(
        &self,
        after: Option<NotificationId>,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Option<NotificationId>> {
        let _timer = Timer::start("free_stranded");
        let held = Sql::new(SELECT_HELD)
            .bind(after.map_or(i64::MIN, NotificationId::get))
            .bind(limit);
        let held: Vec<(i64,)> = self.database.all(held).await?;
        let held: Vec<i64> = held.into_iter().map(|(id,)| id).collect();
        if held.is_empty() {
            return Ok(None);
        }
        let mut tx = self.database.begin().await?;
        let heads: Vec<(Option<i64>,)> = tx.all(of(SELECT_HEADS, &held)).await?;
        let heads: HashSet<i64> = heads.into_iter().filter_map(|(id,)| id).collect();
        let heads: Vec<i64> = heads.into_iter().collect();
        tx.lock(Lock::Deliveries, heads.iter().copied()).await?;
        settle(&mut tx, &heads, now).await?;
        free(&mut tx, &held, now).await?;
        tx.commit().await?;
        let is_full = u32::try_from(held.len()) == Ok(limit);
        let last = held.last().filter(|_| is_full);
        Ok(last.map(|id| NotificationId(*id)))
    }
}

/// Notes the order of a page's notifications, which are stored already, and holds those that have to wait; returns them.
pub(crate) async fn store(tx: &mut Tx, new: &[NewNotification]) -> Result<HashSet<NotificationId>> {
    let ordered: Vec<Place<'_>> = new.iter().filter_map(Place::of).collect();
    let Some(first) = ordered.first() else {
        return Ok(HashSet::new());
    };
    // A page belongs to one poller, and so to one resource of one instance.
    let objects: HashSet<&str> = ordered.iter().flat_map(|place| place.objects()).collect();
    let lock = Sql::new(LOCK_OBJECTS)
        .bind(first.new.notification.instance)
        .bind(first.new.notification.resource.as_str())
        .rows(Rows::new().text("object_id", objects));
    let busy: Vec<(String,)> = tx.all(lock).await?;
    let held = held(&ordered, busy.into_iter().map(|(object,)| object).collect());
    tx.execute(insert(&ordered)).await?;
    if !held.is_empty() {
        tx.execute(of(HOLD, &held)).await?;
    }
    Ok(held.into_iter().map(NotificationId).collect())
}

/// Lets go on what these notifications held back, as far as they are settled. Their deliveries are locked and have
/// their new status.
pub(crate) async fn settle(tx: &mut Tx, ids: &[i64], now: DateTime<Utc>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let settled: Vec<(i64,)> = tx.all(of(LOCK_SETTLED, ids)).await?;
    let settled: HashSet<i64> = settled.into_iter().map(|(id,)| id).collect();
    if settled.is_empty() {
        return Ok(());
    }
    let settled: Vec<i64> = settled.into_iter().collect();
    // A statement of its own, after the lock: it sees the pages that the lock has waited for.
    let next: Vec<(Option<i64>,)> = tx.all(of(SELECT_NEXT, &settled)).await?;
    tx.execute(of(REMOVE, &settled)).await?;
    let next: Vec<i64> = next.into_iter().filter_map(|(id,)| id).collect();
    free(tx, &next, now).await
}

/// What follows from another mode for what an instance has stored already. Its pollers are locked.
///
/// What was stored without an order never waits. Without an order everything goes at once; where dead letters skip,
/// so do those that there are.
pub(crate) async fn switch(
    tx: &mut Tx,
    instance: InstanceId,
    (order, dead_letter): (EventOrder, DeadLetterOrder),
    now: DateTime<Utc>,
) -> Result<()> {
    if order == EventOrder::None {
        let waiting = Sql::new(
            "SELECT DISTINCT unsettled.notification_id FROM unsettled JOIN deliveries \
             ON deliveries.notification_id = unsettled.notification_id \
             WHERE unsettled.instance_id = $1 AND deliveries.status = 'NEW' AND deliveries.due_at IS NULL",
        );
        let waiting: Vec<(i64,)> = tx.all(waiting.bind(instance)).await?;
        let waiting: Vec<i64> = waiting.into_iter().map(|(id,)| id).collect();
        forget(tx, instance).await?;
        return free(tx, &waiting, now).await;
    }
    let skips = dead_letter == DeadLetterOrder::Skip;
    let change = Sql::new("UPDATE unsettled SET skips = $2 WHERE instance_id = $1 AND skips <> $2");
    if tx.execute(change.bind(instance).bind(skips)).await? > 0 && skips {
        let dead = Sql::new(
            "SELECT DISTINCT unsettled.notification_id FROM unsettled JOIN deliveries \
             ON deliveries.notification_id = unsettled.notification_id \
             WHERE unsettled.instance_id = $1 AND deliveries.status = 'FAILED'",
        );
        let dead: Vec<(i64,)> = tx.all(dead.bind(instance)).await?;
        let dead: Vec<i64> = dead.into_iter().map(|(id,)| id).collect();
        settle(tx, &dead, now).await?;
    }
    Ok(())
}

/// Forgets the order of an instance; what is held is the caller's.
pub(crate) async fn forget(tx: &mut Tx, instance: InstanceId) -> Result<()> {
    let forget = Sql::new("DELETE FROM unsettled WHERE instance_id = $1");
    tx.execute(forget.bind(instance)).await?;
    Ok(())
}

/// Makes those due that nothing holds back any more.
async fn free(tx: &mut Tx, held: &[i64], now: DateTime<Utc>) -> Result<()> {
    if held.is_empty() {
        return Ok(());
    }
    // Another settlement may hold back the same: whoever comes second looks after the first has committed.
    tx.lock(Lock::Deliveries, held.iter().copied()).await?;
    let due = time::to_ms(now);
    tx.execute(Sql::new(FREE).bind(due).rows(id_rows(held)))
        .await?;
    Ok(())
}

fn of(text: &'static str, ids: &[i64]) -> Sql {
    Sql::new(text).rows(id_rows(ids))
}

fn id_rows(ids: &[i64]) -> Rows {
    Rows::new().int("id", ids.iter().copied())
}

/// A notification that has a place in an order.
struct Place<'a> {
    new: &'a NewNotification,
    ordered: &'a Ordered,
}

impl<'a> Place<'a> {
    fn of(new: &'a NewNotification) -> Option<Self> {
        let ordered = new.ordered.as_ref()?;
        Some(Self { new, ordered })
    }

    fn objects(&self) -> HashSet<&'a str> {
        self.ordered.objects.iter().map(String::as_str).collect()
    }
}

/// The notifications with an object that is busy, before the page or since an earlier one of it.
fn held(ordered: &[Place<'_>], mut busy: HashSet<String>) -> Vec<i64> {
    let mut held = Vec::new();
    for place in ordered {
        let mut waits = false;
        for object in place.objects() {
            waits |= !busy.insert(object.to_owned());
        }
        if waits {
            held.push(place.new.notification.id.get());
        }
    }
    held
}

fn insert(ordered: &[Place<'_>]) -> Sql {
    let all: Vec<(&str, &Place<'_>)> = ordered
        .iter()
        .flat_map(|place| {
            place
                .objects()
                .into_iter()
                .map(move |object| (object, place))
        })
        .collect();
    let notifications = || all.iter().map(|(_, place)| &place.new.notification);
    let skips = |place: &Place<'_>| place.ordered.dead_letter == DeadLetterOrder::Skip;
    let rows = Rows::new()
        .int("instance_id", notifications().map(|of| of.instance.get()))
        .text("resource", notifications().map(|of| of.resource.as_str()))
        .text("object_id", all.iter().map(|(object, _)| *object))
        .int("notification_id", notifications().map(|of| of.id.get()))
        .bool("skips", all.iter().map(|(_, place)| skips(place)));
    Sql::new(INSERT).rows(rows)
}
