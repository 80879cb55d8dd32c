//! Events as they are stored and as they move on, for whoever watches.
//!
//! Ids are given before they are committed, so that a lower one may appear after a higher: what is young is looked at
//! again until it has settled, and what was told already is remembered for so long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use chrono::TimeDelta;
use futures::Stream;
use futures::stream;
use ie_model::{NotificationId, NotificationStatus, OrganizationId, StoredNotification};
use ie_store::{NotificationFilter, Page};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::app::App;
use crate::error::{ApiError, Result};

/// How often the store is asked.
const EVERY: Duration = Duration::from_millis(500);
/// Events that are read at once.
const BATCH: u32 = 200;
/// Events that are followed, the newest; further ones are told of once.
const FOLLOWED: usize = 200;
/// After this time no event with a lower id appears any more.
const SETTLED: TimeDelta = TimeDelta::seconds(10);
/// After this time the watcher has to come again, and to show again who it is.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Watchers of one process: each asks the store by itself.
const MOST: usize = 100;
/// When a watcher that found no room may try again.
const LATER: Duration = Duration::from_secs(30);

/// The room for watchers.
#[derive(Debug)]
pub(crate) struct Watchers(Arc<Semaphore>);

impl Default for Watchers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

/// Something to tell.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// An event is there.
    Stored(StoredNotification),
    /// An event that was told of stands elsewhere.
    Moved(StoredNotification),
}

/// What a watcher has been told.
#[derive(Debug)]
struct Tail {
    search: NotificationFilter,
    status: Option<NotificationStatus>,
    /// Up to here every event was told.
    settled: i64,
    /// Told above that.
    told: BTreeSet<i64>,
    followed: BTreeMap<i64, Standing>,
    /// The newest so many before the first are told of as they stand, since what a watcher sees may have moved.
    recent: u32,
    /// Its room, which it has until it ends.
    _room: OwnedSemaphorePermit,
}

/// Where an event stands, and after how many attempts.
type Standing = (NotificationStatus, u32);

/// From where a watcher is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    /// After this event.
    pub(crate) after: i64,
    /// So many before it are followed as well, and told of as they stand at the beginning.
    pub(crate) recent: u32,
}

/// The newest event's id: where a watcher begins that has seen nothing.
pub(crate) async fn newest(app: &App, organization: OrganizationId) -> Result<i64> {
    let search = NotificationFilter {
        organization: Some(organization),
        ..NotificationFilter::default()
    };
    let page = Page {
        after: None,
        limit: 1,
    };
    let found = app.store.newest_notifications(&search, page).await?;
    Ok(found
        .first()
        .map_or(0, |newest| newest.notification.id.get()))
}

/// What happens after the event `after`, in groups, until the soft stop, a failure of the store or ten minutes.
///
/// # Errors
/// Too many are watching.
pub(crate) fn follow(
    app: App,
    search: NotificationFilter,
    begin: Begin,
) -> Result<impl Stream<Item = Vec<News>>> {
    let room = Arc::clone(&app.watchers.0).try_acquire_owned();
    let room = room.map_err(|_| {
        let text = format!("{MOST} others are watching events already; try again later");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(Some(LATER))
    })?;
    let tail = Tail {
        status: search.status,
        // An event that fails later is stored as one that has not.
        search: NotificationFilter {
            status: None,
            ..search
        },
        settled: begin.after,
        recent: begin.recent,
        _room: room,
        told: BTreeSet::new(),
        followed: BTreeMap::new(),
    };
    let start = Instant::now();
    Ok(stream::unfold(
        (app, tail, start),
        move |(app, mut tail, next)| async move {
            let stopping = app.lifecycle.stopping();
            tokio::select! {
                () = sleep_until(next) => {}
                () = stopping.cancelled() => return None,
            }
            if start.elapsed() > LONGEST {
                return None;
            }
            match tail.look(&app).await {
                Ok(news) => Some((news, (app, tail, Instant::now() + EVERY))),
                Err(error) => {
                    error.log();
                    None
                }
            }
        },
    ))
}

impl Tail {
    async fn look(&mut self, app: &App) -> Result<Vec<News>> {
        let mut news = self.moved(app).await?;
        news.extend(self.begin(app).await?);
        let page = Page {
            after: Some(self.settled),
            limit: BATCH,
        };
        let found = app.store.notifications(&self.search, page).await?;
        let is_full = u32::try_from(found.len()) == Ok(BATCH);
        let young = app.clock.now() - SETTLED;
        let mut settles = true;
        for stored in found {
            let id = stored.notification.id.get();
            settles &= is_full || stored.notification.created_at < young;
            if settles {
                self.settled = id;
            }
            let is_new = !self.told.contains(&id);
            if is_new {
                self.told.insert(id);
                self.follow(&stored);
                if self.wants(&stored) {
                    news.push(News::Stored(stored));
                }
            }
        }
        self.told = self.told.split_off(&(self.settled + 1));
        Ok(news)
    }

    /// What the watcher may see already.
    async fn begin(&mut self, app: &App) -> Result<Vec<News>> {
        let page = Page {
            after: Some(self.settled.saturating_add(1)),
            limit: std::mem::take(&mut self.recent),
        };
        if page.limit == 0 {
            return Ok(Vec::new());
        }
        let found = app.store.newest_notifications(&self.search, page).await?;
        Ok(self.told_of(found))
    }

    /// What stands elsewhere than when it was told.
    async fn moved(&mut self, app: &App) -> Result<Vec<News>> {
        let ids: Vec<NotificationId> = self.followed.keys().copied().map(NotificationId).collect();
        let moved = app.store.delivery_states(&ids).await?.into_iter();
        let moved = moved
            .filter(|(id, now)| self.followed.get(&id.get()) != Some(&(now.status, now.attempts)));
        let moved: Vec<NotificationId> = moved.map(|(id, _)| id).collect();
        let found = app.store.events(&moved).await?;
        Ok(self.told_of(found))
    }

    /// News of events that are known already.
    fn told_of(&mut self, found: Vec<StoredNotification>) -> Vec<News> {
        for stored in &found {
            self.follow(stored);
        }
        let wanted = found.into_iter().filter(|stored| self.wants(stored));
        wanted.map(News::Moved).collect()
    }

    fn follow(&mut self, stored: &StoredNotification) {
        let standing = (stored.status, stored.attempts);
        self.followed.insert(stored.notification.id.get(), standing);
        if self.followed.len() > FOLLOWED {
            self.followed.pop_first();
        }
    }

    fn wants(&self, stored: &StoredNotification) -> bool {
        self.status.is_none_or(|status| status == stored.status)
    }
}
