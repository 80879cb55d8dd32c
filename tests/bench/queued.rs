//! Notifications as a fetcher leaves them: stored, published and marked.

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use ie_broker::{Broker, Outgoing};
use ie_model::{Fence, InstanceId, Notification};
use ie_simulator::{Control, Query};
use ie_store::{NewNotification, PageCommit, Progress, Store};
use serde_json::json;
use serde_json::value::RawValue;

use crate::stage::Stage;

/// Notifications in one transaction and in one publishing.
const BATCH: usize = 1_000;

/// Longer than any measurement: nobody else takes part.
const AGES: TimeDelta = TimeDelta::days(1);

/// Stores notifications of some instances through one of their pollers.
pub(crate) struct Storing {
    store: Store,
    instances: Vec<InstanceId>,
    fence: Fence,
    bodies: Bodies,
    now: DateTime<Utc>,
}

/// What the notifications say.
pub(crate) enum Bodies {
    /// One event each, with its record: what a live poll usually finds.
    Records(Vec<Box<RawValue>>),
    /// As little as possible, where only their number matters.
    Small,
}

impl Bodies {
    /// Records of a simulator.
    pub(crate) fn of(world: &Control) -> anyhow::Result<Self> {
        let query = Query {
            top: Some(100),
            ..Query::default()
        };
        let page = world.with_world(|world, now| world.search(None, "Contacts", &query, now))?;
        let records: Vec<Box<RawValue>> = serde_json::from_slice(&page.to_json(false))?;
        anyhow::ensure!(!records.is_empty(), "the simulator has no contact");
        Ok(Self::Records(records))
    }

    fn body(&self, id: i64, instance: InstanceId) -> anyhow::Result<Box<RawValue>> {
        let Self::Records(records) = self else {
            return Ok(RawValue::from_string(format!(r#"{{"id":{id}}}"#))?);
        };
        let record = &records[id.unsigned_abs() as usize % records.len()];
        let body = json!({
            "id": id,
            "createdDateTime": "2026-11-24T10:00:03Z",
            "topic": "events",
            "action": "create",
            "severity": "low",
            "message": {
                "elementKey": "insightly",
                "accountId": 1,
                "eventId": id,
                "companyId": 1,
                "instanceId": instance,
                "instance_id": instance,
                "instanceName": "bench",
                "instanceTags": [],
                "raw": {"objectType": "contacts", "contacts": [record]},
                "userId": 1,
                "events": [{
                    "objectType": "contacts",
                    "objectId": id.to_string(),
                    "eventType": "UPDATED",
                    "date": "2026-11-24T09:59:41Z",
                    "pollDate": "2026-11-24T10:00:01Z",
                    "elementKey": "insightly",
                    "hubKey": "crm",
                    "sequence": 3,
                }],
            },
        });
        Ok(serde_json::value::to_raw_value(&body)?)
    }
}

impl Storing {
    /// Notifications for these instances, in turn.
    pub(crate) async fn new(
        stage: &Stage,
        instances: &[i64],
        bodies: Bodies,
    ) -> anyhow::Result<Self> {
        let instances: Vec<_> = instances.iter().copied().map(InstanceId).collect();
        let first = *instances.first().context("no instance")?;
        let pollers = stage.store.pollers(first).await?;
        let fence = pollers.first().context("no poller")?.fence();
        Ok(Self {
            store: stage.store.clone(),
            instances,
            fence,
            bodies,
            now: stage.context.clock.now(),
        })
    }

    /// Stores so many.
    pub(crate) async fn store(&mut self, count: usize) -> anyhow::Result<Vec<Notification>> {
        let mut stored = Vec::with_capacity(count);
        while stored.len() < count {
            let size = BATCH.min(count - stored.len());
            stored.extend(self.batch(size).await?);
        }
        Ok(stored)
    }

    async fn batch(&mut self, size: usize) -> anyhow::Result<Vec<Notification>> {
        let ids = self
            .store
            .reserve_notification_ids(u32::try_from(size)?)
            .await?;
        let mut batch = Vec::with_capacity(size);
        for id in ids {
            let place = id.get().unsigned_abs() as usize % self.instances.len();
            let instance = self.instances[place];
            batch.push(Notification {
                id,
                instance,
                resource: "contacts".to_owned(),
                created_at: self.now,
                body: self.bodies.body(id.get(), instance)?,
                purpose: ie_model::Purpose::Changes,
                media_type: ie_model::MediaType::default(),
            });
        }
        let notifications = batch.iter().map(|notification| NewNotification {
            notification: notification.clone(),
            traceparent: None,
            due_at: self.now + AGES,
            ordered: None,
        });
        let page = PageCommit {
            notifications: notifications.collect(),
            ..PageCommit::new(Progress::UnderWay {
                lease_until: self.now + AGES,
            })
        };
        self.fence = self.store.commit_page(self.fence, &page).await?.fence;
        Ok(batch)
    }

    /// Stores, publishes and marks so many without keeping them.
    pub(crate) async fn queue(&mut self, broker: &Broker, count: usize) -> anyhow::Result<()> {
        let mut queued = 0;
        while queued < count {
            let batch = self.batch(BATCH.min(count - queued)).await?;
            publish(broker, &batch).await?;
            self.mark(&batch).await?;
            queued += batch.len();
        }
        Ok(())
    }

    /// Marks what the broker has confirmed.
    pub(crate) async fn mark(&self, notifications: &[Notification]) -> anyhow::Result<()> {
        for batch in notifications.chunks(BATCH) {
            let ids: Vec<_> = batch.iter().map(|notification| notification.id).collect();
            self.store.mark_received(&ids, self.now + AGES).await?;
        }
        Ok(())
    }
}

/// Publishes notifications and waits until the broker has every one.
pub(crate) async fn publish(broker: &Broker, notifications: &[Notification]) -> anyhow::Result<()> {
    for batch in notifications.chunks(BATCH) {
        let batch: Vec<_> = batch.iter().map(Outgoing::new).collect();
        for outcome in broker.publish(&batch).await? {
            outcome?;
        }
    }
    Ok(())
}
