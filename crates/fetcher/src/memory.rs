//! Which versions a poll may forget: the decision, pure.
//!
//! A record updated before the start of a window is none of the window's changes. Starts only move forward, so a version
//! from long before the start is of no use: no window can reach it again. What is lost with it is harmless: sequences
//! follow the time, and a record that is updated so long after its creation is never CREATED.

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::{Poller, ResourceConfig, Settings, catalog};
use ie_store::Prune;

use crate::poll::Poll;
use crate::window::Window;

/// So much longer than a window reaches back a version is remembered.
///
/// It covers what the owner may still change about the window (`event.poller.overlap`, an hour at the most, `pollDelay`, a
/// day) and about what counts as CREATED (`createdCheckTolerance`, a day), and dates read in a wrong time zone.
const MARGIN: TimeDelta = TimeDelta::days(3);

/// How long pruning rests after it went through a poller's versions.
const REST: std::time::Duration = std::time::Duration::from_secs(6 * 60 * 60);

/// Versions looked at for each change that the poll has found: more are forgotten than come.
const PER_CHANGE: usize = 4;

/// Whether old versions are of no use to a poller.
fn is_prunable(object: &str, config: &ResourceConfig, settings: &Settings) -> bool {
    // A deletion is told of records that are known, a change against the content that is kept.
    let remembers = settings.deletes_interval > 0 || settings.changes || settings.skip_unchanged;
    !remembers && config.filter_by_updated_date && has_usual_dates(object, config)
}

/// Insightly's own dates: a record is created before it is updated, and only once. Other fields promise nothing.
fn has_usual_dates(object: &str, config: &ResourceConfig) -> bool {
    let Some(known) = catalog::object(object) else {
        return false;
    };
    let created = known.created_field.as_deref();
    known.updated_field.as_deref() == Some(config.updated.path.as_str())
        && config
            .created
            .as_ref()
            .is_none_or(|field| created == Some(field.path.as_str()))
}

/// Before which time versions may be forgotten, when the poller's cursor stands there.
fn horizon(cursor: DateTime<Utc>, poller: &Poller, settings: &Settings) -> DateTime<Utc> {
    let back = i64::from(settings.overlap) + i64::from(poller.config.poll_delay);
    cursor - TimeDelta::seconds(back) - MARGIN
}

impl Poll<'_> {
    /// What a finished poll may forget that has found so many changes.
    pub(crate) fn prune(
        &self,
        window: &Window,
        cursor: DateTime<Utc>,
        changes: usize,
    ) -> Option<Prune> {
        let (poller, settings) = (self.poller, &self.instance.settings);
        if !window.moves || !is_prunable(&poller.object, &poller.config, settings) {
            return None;
        }
        let most = u32::try_from(changes.saturating_mul(PER_CHANGE)).unwrap_or(u32::MAX);
        Some(Prune {
            before: horizon(cursor, poller, settings),
            most: most.max(self.parts.config.prune_batch),
            rest: REST,
            at: self.clock.now(),
        })
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
