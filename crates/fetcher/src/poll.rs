//! One poll: from a poller's cursor through all pages of its window to the next cursor.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ie_insightly::Record;
use ie_insightly::normalize::{Observed, Reader};
use ie_model::{Fence, Initial, Instance, Poller};
use ie_platform::clock::SharedClock;
use ie_store::{Error as StoreError, PageCommit, Progress};

use crate::aside::{Met, Reread};
use crate::events::{count_changes, kinds, remembered};
use crate::outcome::Stop;
use crate::pace::{Pace, next};
use crate::pages::{Pages, Step, content};
use crate::plan::{Plan, Rules, plan};
use crate::request::Desk;
use crate::run::Parts;
use crate::snapshot_plan::first_sight;
use crate::window::{Window, window};

/// A poll of more requests is a walk, of which an account may have fewer at once.
const SHORT_WALK: u32 = 3;

/// How often a walk says what is left of the day, in requests.
const NOTE_EVERY: u32 = 20;

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
    pub(crate) quarantined: usize,
}

/// A walk through the pages of a window.
struct Walk {
    reader: Reader,
    window: Window,
    /// When it began, by our clock.
    began: DateTime<Utc>,
    met: Met,
}

/// The end of a walk.
struct End {
    /// Insightly's time when the walk began.
    window_end: DateTime<Utc>,
    pace: Pace,
    reread: Reread,
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
        let mut walk = Walk {
            reader,
            window,
            began: self.clock.now(),
            met: Met::default(),
        };
        let mut report = Report::default();
        let mut walk_began = None;
        loop {
            let search = ie_insightly::Search {
                skip: pages.skip(),
                ..walk.window.search.clone()
            };
            let answer = self.desk.search(&self.poller.object, &search).await?;
            report.requests += 1;
            // The window ends at Insightly's time when the walk began, never at ours.
            let window_end = *walk_began.get_or_insert(answer.server_date);
            let step = pages.after(&answer.body.records, content, answer.body.total);
            if step == Step::GiveUp {
                return Err(Stop::Shifting);
            }
            let mut end = None;
            if step == Step::Complete {
                let reread = self.reread(&walk.reader).await?;
                report.requests += reread.requests;
                end = Some(End {
                    window_end,
                    pace: self.desk.note_poll(answer.budget, report.requests).await?,
                    reread,
                });
            } else if report.requests == SHORT_WALK {
                self.desk.walk_on()?;
            } else if report.requests.is_multiple_of(NOTE_EVERY) {
                self.desk.note_budget(answer.budget).await?;
            }
            let complete = end.is_some();
            self.commit(answer.body.records, &mut walk, end, &mut report)
                .await?;
            if complete {
                return Ok(report);
            }
        }
    }

    /// Stores a page's changes, their notifications and the progress in one transaction, then publishes.
    async fn commit(
        &mut self,
        records: Vec<Record>,
        walk: &mut Walk,
        mut end: Option<End>,
        report: &mut Report,
    ) -> Result<(), Stop> {
        report.records += records.len();
        let (observed, found) = self.read(&walk.reader, records, walk.window.start);
        report.quarantined += found.len();
        walk.met.note(&found);
        let first_bad = found.first().map(|bad| bad.reason.clone());

        let mut page = PageCommit::new(self.progress(walk, end.as_ref()));
        let walked = end.is_some().then_some((walk.window.start, walk.began));
        let mut nothing = Reread::default();
        let reread = end.as_mut().map_or(&mut nothing, |end| &mut end.reread);
        page.quarantine = self.quarantine(&walk.met, (&observed, found), reread, walked);
        let readable = std::mem::take(&mut reread.readable);
        let Plan { changes, unchanged } = self.plan(observed, readable, walk).await?;
        report.changes += changes.len();
        page.versions = remembered(&changes, &self.instance.settings);
        page.versions.extend(unchanged);
        page.notifications = self.notifications(&changes).await?;
        let kinds = kinds(changes);
        if let Progress::Finished { cursor, .. } = page.progress {
            page.prune = self.prune(&walk.window, cursor, report.changes);
        }
        let stored = self.parts.store.commit_page(self.fence, &page).await;
        let committed = stored.map_err(|error| match error {
            StoreError::QuarantineFull { limit } => Stop::Unreadable {
                limit,
                reason: first_bad.unwrap_or_default(),
            },
            error => error.into(),
        })?;
        self.fence = committed.fence;
        count_changes(kinds);
        self.publish(&page.notifications, &committed.held).await;
        Ok(())
    }

    /// What changed among the records of a page, and among those that left the quarantine.
    async fn plan(
        &self,
        observed: Vec<Observed>,
        readable: Vec<(Observed, DateTime<Utc>)>,
        walk: &Walk,
    ) -> Result<Plan, Stop> {
        let again = readable.iter().map(|(record, _)| record);
        let ids = observed.iter().chain(again);
        let ids: Vec<String> = ids.map(|record| record.object_id.clone()).collect();
        let mut known = if ids.is_empty() {
            HashMap::new()
        } else {
            let store = &self.parts.store;
            store.known_versions(self.poller.id, &ids).await?
        };
        let rules = self.rules(walk);
        let mut whole = plan(observed, &known, &rules);
        for (record, window_start) in readable {
            known.extend(whole.versions());
            // One that a snapshot could not read is older than any window.
            if self.instance.settings.initial == Initial::Snapshot
                && record.updated < self.poller.baseline
            {
                let seen = first_sight(vec![record], &known, self.poller.baseline);
                whole.changes.extend(seen);
                continue;
            }
            // Its change belongs to the window in which it could not be read.
            let rules = Rules {
                window_start,
                ..rules
            };
            whole.extend(plan(vec![record], &known, &rules));
        }
        Ok(whole)
    }

    fn rules<'w>(&self, walk: &'w Walk) -> Rules<'w> {
        let (config, settings) = (&self.poller.config, &self.instance.settings);
        Rules {
            window_start: walk.window.start,
            baseline: self.poller.baseline,
            created_tolerance: TimeDelta::seconds(i64::from(config.created_check_tolerance)),
            filter_by_updated_date: config.filter_by_updated_date,
            what_changed: settings.changes.then(|| walk.reader.updated_path()),
            skip_unchanged: settings.skip_unchanged,
        }
    }

    /// Where the poller stands after a page; `end` after the last one.
    fn progress(&self, walk: &Walk, end: Option<&End>) -> Progress {
        let now = self.clock.now();
        let config = &self.parts.config;
        let Some(end) = end else {
            return Progress::UnderWay {
                lease_until: now + config.lease,
            };
        };
        let dice = (config.jitter, config.dice());
        let next = next(self.poller, end.pace, now, dice);
        let window = (self.poller.cursor, end.window_end);
        Progress::Finished {
            cursor: walk.met.cursor(window, self.poller.interval_minutes),
            next_due: next.due,
            planned: next.planned,
            at: now,
        }
    }
}
