//! The share of an account's requests that its walks through all records may use: live polls keep the rest.

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::AccountKey;
use ie_store::{Ask, Permit, Rate};

use crate::request::Desk;

/// Requests of one slice of a walk. All walks of an account have one budget together, beside the account's own.
pub(crate) struct Share {
    account: AccountKey,
    rate: Rate,
    ends_at: DateTime<Utc>,
    left: u32,
}

/// Whether a walk may send its next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may, now.
    Now,
    /// The slice is over; the walk goes on then.
    Later(DateTime<Utc>),
}

impl Share {
    /// The share of the desk's account, for one slice that begins now.
    pub(crate) async fn of(desk: &Desk<'_>) -> Result<Self, ie_store::Error> {
        let config = desk.config;
        let known = desk.store.budget(desk.account).await?;
        let told = known.and_then(|budget| budget.limit);
        let whole = desk.rate();
        let per_day = told.into_iter().chain(whole.per_day).min();
        let share = |limit: u32| (f64::from(limit) * config.snapshot_share) as u32;
        let rate = Rate {
            per_second: whole.per_second * config.snapshot_share,
            per_day: per_day.map(|limit| share(limit).max(1)),
            reserve: 0,
            ..whole
        };
        let time = TimeDelta::from_std(config.slice_time).unwrap_or(TimeDelta::MAX);
        Ok(Self {
            account: AccountKey(format!("{} walks", desk.account)),
            rate,
            ends_at: desk
                .clock
                .now()
                .checked_add_signed(time)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
            left: config.slice_requests,
        })
    }

    /// Waits for the turn of the next request, unless the slice is over before it comes.
    pub(crate) async fn turn(&mut self, desk: &Desk<'_>) -> Result<Turn, ie_store::Error> {
        let now = desk.clock.now();
        if self.left == 0 || now >= self.ends_at {
            return Ok(Turn::Later(now));
        }
        let ask = Ask {
            patience: (self.ends_at - now).to_std().unwrap_or_default(),
            ..Ask::at_once(now)
        };
        match desk
            .store
            .take_permit(&self.account, self.rate, ask)
            .await?
        {
            Permit::Granted { at } => {
                self.left -= 1;
                let wait = (at - now).to_std().unwrap_or_default();
                desk.clock.sleep(wait).await;
                Ok(Turn::Now)
            }
            Permit::Later { at } => Ok(Turn::Later(at)),
            Permit::DaySpent { until } => Ok(Turn::Later(until)),
        }
    }
}
