//! What to ask Insightly for: the window of a poll, from the cursor and the resource's URL template; pure.

use chrono::{DateTime, TimeDelta, Utc};
use ie_insightly::Search;
use ie_model::dates::Zone;
use ie_model::hub_query::HubQuery;
use ie_model::template::Template;
use ie_model::{Poller, Settings};

/// The window of one poll.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// Changes from this time of Insightly's on are asked for.
    pub(crate) start: DateTime<Utc>,
    /// The request, without its place in the pages.
    pub(crate) search: Search,
    /// Whether what is asked for follows the cursor, as the URL has a variable for its time.
    pub(crate) moves: bool,
}

/// A stored template or zone that does not work any more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("event.poller.configuration.{resource}: {reason}")]
pub(crate) struct BadWindow {
    resource: String,
    reason: String,
}

/// The window that follows a poller's cursor.
///
/// It begins before the cursor: by the overlap, for writes that become visible late, by the resource's
/// `pollDelay`, and by one second more, as nobody says whether `updated_after_utc` includes its second.
pub(crate) fn window(
    poller: &Poller,
    settings: &Settings,
    page_size: u32,
) -> Result<Window, BadWindow> {
    let bad = |reason: String| BadWindow {
        resource: poller.resource.clone(),
        reason,
    };
    let back = i64::from(settings.overlap) + i64::from(poller.config.poll_delay);
    let start = poller.cursor - TimeDelta::seconds(back);
    let zone: Zone = settings
        .zone
        .parse()
        .map_err(|error| bad(format!("zone: {error}")))?;
    let template: Template = poller
        .config
        .url
        .parse()
        .map_err(|error| bad(format!("url: {error}")))?;
    let url = template.render(start - TimeDelta::seconds(1), zone);
    let query: HubQuery = url.parse().map_err(|error| bad(format!("url: {error}")))?;
    let top = poller
        .config
        .page_size
        .or(query.page_size)
        .unwrap_or(page_size)
        .clamp(2, page_size);
    let search = Search {
        updated_after: query.updated_after,
        equals: query.equals.into_iter().next(),
        skip: 0,
        top,
        count_total: true,
        brief: false,
    };
    let moves = template.is_timed() && search.updated_after.is_some();
    Ok(Window {
        start,
        search,
        moves,
    })
}
