//! One poll: from a poller's cursor through all pages of its window to the next cursor.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ie_broker::Outgoing;
use ie_insightly::normalize::{Observed, Reader};
use ie_model::{ChangeEvent, Fence, Instance, Notification, NotificationBody, Poller};
use ie_platform::clock::SharedClock;
use ie_platform::telemetry::current_traceparent;
use ie_store::{NewNotification, PageCommit, Progress};
use metrics::counter;
use serde_json::Value;
use tracing::warn;

use crate::outcome::Stop;
use crate::pages::{Pages, Step};
use crate::plan::{Change, Rules, plan};
use crate::publish::publish;
use crate::request::Desk;
use crate::run::Parts;
use crate::window::{Window, window};

/// A poll under way.
pub(crate) struct Poll<'a> {
    pub(crate) parts: &'a Arc<Parts>,
    pub(crate) clock: &'a SharedClock,
    pub(crate) desk: Desk<'a>,
    pub(crate) poller: &'a Poller,
    pub(crate) instance: &'a Instance,
    /// Shown with each write, renewed by each write.
    pub(crate) fence: Fence,
}

/// What a finished poll did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) requests: u32,
    pub(crate) records: usize,
    pub(crate) changes: usize,
    pub(crate) unreadable: usize,
}

impl Poll<'_> {
    /// Reads the whole window; the cursor moves with the last page only.
    pub(crate) async fn run(&mut self) -> Result<Report, Stop> {
        let reader =
            Reader::new(&self.poller.config).map_err(|error| Stop::Unusable(error.to_string()))?;
        let page_size = self.parts.config.page_size;
        let window = window(self.poller, &self.instance.settings, page_size)
            .map_err(|error| Stop::Unusable(error.to_string()))?;
        let mut pages = Pages::new(window.search.top);
        let mut report = Report::default();
        let mut walk_began = None;
        loop {
            let search = ie_insightly::Search {
                skip: pages.skip(),
                ..window.search.clone()
            };
            let answer = self.desk.search(&self.poller.object, &search).await?;
            report.requests += 1;
            // The window ends at Insightly's time when the walk began, never at ours.
            let window_end = *walk_began.get_or_insert(answer.server_date);
            let ids: Vec<String> = answer
                .body
                .records
                .iter()
                .map(|record| self.identity(record))
                .collect();
            let step = pages.after(&ids, answer.body.total);
            if step == Step::GiveUp {
                return Err(Stop::Shifting);
            }
            let complete = step == Step::Complete;
            if complete {
                self.desk.note_budget(&answer).await?;
            }
            report.records += answer.body.records.len();
            let observed = self.read(&reader, answer.body.records, &mut report);
            report.changes += self
                .commit(observed, &window, complete.then_some(window_end))
                .await?;
            if complete {
                return Ok(report);
            }
        }
    }

    /// The id of a record, to recognize it across pages; its content where it has none.
    fn identity(&self, record: &Value) -> String {
        record
            .get(&self.poller.config.id_field)
            .unwrap_or(record)
            .to_string()
    }

    fn read(&self, reader: &Reader, records: Vec<Value>, report: &mut Report) -> Vec<Observed> {
        let mut observed = Vec::with_capacity(records.len());
        for record in records {
            match reader.read(record) {
                Ok(record) => observed.push(record),
                Err(bad) => {
                    report.unreadable += 1;
                    counter!("ie_records_unreadable_total").increment(1);
                    warn!(
                        poll.object = self.poller.object,
                        instance.id = %self.poller.instance,
                        object.id = bad.object_id,
                        reason = bad.reason,
                        "a record cannot be read and is left out"
                    );
                }
            }
        }
        observed
    }

    /// Stores a page's changes, their notifications and the progress in one transaction, then publishes.
    async fn commit(
        &mut self,
        observed: Vec<Observed>,
        window: &Window,
        window_end: Option<DateTime<Utc>>,
    ) -> Result<usize, Stop> {
        let store = &self.parts.store;
        let known = if observed.is_empty() {
            HashMap::new()
        } else {
            let ids: Vec<String> = observed
                .iter()
                .map(|record| record.object_id.clone())
                .collect();
            store.known_versions(self.poller.id, &ids).await?
        };
        let changes = plan(observed, &known, &self.rules(window));
        let notifications = self.notifications(&changes).await?;
        let page = PageCommit {
            versions: changes
                .iter()
                .map(|c| (c.observed.object_id.clone(), c.version.clone()))
                .collect(),
            notifications,
            progress: self.progress(window_end),
        };
        self.fence = store.commit_page(self.fence, &page).await?;
        for change in &changes {
            counter!("ie_changes_total", "type" => change.event_type.as_str()).increment(1);
        }
        self.publish(&page.notifications).await;
        Ok(changes.len())
    }

    async fn publish(&self, notifications: &[NewNotification]) {
        let batch: Vec<_> = notifications
            .iter()
            .map(|new| Outgoing {
                message: &new.notification,
                traceparent: new.traceparent.clone(),
                republished: false,
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

    fn rules(&self, window: &Window) -> Rules {
        let config = &self.poller.config;
        Rules {
            window_start: window.start,
            baseline: self.poller.baseline,
            created_tolerance: TimeDelta::seconds(i64::from(config.created_check_tolerance)),
            filter_by_updated_date: config.filter_by_updated_date,
        }
    }

    fn progress(&self, window_end: Option<DateTime<Utc>>) -> Progress {
        let now = self.clock.now();
        match window_end {
            Some(cursor) => Progress::Finished {
                cursor,
                next_due: self.next_due(now),
                at: now,
            },
            None => Progress::UnderWay {
                lease_until: now + self.parts.config.lease,
            },
        }
    }

    /// The next poll, an interval from now, spread so that pollers created together do not stay together.
    fn next_due(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let interval = f64::from(self.poller.interval_minutes) * 60.0;
        let jitter = self.parts.config.jitter;
        let spread = 1.0 + jitter * rand::random_range(-1.0..=1.0);
        now + TimeDelta::milliseconds((interval * spread * 1000.0) as i64)
    }

    async fn notifications(&self, changes: &[Change]) -> Result<Vec<NewNotification>, Stop> {
        let batch = usize::from(self.instance.settings.batch.max(1));
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
        let due_at = now + self.parts.config.publish_grace;
        let traceparent = current_traceparent();
        let make = |(changes, id): (&[Change], _)| {
            let events: Vec<_> = changes
                .iter()
                .map(|change| self.event(change, now))
                .collect();
            let records: Vec<_> = changes
                .iter()
                .map(|change| &change.observed.record)
                .collect();
            let resource = &self.poller.resource;
            let (instance, created_at) = (self.instance, now);
            let body = NotificationBody {
                id,
                instance,
                resource,
                created_at,
                events: &events,
                records: &records,
            };
            let body = body
                .to_raw()
                .map_err(|error| Stop::Unusable(error.to_string()))?;
            let notification = Notification {
                id,
                instance: instance.id,
                resource: resource.clone(),
                created_at,
                body,
            };
            Ok(NewNotification {
                notification,
                traceparent: traceparent.clone(),
                due_at,
            })
        };
        changes.chunks(batch).zip(ids).map(make).collect()
    }

    fn event(&self, change: &Change, now: DateTime<Utc>) -> ChangeEvent {
        ChangeEvent {
            object_type: self.poller.resource.clone(),
            object_id: change.observed.object_id.clone(),
            event_type: change.event_type,
            date: change.observed.updated,
            poll_date: now,
            element_key: "insightly".to_owned(),
            hub_key: "crm".to_owned(),
            sequence: change.version.sequence,
        }
    }
}
