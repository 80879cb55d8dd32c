//! From changes to notifications, in the store and in the queue.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ie_broker::Outgoing;
use ie_model::{
    ChangeEvent, EventOrder, EventType, Notification, NotificationBody, NotificationId, Settings,
    Version,
};
use ie_platform::telemetry::current_traceparent;
use ie_store::{NewNotification, Ordered};
use metrics::counter;
use serde_json::Value;
use tracing::warn;

use crate::filter::wanted;
use crate::outcome::Stop;
use crate::plan::Change;
use crate::poll::Poll;
use crate::publish::publish;

/// What is remembered of changed records: with their content where updates are to say what they changed.
pub(crate) fn remembered(changes: &[Change], settings: &Settings) -> Vec<(String, Version)> {
    let remember = |change: &Change| {
        let keep = settings.changes && !change.version.is_gone();
        let version = Version {
            content: keep.then(|| change.observed.record.text().to_owned()),
            ..change.version.clone()
        };
        (change.observed.object_id.clone(), version)
    };
    changes.iter().map(remember).collect()
}

/// What kinds of changes these are: all that is still of interest once they are told of, since records are large.
pub(crate) fn kinds(changes: Vec<Change>) -> Vec<EventType> {
    changes.iter().map(|change| change.event_type).collect()
}

/// Counts what was stored.
pub(crate) fn count_changes(kinds: Vec<EventType>) {
    for kind in kinds {
        counter!("ie_changes_total", "type" => kind.as_str()).increment(1);
    }
}

impl Poll<'_> {
    /// The notifications of these changes, so many events in each as the instance takes at once, and of those alone
    /// that its owner wants to be told of.
    pub(crate) async fn notifications(
        &self,
        changes: &[Change],
    ) -> Result<Vec<NewNotification>, Stop> {
        let settings = &self.instance.settings;
        let filter = settings.delivery.filter.as_ref();
        let changes = wanted(changes, &self.poller.resource, filter);
        let batch = usize::from(settings.batch.max(1));
        let count = changes.len().div_ceil(batch);
        if count == 0 {
            return Ok(Vec::new());
        }
        let ids = self
            .parts
            .store
            .reserve_notification_ids(count as u32)
            .await?;
        let now = self.clock.now();
        let order = settings.delivery.order == EventOrder::PerObject;
        let due_at = now + self.parts.config.publish_grace;
        let traceparent = current_traceparent();
        let make = |(changes, id): (&[&Change], _)| {
            Ok(NewNotification {
                notification: self.notification(id, changes, now)?,
                traceparent: traceparent.clone(),
                due_at,
                ordered: order.then(|| self.ordered(changes)),
            })
        };
        changes.chunks(batch).zip(ids).map(make).collect()
    }

    fn notification(
        &self,
        id: NotificationId,
        changes: &[&Change],
        now: DateTime<Utc>,
    ) -> Result<Notification, Stop> {
        let events: Vec<_> = changes
            .iter()
            .map(|change| self.event(change, now))
            .collect();
        let records: Vec<_> = changes
            .iter()
            .map(|change| change.observed.record.raw())
            .collect();
        let body = NotificationBody {
            id,
            instance: self.instance,
            resource: &self.poller.resource,
            created_at: now,
            events: &events,
            records: &records,
        };
        Ok(Notification {
            id,
            instance: self.instance.id,
            resource: self.poller.resource.clone(),
            created_at: now,
            media_type: body.media_type(),
            body: body
                .to_raw()
                .map_err(|error| Stop::Unusable(error.to_string()))?,
            purpose: ie_model::Purpose::Changes,
        })
    }

    /// What a notification of these changes waits for.
    fn ordered(&self, changes: &[&Change]) -> Ordered {
        let objects = changes.iter().map(|change| &change.observed.object_id);
        Ordered {
            objects: objects.cloned().collect(),
            dead_letter: self.instance.settings.delivery.dead_letter_order,
        }
    }

    /// Publishes what was stored and is not held by its order; what does not reach the queue is the relay's.
    pub(crate) async fn publish(
        &self,
        notifications: &[NewNotification],
        held: &HashSet<NotificationId>,
    ) {
        let batch: Vec<_> = notifications
            .iter()
            .filter(|new| !held.contains(&new.notification.id))
            .map(|new| Outgoing {
                message: &new.notification,
                traceparent: new.traceparent.clone(),
                // Where there is an order, a copy that comes late must not come after its successors.
                republished: new.ordered.is_some(),
                attempt: 1,
            })
            .collect();
        if let Err(error) = publish(
            &self.parts.broker,
            &self.parts.store,
            &batch,
            self.clock.now(),
        )
        .await
        {
            warn!(
                error = format!("{error:#}"),
                notifications = batch.len(),
                "notifications are stored but not all are in the queue yet; the relay publishes them"
            );
        }
    }

    fn event(&self, change: &Change, now: DateTime<Utc>) -> ChangeEvent {
        let is_update = change.event_type == EventType::Updated && !change.snapshot;
        // A record that is back without a write is an update of what is not known.
        let unknown = (self.instance.settings.changes && is_update).then_some(Value::Null);
        ChangeEvent {
            object_type: self.poller.resource.clone(),
            object_id: change.observed.object_id.clone(),
            event_type: change.event_type,
            date: change.observed.updated,
            poll_date: now,
            element_key: "insightly".to_owned(),
            hub_key: "crm".to_owned(),
            sequence: change.version.sequence,
            snapshot: change.snapshot,
            test: false,
            changes: change.what.clone().or(unknown),
        }
    }
}
