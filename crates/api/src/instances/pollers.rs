//! The pollers of an instance, as the store is to have them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::{Poller, PollerStatus, Settings};
use ie_store::{NewPoller, PollerChanges};

use crate::draft::Resource;

/// Where new pollers begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Insightly's time: changes from here on are events.
    pub(super) cursor: DateTime<Utc>,
    /// Our time, from which the first polls are due.
    pub(super) due_at: DateTime<Utc>,
    /// Over how long the first polls are spread.
    pub(super) spread: Duration,
}

impl Start {
    /// When one of the pollers is due first.
    fn first(self) -> DateTime<Utc> {
        self.due_at + self.spread.mul_f64(rand::random::<f64>())
    }
}

/// Whether an instance's pollers run.
pub(super) fn status(settings: &Settings, disabled: bool) -> PollerStatus {
    if settings.events_enabled && !disabled {
        PollerStatus::Active
    } else {
        PollerStatus::Paused
    }
}

/// A poller for each resource; those that exist keep what they have read.
pub(super) fn plan(
    resources: &[Resource],
    settings: &Settings,
    status: PollerStatus,
    start: Start,
) -> Vec<NewPoller> {
    let pollers = resources.iter().map(|resource| NewPoller {
        resource: resource.name.clone(),
        object: resource.object.clone(),
        config: resource.config.clone(),
        interval_minutes: settings.refresh_interval,
        cursor: start.cursor,
        due_at: start.first(),
        status,
    });
    pollers.collect()
}

/// The same pollers, running or paused. Those that go on are due from `start` on, wherever they stood.
pub(super) fn with_status(
    pollers: Vec<Poller>,
    status: PollerStatus,
    start: Start,
) -> PollerChanges {
    let pollers = pollers.into_iter().map(|poller| NewPoller {
        resource: poller.resource,
        object: poller.object,
        config: poller.config,
        interval_minutes: poller.interval_minutes,
        cursor: poller.cursor,
        due_at: match status {
            PollerStatus::Active => start.first(),
            PollerStatus::Paused => poller.due_at,
        },
        status,
    });
    PollerChanges {
        upsert: pollers.collect(),
        keep_others: true,
    }
}

/// Insightly's dates have whole seconds: so has a cursor.
pub(super) fn whole_seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at - TimeDelta::nanoseconds(i64::from(at.timestamp_subsec_nanos()))
}
