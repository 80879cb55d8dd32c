//! The memory of versions is bounded: what no window of a poll can reach again is forgotten, a little with each poll.
//!
//! No index leads to old versions. It would be written with every version, though most pollers need it rarely; and an
//! indexed column that changes with each update costs PostgreSQL its cheap updates (HOT). Instead a round goes through a
//! poller's versions in the order of their key, a limited number of them per poll, and rests when it is through. Where
//! it stands is in the poller's row, which a poll writes anyway.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::PollerId;

use crate::database::Tx;
use crate::sql::Sql;
use crate::{Result, time};

/// Which versions a finished poll may forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prune {
    /// Versions whose record was updated before this time of Insightly's.
    pub before: DateTime<Utc>,
    /// Versions that are looked at, at the most.
    pub most: u32,
    /// How long a round rests when it is through.
    pub rest: Duration,
    /// Now, by our clock.
    pub at: DateTime<Utc>,
}

/// Where a poller's round stands: when it goes on, and the last object looked at.
#[derive(sqlx::FromRow)]
pub(crate) struct Round {
    prune_at: i64,
    prune_after: Option<String>,
}

pub(crate) const SELECT_STRETCH: &str = "SELECT MAX(object_id), COUNT(*) FROM \
     (SELECT object_id FROM versions WHERE poller_id = $1 AND object_id > $2 \
     ORDER BY object_id LIMIT $3) AS stretch";

/// The sequence of an event is not below the milliseconds of its time, see [`ie_model::Version::next_sequence`]. A snapshot
/// that is under way may meet a record again. A record in quarantine may turn out to be the version that is remembered.
pub(crate) const FORGET: &str = "DELETE FROM versions WHERE poller_id = $1 AND object_id > $2 \
     AND object_id <= $3 AND updated_at < $4 AND sequence < $4 AND NOT EXISTS (SELECT 1 FROM walks \
     WHERE walks.poller_id = $1 AND walks.kind = 'snapshot' AND walks.due_at IS NOT NULL) \
     AND NOT EXISTS (SELECT 1 FROM quarantine \
     WHERE quarantine.poller_id = $1 AND quarantine.record_key = 'id:' || versions.object_id)";

/// Goes on with a poller's round, if it is due.
pub(crate) async fn prune(
    tx: &mut Tx,
    poller: PollerId,
    round: Round,
    prune: &Prune,
) -> Result<()> {
    if round.prune_at > time::to_ms(prune.at) {
        return Ok(());
    }
    let after = round.prune_after.unwrap_or_default();
    let stretch = Sql::new(SELECT_STRETCH)
        .bind(poller)
        .bind(after.as_str())
        .bind(prune.most);
    let found: Vec<(Option<String>, i64)> = tx.all(stretch).await?;
    let (last, seen) = found.into_iter().next().unwrap_or_default();
    if let Some(last) = &last {
        let forget = Sql::new(FORGET)
            .bind(poller)
            .bind(after.as_str())
            .bind(last.as_str())
            .bind(prune.before);
        tx.execute(forget).await?;
    }
    let through = seen < i64::from(prune.most);
    let next = Sql::new("UPDATE pollers SET prune_at = $2, prune_after = $3 WHERE id = $1");
    let next = next.bind(poller);
    let next = if through {
        next.bind(time::after(prune.at, prune.rest))
            .bind(None::<&str>)
    } else {
        next.bind(prune.at).bind(last.as_deref())
    };
    tx.execute(next).await?;
    Ok(())
}
