//! A walk through all records of an object, a slice after each poll: what snapshots and sweeps have in common.
//!
//! A slice writes under the fence of the poll that it follows, when that poll has ended and its lease with it. So the
//! next poll never waits for a slice: claiming the poller raises its epoch, and the slice's next write is refused.

use chrono::{DateTime, Utc};
use ie_insightly::normalize::Reader;
use ie_insightly::{Answer, Error as Refusal, Page, Search};
use ie_model::AccountKey;
use ie_store::{PageCommit, Progress, QuarantineChange, Walk, WalkKind, WalkWrite};
use metrics::counter;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::{count_changes, kinds, remembered};
use crate::outcome::Stop;
use crate::pages::Pages;
use crate::plan::Change;
use crate::poll::Poll;
use crate::share::{Share, Turn};
use crate::window::window;

/// Why a slice ends before its walk does.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Its share is used up; the walk goes on then, where it is.
    Later(DateTime<Utc>),
    /// What was read cannot be relied on.
    Doubt(String),
    /// As for a poll.
    Stop(Stop),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::OutOfBudget { until } | Stop::NotYet { until } => Self::Later(until),
            stop => Self::Stop(stop),
        }
    }
}

impl From<ie_store::Error> for Halt {
    fn from(error: ie_store::Error) -> Self {
        match error {
            ie_store::Error::QuarantineFull { .. } => Self::Doubt(error.to_string()),
            error => Self::Stop(error.into()),
        }
    }
}

/// Which records a walk is through. When that changes, the walk begins again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    account: AccountKey,
    object: String,
    /// The condition of the poller's URL, if it has one.
    pub(crate) equals: Option<(String, String)>,
}

/// Where a walk is in its pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) source: Source,
    pub(crate) pages: Pages,
    /// Whether the object has no list, and is searched.
    search: bool,
}

/// What a page of a walk found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) changes: Vec<Change>,
    pub(crate) quarantine: QuarantineChange,
}

/// A slice of a walk under way.
pub(crate) struct Walker<'a> {
    pub(crate) poll: Poll<'a>,
    pub(crate) reader: Reader,
    pub(crate) source: Source,
    share: Share,
    page_size: u32,
}

impl<'a> Walker<'a> {
    pub(crate) async fn new(poll: Poll<'a>) -> Result<Self, Halt> {
        let unusable = |error: String| Halt::Stop(Stop::Unusable(error));
        let reader =
            Reader::new(&poll.poller.config).map_err(|error| unusable(error.to_string()))?;
        let page_size = poll.parts.config.page_size;
        let window = window(poll.poller, &poll.instance.settings, page_size)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            source: Source {
                account: poll.instance.account.clone(),
                object: poll.poller.object.clone(),
                equals: window.search.equals,
            },
            share: Share::of(&poll.desk).await?,
            reader,
            page_size,
            poll,
        })
    }

    /// The beginning of a walk.
    pub(crate) fn begin(&self) -> Place {
        Place {
            source: self.source.clone(),
            pages: Pages::new(self.page_size),
            // A list knows no condition.
            search: self.source.equals.is_some(),
        }
    }

    /// The page at the walk's place.
    pub(crate) async fn page(
        &mut self,
        place: &mut Place,
        brief: bool,
    ) -> Result<Answer<Page>, Halt> {
        let page = Search {
            updated_after: place
                .source
                .equals
                .is_none()
                .then_some(DateTime::UNIX_EPOCH),
            equals: place.source.equals.clone(),
            skip: place.pages.skip(),
            top: self.page_size,
            count_total: true,
            brief,
        };
        if !place.search {
            self.turn().await?;
            match self.poll.desk.list(&place.source.object, &page).await {
                Err(Stop::Refused(Refusal::NotAllowed { .. } | Refusal::NotFound { .. }))
                    if page.skip == 0 =>
                {
                    place.search = true;
                }
                answer => return Ok(answer?),
            }
        }
        self.turn().await?;
        Ok(self.poll.desk.search(&place.source.object, &page).await?)
    }

    /// One record; none when it is gone.
    pub(crate) async fn record(&mut self, id: &str) -> Result<Answer<Option<Value>>, Halt> {
        self.turn().await?;
        Ok(self.poll.desk.get(&self.source.object, id).await?)
    }

    async fn turn(&mut self) -> Result<(), Halt> {
        match self.share.turn(&self.poll.desk).await? {
            Turn::Now => Ok(()),
            Turn::Later(at) => Err(Halt::Later(at)),
        }
    }

    /// Stores what a page of the walk found, and how far the walk is, in one transaction; then publishes.
    pub(crate) async fn commit(&mut self, found: Found, walk: WalkWrite) -> Result<(), Halt> {
        let Found {
            changes,
            quarantine,
        } = found;
        let kind = walk.walk.kind.as_str();
        let page = PageCommit {
            versions: remembered(&changes, &self.poll.instance.settings),
            notifications: self.poll.notifications(&changes).await?,
            quarantine,
            walk: Some(walk),
            ..PageCommit::new(Progress::Beside { due_at: None })
        };
        let kinds = kinds(changes);
        let store = &self.poll.parts.store;
        let committed = store.commit_page(self.poll.fence, &page).await?;
        self.poll.fence = committed.fence;
        counter!("ie_walk_pages_total", "kind" => kind).increment(1);
        count_changes(kinds);
        let (new, held) = (&page.notifications, &committed.held);
        self.poll.publish(new, held).await;
        Ok(())
    }

    /// Stores that a walk goes on later, or why it does not, and makes the poller due for it.
    pub(crate) async fn leave(
        &mut self,
        walk: Walk,
        due_at: Option<DateTime<Utc>>,
    ) -> Result<(), ie_store::Error> {
        let page = PageCommit {
            walk: Some(WalkWrite::new(walk)),
            ..PageCommit::new(Progress::Beside { due_at })
        };
        let store = &self.poll.parts.store;
        self.poll.fence = store.commit_page(self.poll.fence, &page).await?.fence;
        Ok(())
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.poll.clock.now()
    }
}

/// The stored place of a walk, in words that this version of the program understands; else it begins again.
pub(crate) fn stored<T: for<'de> Deserialize<'de>>(walk: &Walk) -> Option<T> {
    serde_json::from_str(walk.state.as_deref()?).ok()
}

/// How a place is stored.
pub(crate) fn to_store<T: Serialize>(place: &T) -> Result<Option<String>, Halt> {
    let text = serde_json::to_string(place);
    text.map(Some)
        .map_err(|error| Halt::Stop(Stop::Unusable(error.to_string())))
}

/// The walk of a kind, or one that begins now.
pub(crate) fn of_kind(walks: &[Walk], kind: WalkKind, now: DateTime<Utc>) -> Walk {
    let found = walks.iter().find(|walk| walk.kind == kind);
    found.cloned().unwrap_or_else(|| Walk::new(kind, now))
}
