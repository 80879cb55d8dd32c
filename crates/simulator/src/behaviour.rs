//! What can be changed while the simulator runs: the assumptions about Insightly, both ways.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::Window;
use crate::query::{After, Order};
use crate::settings::Settings;

/// How Insightly behaves where nothing is documented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Behaviour {
    /// Whether either date form is taken everywhere.
    pub lenient_dates: bool,
    /// Whether `updated_after_utc` includes its own second.
    pub updated_after: After,
    /// The order of records.
    pub order: Order,
    /// Records per page when not asked for a number.
    pub page_default: usize,
    /// Records per page at most.
    pub page_limit: usize,
    /// What counts as one second.
    pub rate_window: Window,
    /// When the day turns, after midnight UTC.
    #[serde(with = "humantime_serde")]
    pub day_turns_at: Duration,
    /// Whether a 429 of the second says `Retry-After`.
    pub burst_retry_after: bool,
    /// Whether a 429 of the day says `Retry-After`.
    pub daily_retry_after: bool,
    /// Whether the ledger notes when a version was first handed out.
    pub record_served: bool,
}

/// What to change of it; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of Behaviour")]
pub struct BehaviourChange {
    pub lenient_dates: Option<bool>,
    pub updated_after: Option<After>,
    pub order: Option<Order>,
    pub page_default: Option<usize>,
    pub page_limit: Option<usize>,
    pub rate_window: Option<Window>,
    #[serde(with = "humantime_serde")]
    pub day_turns_at: Option<Duration>,
    pub burst_retry_after: Option<bool>,
    pub daily_retry_after: Option<bool>,
    pub record_served: Option<bool>,
}

impl Behaviour {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            lenient_dates: settings.lenient_dates,
            updated_after: settings.updated_after,
            order: settings.order,
            page_default: settings.page_default,
            page_limit: settings.page_limit,
            rate_window: settings.rate_window,
            day_turns_at: settings.day_turns_at,
            burst_retry_after: settings.burst_retry_after,
            daily_retry_after: settings.daily_retry_after,
            record_served: settings.record_served,
        }
    }

    pub(crate) fn change(&mut self, to: &BehaviourChange) {
        replace(&mut self.lenient_dates, to.lenient_dates);
        replace(&mut self.updated_after, to.updated_after);
        replace(&mut self.order, to.order);
        replace(&mut self.page_default, to.page_default);
        replace(&mut self.page_limit, to.page_limit);
        replace(&mut self.rate_window, to.rate_window);
        replace(&mut self.day_turns_at, to.day_turns_at);
        replace(&mut self.burst_retry_after, to.burst_retry_after);
        replace(&mut self.daily_retry_after, to.daily_retry_after);
        replace(&mut self.record_served, to.record_served);
    }

    /// When the day turns, in milliseconds after midnight.
    pub(crate) fn turn(&self) -> i64 {
        self.day_turns_at.as_millis() as i64
    }
}

fn replace<T>(value: &mut T, with: Option<T>) {
    if let Some(new) = with {
        *value = new;
    }
}
